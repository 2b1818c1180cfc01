"""Compiles records/native/, which records/crypto/native.py loads: `python -m records.store.native`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from records.crypto.native import SOURCES, library

# Nothing that ties the file to one processor: instructions that not all have are chosen when it runs.
FLAGS = ("-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror=implicit")


class NoCompiler(Exception):
    """There is no C compiler; records are then blinded in Python."""


def build() -> Path:
    """Compile; NoCompiler without one, CalledProcessError with the compiler's words when it fails."""
    target = library()
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("no C compiler (cc, gcc, clang)")
    files = sorted(str(path) for path in SOURCES.glob("*.c"))
    fresh = target.with_suffix(f".{os.getpid()}")
    subprocess.run([compiler, *FLAGS, "-o", str(fresh), *files], check=True, capture_output=True, text=True)
    fresh.replace(target)
    for old in SOURCES.glob("blind-*.so"):
        if old != target:
            old.unlink()  # a process that runs keeps the file it has loaded
    return target


def main() -> int:
    """Build; a missing compiler is told and is no failure, since Python does the same."""
    try:
        print(f"built {build().name}")
    except NoCompiler as error:
        print(f"{error}: records will be blinded in Python, an import then takes half as long again", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"records/native does not compile, records will be blinded in Python:\n{error.stderr}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
