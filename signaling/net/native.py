"""The packet kernel in C (signaling/native/), compiled by `python -m signaling.net.native`, loaded through cffi."""

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from cffi import FFI  # type: ignore[import-untyped]  # has no stubs among our packages

SOURCES = Path(__file__).resolve().parent.parent / "native"
# -O2 as for the peers it is compared with; nothing that ties the file to one processor.
FLAGS = ("-O2", "-fno-strict-aliasing", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror=implicit")


class NoCompiler(Exception):
    """There is no C compiler; the relay then runs its Python loop."""


def library(sources: Path = SOURCES) -> Path:
    """
    Return where the kernel of just these sources lies: their digest is in its name.

    An old kernel beside newer sources would be called with other structures than its own, and crash.
    """
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return sources / f"kernel-{sysconfig.get_platform()}-{digest.hexdigest()[:16]}.so"


def build() -> Path:
    """Compile the kernel; NoCompiler without one, CalledProcessError with the compiler's words when it fails."""
    target = library()
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("no C compiler (cc, gcc, clang)")
    files = sorted(str(path) for path in SOURCES.glob("*.c"))
    fresh = target.with_suffix(".new")
    subprocess.run([compiler, *FLAGS, "-o", str(fresh), *files], check=True, capture_output=True, text=True)
    fresh.replace(target)
    for old in SOURCES.glob("kernel-*.so"):
        if old != target:
            old.unlink()  # a relay that runs keeps the file it has loaded
    return target


def is_missing() -> bool:
    """Return whether the kernel of the sources as they are has not been built."""
    return not library().exists()


def declarations() -> str:
    """Return relay.h as cffi reads it: without comments."""
    return re.sub(r"/\*.*?\*/", "", (SOURCES / "relay.h").read_text(), flags=re.DOTALL)


ffi = FFI()
ffi.cdef(declarations())


def load() -> Any:
    """Return the loaded library; OSError when it can not be."""
    if is_missing():
        raise OSError("the kernel of these sources is not built; run python -m signaling.net.native")
    return ffi.dlopen(str(library()))


def main() -> int:
    """Build; a missing compiler is told and is no failure, since the Python loop does the same."""
    try:
        print(f"built {build().name}")
    except NoCompiler as error:
        print(f"{error}: the relay will forward in Python, at about three times the CPU", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"the kernel does not compile, the relay will forward in Python:\n{error.stderr}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
