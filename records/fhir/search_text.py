"""The text of a search: parameters, and escapes in their values: `\\,` `\\|` `\\$` `\\\\` (FHIR R4 §3.1.1.4.4)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from records.fhir.errors import BadSearch

MAX_FIELDS = 200
_ESCAPED_OR = {mark: re.compile(rf"\\.|{re.escape(mark)}", re.DOTALL) for mark in ",|$"}


def search_pairs(text: str) -> list[tuple[str, str]]:
    """
    Give (name, value) of each parameter of a URL's query or a form. Raises BadSearch.

    GBK, as old systems send it, is refused: read as UTF-8 it would find nobody, and a conditional create make another.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise BadSearch("the search is not percent-encoded UTF-8") from None
    except ValueError:
        raise BadSearch(f"a search has at most {MAX_FIELDS} parameters") from None
    if any("\0" in name + value for name, value in pairs):
        raise BadSearch("U+0000 is no character of a search")
    return pairs


def split_escaped(text: str, separator: str) -> list[str]:
    """Split at unescaped separators, one of `,` `|` `$`; escapes stay."""
    if "\\" not in text:
        return text.split(separator)
    parts, start = [], 0
    for found in _ESCAPED_OR[separator].finditer(text):
        if found[0] == separator:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    """Take the escapes out."""
    if "\\" not in text:
        return text
    found: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        found.append(text[position])
        position += 1
    return "".join(found)
