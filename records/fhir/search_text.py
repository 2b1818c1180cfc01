"""Escapes in search values: `\\,` `\\|` `\\$` `\\\\` (FHIR R4 §3.1.1.4.4)."""

from __future__ import annotations


def split_escaped(text: str, separator: str) -> list[str]:
    """Split at unescaped separators; escapes stay."""
    parts: list[str] = [""]
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            parts[-1] += text[position : position + 2]
            position += 2
            continue
        if character == separator:
            parts.append("")
        else:
            parts[-1] += character
        position += 1
    return parts


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
