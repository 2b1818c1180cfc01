"""What resources are found by, blinded under every live index key: rows to write, and what to look for in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from itertools import chain, islice

from records.crypto import blind_index
from records.crypto.blind_index import ROW_FOR_EACH, Path
from records.crypto.envelope import DataKey
from records.fhir.coded import CODED
from records.fhir.index import MAX_PREFIX, Index, String, exact, expanded, normalise_string, prefix, presence, whole

FIELD = "fhir"  # the blind index key of all FHIR tokens; path and value are in the text
MAX_TOGETHER = 1_000  # sets of elements of which the marks are kept, some 150 bytes each
UNCODED = frozenset((CODED,))  # the texts of a resource without codes, as most Patients are
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

    def rows(self, indexes: Sequence[Index]) -> list[list[bytes]]:
        """Give the rows of resource_token of each of some resources."""
        found: list[list[bytes]] = [[] for _ in indexes]
        for key in self.keys:
            if key.layout == ROW_FOR_EACH:
                texts = [_of_first_layout(index) for index in indexes]
                _share(found, blind_index.tokens(key, FIELD, chain.from_iterable(texts)), texts)
            else:
                tokens, strings = [index.tokens for index in indexes], [index.strings for index in indexes]
                _share(found, blind_index.tokens(key, FIELD, chain.from_iterable(tokens)), tokens)
                wanted = [_path(string) for each in strings for string in each]
                _share(found, blind_index.paths(key, FIELD, wanted), strings)
        return found

    def marks(self, indexes: Sequence[Index]) -> list[bytes | None]:
        """Give `present` of each of some resources: 8 bytes of each element with a value; the newest key's first."""
        found: list[list[bytes]] = [[] for _ in indexes]
        for key in reversed(self.keys):
            if key.layout != ROW_FOR_EACH:
                for marks, index in zip(found, indexes, strict=True):
                    marks.append(_element_marks(key, index))
                    if index.coded == UNCODED:
                        marks.append(blind_index.mark(key, FIELD, CODED))
                coded = [sorted(index.coded) if index.coded != UNCODED else [] for index in indexes]
                _share(found, blind_index.marks(key, FIELD, chain.from_iterable(coded)), coded)
        return [b"".join(marks) or None for marks in found]

    def coded(self, texts: Iterable[str]) -> bytes:
        """Give the marks of codes under each key, of which a resource with one of them has one."""
        found = list(texts)
        return b"".join(mark for key in reversed(self.keys) for mark in _code_marks(key, found))

    def string(self, key: str, text: str, is_exact: bool) -> Sought:
        """Give what rows of a string have that begins with a normalised text, or was written as `text`."""
        sought = Sought([], [])
        for each in self.keys:
            if is_exact:
                string = (key, normalise_string(text), text)
                is_first = each.layout == ROW_FOR_EACH
                found = blind_index.token(each, FIELD, exact(key, text)) if is_first else _row(each, string)
                sought.tokens.append(found)
            elif each.layout == ROW_FOR_EACH:
                make = prefix if len(text) <= MAX_PREFIX else whole
                sought.tokens.append(blind_index.token(each, FIELD, make(key, text)))
            elif text:
                end = whole(key, text) if len(text) > MAX_PREFIX else ""
                wanted = (prefix(key, ""), text[:MAX_PREFIX], end, "")
                sought.ranges.append(blind_index.path_range(each, FIELD, wanted))
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
    return blind_index.marks(key, FIELD, sorted(texts))


def _share(found: Sequence[list[bytes]], blinded: Iterable[bytes], texts: Iterable[Sized]) -> None:
    """Hand to each resource as many as it has texts."""
    rest = iter(blinded)
    for own, each in zip(found, texts, strict=True):
        own += dict.fromkeys(islice(rest, len(each)))  # each row once


def _of_first_layout(index: Index) -> set[str]:
    return index.tokens.union(map(presence, index.present), *map(expanded, index.strings))


def _element_marks(key: DataKey, index: Index) -> bytes:
    """Give the marks of all elements that have a value, kept with the key: most resources of a type have the same."""
    elements = frozenset(index.present)
    found = key.together.get(elements)
    if found is None:
        found = b"".join(blind_index.mark(key, FIELD, presence(each)) for each in sorted((INDEXED, *elements)))
        if len(key.together) >= MAX_TOGETHER:
            key.together.clear()
        key.together[elements] = found
    return found


def _row(key: DataKey, string: String) -> bytes:
    return blind_index.path(key, FIELD, _path(string))


def _path(string: String) -> Path:
    key, normal, written = string
    head, letters = prefix(key, ""), normal[:MAX_PREFIX]
    if written is None:
        return head, letters, "", ""
    if len(normal) > MAX_PREFIX:
        return head, letters, whole(key, normal), exact(key, written)
    return head, letters, exact(key, written), ""  # what is no longer than its beginnings is whole among them
