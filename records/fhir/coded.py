"""
Every code that a resource holds, and its security labels, as texts to blind: Consents decide by them. Pure.

They become marks in `resource.present`, not index rows: nobody searches by them, and a Consent asks about one resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
# Every resource's: tells "has no such code" from "was written before codes were marked".
CODED = "coded\x1f"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_RANKS = ("U", "L", "M", "N", "R", "V")  # HL7 v3 Confidentiality, from the least protected
# A Questionnaire with thousands of options would make the row long; who holds more than this is held for coded in all.
MAX_CODES = 500


def coded_texts(resource: Json, content: bytes = b"") -> frozenset[str]:
    """
    Give the texts of a resource; none, not even CODED, for one with too many codes to tell.

    `content` is its text where that is at hand: what has no `code` in it need not be walked.
    """
    has_codes = not content or b'"code":' in content
    codes = {code_text(system, code) for system, code in _codings(resource)} if has_codes else set()
    labels = {label_text(c.get("system", ""), c.get("code", "")) for c in resource.get("meta", {}).get("security", [])}
    return frozenset({CODED} | codes | labels) if len(codes) + len(labels) <= MAX_CODES else frozenset()


def code_text(system: str, code: str) -> str:
    """Give the text of a coding anywhere in a resource."""
    return f"{CODED}c{system}|{code}"


def label_text(system: str, code: str) -> str:
    """Give the text of a security label."""
    return f"{CODED}l{system}|{code}"


def protected_as(label: Mapping[str, str], is_permit: bool) -> tuple[str, ...]:
    """
    Give the texts of the labels that a provision's label covers.

    Confidentiality is a high-water mark: a denial of R covers R and what is protected more, a permission R and less.
    """
    system, code = label.get("system", ""), label.get("code", "")
    if system != CONFIDENTIALITY or code not in _RANKS:
        return (label_text(system, code),)
    place = _RANKS.index(code)
    return tuple(label_text(system, c) for c in (_RANKS[: place + 1] if is_permit else _RANKS[place:]))


def _codings(resource: Json) -> Iterator[tuple[str, str]]:
    rest: list[Any] = [resource]
    while rest:
        node = rest.pop()
        if type(node) is list:
            rest += [item for item in node if type(item) in _CONTAINERS]
            continue
        system, code = node.get("system"), node.get("code")
        if type(system) is str and type(code) is str:
            yield system, code
        rest += [child for name, child in node.items() if type(child) in _CONTAINERS and name != "meta"]


_CONTAINERS = frozenset((dict, list))  # what JSON makes, and nothing else
