"""What resources are found by, blinded under every live index key: rows to write, and what to look for in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from records.crypto import blind_index
from records.crypto.blind_index import ROW_FOR_EACH
from records.crypto.envelope import DataKey
from records.fhir.index import MAX_PREFIX, Index, String, exact, expanded, normalise_string, prefix, presence, whole

FIELD = "fhir"  # the blind index key of all FHIR tokens; path and value are in the text
INDEXED = "resource"  # every resource's, so that `present` says under which keys it was written


@dataclass(frozen=True, slots=True)
class Sought:
    """What a row of resource_token must be: one of the tokens, or inside one of the ranges (end excluded)."""

    tokens: list[bytes]
    ranges: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Blinds:
    """The live index keys, oldest first. Until a rotation ends, a process may search with the older one alone."""

    keys: Sequence[DataKey]

    def tokens(self, texts: Iterable[str]) -> list[bytes]:
        """Give the tokens of texts under each key."""
        found = list(texts)
        return [token for key in self.keys for token in blind_index.tokens(key, FIELD, found)]

    def rows(self, index: Index) -> list[bytes]:
        """Give a resource's rows of resource_token."""
        found: list[bytes] = []
        for key in self.keys:
            if key.layout == ROW_FOR_EACH:
                texts = index.tokens.union(map(presence, index.present), *map(expanded, index.strings))
                found += blind_index.tokens(key, FIELD, texts)
            else:
                found += blind_index.tokens(key, FIELD, index.tokens)
                found += {_row(key, string) for string in index.strings}
        return found

    def marks(self, index: Index) -> bytes | None:
        """Give a resource's `present`: 8 bytes of each element that has a value; the newest key's come first."""
        found: list[bytes] = []
        for key in reversed(self.keys):
            if key.layout != ROW_FOR_EACH:
                found += [blind_index.mark(key, FIELD, presence(each)) for each in sorted((INDEXED, *index.present))]
                found += _code_marks(key, index.coded)
        return b"".join(found) or None

    def coded(self, texts: Iterable[str]) -> bytes:
        """Give the marks of codes under each key, of which a resource with one of them has one."""
        found = list(texts)
        return b"".join(mark for key in reversed(self.keys) for mark in _code_marks(key, found))

    def string(self, key: str, text: str, is_exact: bool) -> Sought:
        """Give what rows of a string have that begins with a normalised text, or was written as `text`."""
        sought = Sought([], [])
        for each in self.keys:
            if is_exact:
                string = String(key, normalise_string(text), text)
                is_first = each.layout == ROW_FOR_EACH
                found = blind_index.token(each, FIELD, exact(key, text)) if is_first else _row(each, string)
                sought.tokens.append(found)
            elif each.layout == ROW_FOR_EACH:
                make = prefix if len(text) <= MAX_PREFIX else whole
                sought.tokens.append(blind_index.token(each, FIELD, make(key, text)))
            elif text:
                ends = (whole(key, text),) if len(text) > MAX_PREFIX else ()
                sought.ranges.append(blind_index.path_range(each, FIELD, prefix(key, ""), text[:MAX_PREFIX], ends))
        return sought

    def present(self, keys: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
        """Give tokens and marks of which a resource has one when there is a value under a key."""
        tokens = [
            blind_index.token(each, FIELD, presence(key))
            for each in self.keys if each.layout == ROW_FOR_EACH for key in keys
        ]  # fmt: skip
        marks = [
            blind_index.mark(each, FIELD, presence(key))
            for each in self.keys if each.layout != ROW_FOR_EACH for key in keys
        ]  # fmt: skip
        return tokens, marks


def _code_marks(key: DataKey, texts: Iterable[str]) -> list[bytes]:
    """As marks of elements, but not kept with the key: there are as many codes as clients think of."""
    return [found[: blind_index.MARK_BYTES] for found in blind_index.tokens(key, FIELD, sorted(texts))]


def _row(key: DataKey, string: String) -> bytes:
    path, normal, written = string
    ends: tuple[str, ...] = ()
    if written is not None:  # what is no longer than its beginnings is whole among them
        ends = (whole(path, normal), exact(path, written)) if len(normal) > MAX_PREFIX else (exact(path, written),)
    return blind_index.path(key, FIELD, prefix(path, ""), normal[:MAX_PREFIX], ends)
