"""text.div: which XHTML may stand in a narrative (FHIR R4 §2.4.0: no scripts, no forms, no outside content)."""

from __future__ import annotations

import re
from xml.parsers.expat import ExpatError, ParserCreate

_NAMESPACE = "http://www.w3.org/1999/xhtml"
_ELEMENTS = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "big",
        "blockquote",
        "br",
        "caption",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "ul",
        "var",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "abbr",
        "accesskey",
        "align",
        "alt",
        "axis",
        "border",
        "cellhalign",
        "cellpadding",
        "cellspacing",
        "cellvalign",
        "char",
        "charoff",
        "charset",
        "class",
        "colspan",
        "dir",
        "frame",
        "headers",
        "height",
        "href",
        "hreflang",
        "id",
        "lang",
        "longdesc",
        "name",
        "nowrap",
        "rel",
        "rev",
        "rowspan",
        "rules",
        "scope",
        "shape",
        "span",
        "src",
        "start",
        "style",
        "summary",
        "tabindex",
        "title",
        "type",
        "valign",
        "value",
        "width",
        "xml:lang",
        "xmlns",
    ]
)
# "class", "style", "href" may not carry code (§2.4.0.1)
_FORBIDDEN_VALUES = ("javascript:", "data:text", "vbscript:", "expression(")
# A style may show a picture from beside the resource or out of itself, as HL7's own publisher writes, but not fetch one
# from elsewhere: that would tell a stranger who reads the record.
_FETCHING_STYLE = re.compile(r"url\(\s*+[\"']?+\s*+(?!data:image/)(?://|\\|[a-z][a-z0-9+.-]*+:)")


class _Refused(Exception):
    """Ends the parse at the first fault."""


def narrative_fault(text: str) -> str | None:
    """Say what is wrong with a narrative, or None."""
    parser = ParserCreate()
    parser.StartElementHandler = _check_element
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    try:
        parser.Parse(text.strip(), True)
    except _Refused as fault:
        return str(fault)
    except ExpatError:
        return "the narrative is not well-formed XHTML"
    return None if text.lstrip().startswith("<div") else "the narrative must be one div"


def _check_element(name: str, attributes: dict[str, str]) -> None:
    if name not in _ELEMENTS:
        raise _Refused("the narrative has an element that is not allowed")
    if name == "div" and attributes.get("xmlns", _NAMESPACE) != _NAMESPACE:
        raise _Refused("the narrative's namespace is not XHTML")
    for attribute, value in attributes.items():
        lower = value.lower()
        is_refused = any(f in lower for f in _FORBIDDEN_VALUES) or _FETCHING_STYLE.search(lower) is not None
        if attribute not in _ATTRIBUTES or is_refused:
            raise _Refused("the narrative has an attribute that is not allowed")


def _refuse_doctype(*_: object) -> None:
    raise _Refused("the narrative may not declare entities")
