"""
HMACs by the hundred in C (records/native/), where `python -m records.store.native` has built it.

Each function gives None where the library is not there, or does not take what it was given: the caller then goes its
own way, which is the reference (blind_index, suites).
"""

import hashlib
import re
import sysconfig
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from cffi import FFI  # type: ignore[import-untyped]  # has no stubs among our packages

SOURCES = Path(__file__).resolve().parent.parent / "native"
# A text that holds it goes the long way. FHIR's strings have none, but a `code` may.
SEPARATOR = "\0"
PATH_BYTES = 145  # of blind.h


def library(sources: Path = SOURCES) -> Path:
    """Return where the library of just these sources lies: their digest is in its name, so no older one is loaded."""
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return sources / f"blind-{sysconfig.get_platform()}-{digest.hexdigest()[:16]}.so"


ffi = FFI()
ffi.cdef(re.sub(r"/\*.*?\*/", "", (SOURCES / "blind.h").read_text(), flags=re.DOTALL))


@cache
def load() -> Any | None:
    """Return the library; None where it is not built."""
    found = library()
    return ffi.dlopen(str(found)) if found.exists() else None


def keyed(key: bytes) -> bytes | None:
    """Return an HMAC-SHA256 under a key, ready for texts."""
    native = load()
    if native is None:
        return None
    state = ffi.new("mac_state *")
    native.mac_start(key, len(key), state)
    return bytes(ffi.buffer(state))


def macs(state: bytes, texts: Sequence[str], lead: int, size: int) -> list[bytes] | None:
    """Return `lead` and the first `size` bytes of the HMAC of each text."""
    native = load()
    joined = SEPARATOR.join(texts)
    if native is None or not texts or joined.count(SEPARATOR) != len(texts) - 1:
        return None
    data, width = joined.encode(), size + 1
    out = bytearray(len(texts) * width)
    state_ = ffi.from_buffer("mac_state *", state)
    if native.mac_texts(state_, data, len(data), len(texts), lead, size, ffi.from_buffer("uint8_t[]", out)):
        return None
    found = bytes(out)
    return [found[at : at + width] for at in range(0, len(found), width)]


def paths(state: bytes, texts: Sequence[str], lead: int) -> list[bytes] | None:
    """Return a row for every four texts: head, letters, and two ends, empty where a path has fewer."""
    native = load()
    joined = SEPARATOR.join(texts)
    if native is None or not texts or joined.count(SEPARATOR) != len(texts) - 1:
        return None
    data, count = joined.encode(), len(texts) // 4
    out, lengths = bytearray(count * PATH_BYTES), ffi.new("uint32_t[]", count)
    state_ = ffi.from_buffer("mac_state *", state)
    if native.mac_paths(state_, data, len(data), count, lead, ffi.from_buffer("uint8_t[]", out), lengths):
        return None
    found, ends = bytes(out), list(accumulate(lengths))
    return [found[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def derived(keys: bytes, info: bytes) -> bytes | None:
    """Return 32 bytes of HKDF-SHA256 without salt for each of many keys of 32 bytes, one after the other."""
    return _each("derive_each", keys, info + b"\1")


def macs_of_one(keys: bytes, text: bytes) -> bytes | None:
    """Return the 32 bytes of the HMAC of one text under each of many keys of 32 bytes."""
    return _each("mac_each", keys, text)


def _each(name: str, keys: bytes, text: bytes) -> bytes | None:
    native = load()
    if native is None:
        return None
    out = bytearray(len(keys))
    getattr(native, name)(keys, len(keys) // 32, text, len(text), ffi.from_buffer("uint8_t[]", out))
    return bytes(out)
