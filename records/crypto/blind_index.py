"""
Blind indexes: equal plaintexts give equal tokens, and nothing else can be told without the tenant's index key.

A token is 1 byte key version, then HMAC-SHA256 of the normalised text under the key of (tenant, field), truncated. A
truncated token matches strangers on purpose (they hide who shares a value), so a reader re-checks after decryption.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain

from records.crypto import native
from records.crypto.envelope import DataKey

FULL_BITS = 128
# A string's beginnings: each a row of its own, or all in one row that is read by ranges (records/fhir/README.md).
ROW_FOR_EACH, ROW_OF_ALL = 1, 2
LEVEL_BYTES = 8  # a letter after given letters meets a stranger once in 2^64
MARK_BYTES = 8  # a few hundred texts a tenant
END_BYTES = 16
PADDED_LEVELS = 4  # a row shows a string's length in steps of four letters only
# The tenant size that truncated fields are sized for. The size rule holds from a tenth of it to ten times it.
PLANNED_PATIENTS = 1_000_000
NAME_PREFIX_MAX = 8  # letters; more would tell a name's length without finding fewer people


def size_bits(population: int) -> int:
    """
    Return how many bits a token of a patient field keeps: three quarters of log2(R).

    C = R / 2^bits rows share a token, and CipherSweet asks for 2 <= C < sqrt(R): this gives C = R^(1/4), the middle.
    """
    return max(1, math.floor(0.75 * math.log2(max(population, 2))))


PATIENT_BITS = size_bits(PLANNED_PATIENTS)

# Truncated fields. Every other field gets FULL_BITS: it must be unique (an e-mail address), or its table's owner
# published that equality shows (records/README.md "Leakage").
FIELD_BITS = {
    "patient.identifier": PATIENT_BITS,
    "patient.identifier.value": PATIENT_BITS,
    "patient.phone": PATIENT_BITS,
    "patient.phone.last4": PATIENT_BITS,
    "patient.name": PATIENT_BITS,
}


def normalise(value: str) -> str:
    """Return a text as indexes compare it: NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def normalise_identifier(value: str) -> str:
    """Return an identifier without spaces and hyphens; an ID card's check digit x is upper case either way."""
    return re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", value)).upper()


def normalise_phone(value: str, country_code: str = "86") -> str:
    """Return a phone number in E.164 digits without '+'. A number without country code gets the default one."""
    text = unicodedata.normalize("NFKC", value).strip()
    digits = re.sub(r"\D", "", text)
    if text.startswith("+"):
        return digits
    if digits.startswith("00"):
        return digits[2:]
    return country_code + digits.lstrip("0")


def name_prefixes(name: str) -> tuple[str, ...]:
    """Return what a name is found by: prefixes of the whole and of each word, 1 to 8 letters, and the whole."""
    whole = normalise(name)
    parts = {whole, *whole.split()}
    prefixes = {part[:length] for part in parts for length in range(1, NAME_PREFIX_MAX + 1)}
    return tuple(sorted((prefixes | {whole}) - {""}))


def token(key: DataKey, field: str, text: str) -> bytes:
    """Return the token of an already normalised text under one version of the index key."""
    return tokens(key, field, (text,))[0]


def tokens(key: DataKey, field: str, texts: Iterable[str]) -> list[bytes]:
    """Return the tokens of many texts, in their order."""
    bits = FIELD_BITS.get(field, FULL_BITS)
    size, spare = (bits + 7) // 8, -bits % 8
    found = _beginnings(key, field, list(texts), size)
    if spare:
        found = [each[:1] + (int.from_bytes(each[1:]) >> spare).to_bytes(size) for each in found]
    return found


def marks(key: DataKey, field: str, texts: Iterable[str]) -> list[bytes]:
    """Return the first 8 bytes of the tokens of many texts, in their order."""
    return _beginnings(key, field, list(texts), MARK_BYTES - 1)


def _beginnings(key: DataKey, field: str, texts: Sequence[str], size: int) -> list[bytes]:
    """Return the version and the first `size` bytes of the HMAC of each text."""
    purpose, version = "blind index/" + field, key.version & 0xFF
    if len(texts) > 1 and (state := key.keyed(purpose)) and (found := native.macs(state, texts, version, size)):
        return found
    keyed, head, found = key.mac(purpose), bytes((version,)), []
    for text in texts:
        mac = keyed.copy()
        mac.update(text.encode())
        found.append(head + mac.finalize()[:size])
    return found


# One string of which every beginning is found: what stands before the letters in the text of a beginning, the letters,
# and two texts of the whole string, empty where it has fewer. A plain tuple, since an import has millions.
Path = tuple[str, str, str, str]


def paths(key: DataKey, field: str, wanted: Sequence[Path]) -> list[bytes]:
    """Return the rows of many strings, in their order."""
    state = key.keyed("blind index/" + field) if wanted else None
    if state is not None and (found := native.paths(state, list(chain.from_iterable(wanted)), key.version & 0xFF)):
        return found
    return [path(key, field, each) for each in wanted]


def path(key: DataKey, field: str, wanted: Path) -> bytes:
    """
    Return one row for all beginnings of a string: version | 8 bytes of each one's HMAC | padding | 16 of the ends'.

    The text of a beginning is the head and the letters so far. Whoever knows the first n letters finds the row by the
    n * 8 + 1 bytes that it begins with.
    """
    head, letters, ends = wanted[0], wanted[1], [end for end in wanted[2:] if end]
    keyed, found, digest = key.mac("blind index/" + field), bytearray((key.version & 0xFF,)), b""
    so_far = keyed.copy()
    so_far.update(head.encode())
    for letter in letters:
        so_far.update(letter.encode())
        digest = so_far.copy().finalize()
        found += digest[:LEVEL_BYTES]
    padding = -len(letters) % PADDED_LEVELS
    found += digest[LEVEL_BYTES : LEVEL_BYTES * (1 + padding)]  # the last HMAC's other bytes: nothing tells them apart
    for text in ends:
        mac = keyed.copy()
        mac.update(text.encode())
        found += mac.finalize()[: END_BYTES // len(ends)]
    return bytes(found)


def path_range(key: DataKey, field: str, wanted: Path) -> tuple[bytes, bytes]:
    """Return the first row that may begin so, and the first beyond; an end only after letters that need no padding."""
    levels = len(wanted[1]) + sum(1 for end in wanted[2:] if end)
    first = path(key, field, wanted)[: 1 + LEVEL_BYTES * levels]
    return first, (int.from_bytes(first) + 1).to_bytes(len(first))


def mark(key: DataKey, field: str, text: str) -> bytes:
    """Return the first 8 bytes of a token. Kept with the key: the texts are names of elements, never of people."""
    found = key.marks.get((field, text))
    if found is None:
        found = key.marks[field, text] = token(key, field, text)[:MARK_BYTES]
    return found
