"""FHIR's JSON text: decimals keep their digits, nothing that JSON leaves open slips through.

"The precision of the decimal value has significance" (FHIR R4 §2.24.0.1), so numbers with a fraction or an exponent
become `decimal.Decimal` and are written back digit by digit. Dates stay text and so are exact already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from records.fhir.errors import SyntaxFault

Json = dict[str, Any]
# FHIR asks for at least 18 digits (§2.24.0.1); more are an attack on whoever does arithmetic with them.
MAX_DECIMAL_DIGITS = 64
# HL7's Observation/decimal has 1.000000000000000000E-245; a double goes to 308.
MAX_EXPONENT = 400
MAX_DECIMAL_CHARACTERS = MAX_EXPONENT + MAX_DECIMAL_DIGITS + 8  # a number without exponent: sign, point, zeros, digits
# Shorter numbers are written without an exponent: many readers of laboratory values know none.
PLAIN_CHARACTERS = 64
# U+0000 is no character of a FHIR string (§2.24.0.1); so it can mark the decimals on the way out.
_MARK = "\x00D"
_MARKED = re.compile(r'"\\u0000D([^"]*)"')


def loads(text: bytes | str) -> Any:
    """Give the JSON value of a text. Raises SyntaxFault."""
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(decoded, parse_float=_decimal, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise SyntaxFault("the body is not UTF-8") from None
    except RecursionError:
        raise SyntaxFault("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise SyntaxFault(f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except ValueError:  # int() of more than 4,300 digits
        raise SyntaxFault("a number is too long") from None
    return value


def loads_resource(text: bytes | str) -> Json:
    """Give the JSON object of a text that must be one resource. Raises SyntaxFault."""
    return checked(loads(text))


def checked(value: Any) -> Json:
    """Give a JSON value that must be one resource. Raises SyntaxFault."""
    if not isinstance(value, dict):
        raise SyntaxFault("a resource is a JSON object")
    if not isinstance(value.get("resourceType"), str):
        raise SyntaxFault("resourceType is missing", path="resourceType")
    return value


def pretty(text: bytes) -> bytes:
    """Give a JSON text with indentation, for human readers."""
    return dumps(loads(text), 2)


def dumps(value: Any, indent: int | None = None) -> bytes:
    """Give the compact UTF-8 text of a value; key order is kept."""
    text = _compact(value) if indent is None else _encoder(indent, (",", ": "))(value)
    if '"\\u0000D' in text:
        text = _MARKED.sub(r"\1", text)
    return text.encode("utf-8", "surrogatepass")


def decimal_text(value: Decimal) -> str:
    """Give the JSON number with all digits, without an exponent where none is needed. `loads` takes it back."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # parse refuses NaN and Infinity
    if exponent > 0:
        return str(value)
    plain = format(value, "f")
    return plain if len(plain) <= PLAIN_CHARACTERS else str(value)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DECIMAL_CHARACTERS:
        raise SyntaxFault("a number has more digits than this server keeps")
    value = Decimal(text)
    if len(value.as_tuple().digits) > MAX_DECIMAL_DIGITS:
        raise SyntaxFault("a number has more digits than this server keeps")
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise SyntaxFault("a number's exponent is out of range")
    return value


def _refuse_constant(name: str) -> Any:
    raise SyntaxFault(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise SyntaxFault("a property occurs twice in one object")
    return found


def _mark(value: Any) -> str:
    if isinstance(value, Decimal):
        return _MARK + decimal_text(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _encoder(indent: int | None, separators: tuple[str, str]) -> Callable[[Any], str]:
    # Values come from `loads` or from our own projections, so that none holds itself.
    return json.JSONEncoder(
        ensure_ascii=False, check_circular=False, allow_nan=False, indent=indent, separators=separators, default=_mark
    ).encode


_compact = _encoder(None, (",", ":"))
