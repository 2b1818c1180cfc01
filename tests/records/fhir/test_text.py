"""Text in, text out: digits of decimals, and what is no FHIR JSON."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.fhir.errors import SyntaxFault
from records.fhir.text import dumps, loads, loads_resource


class TestDecimals:
    """FHIR R4 §2.24.0.1: trailing zeros are part of the value."""

    @pytest.mark.parametrize("number", ["1.0", "1.00", "0.10", "-0.5", "37.50", "100", "0.0000001", "0", "-7", "0.00"])
    def test_digits_stay(self, number: str) -> None:
        assert dumps(loads('{"value":' + number + "}")) == b'{"value":' + number.encode() + b"}"

    def test_exponent_keeps_value_and_precision(self) -> None:
        assert loads(dumps(loads("[1e2,1.50E-3]"))) == [Decimal("1e2"), Decimal("0.00150")]

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
    def test_any_decimal_returns_equal(self, number: Decimal) -> None:
        assert loads(dumps([number])) == [number]

    @pytest.mark.parametrize(
        "number",
        ["1.000000000000000000E-245", "-1.000000000000000000E+245", "1E-22", "0.0000000000000000000001",
         "9" * 60 + "e-300", "-0." + "0" * 60 + "1", "1e-70", "0e-80", "1.5e65"],
    )  # fmt: skip
    def test_what_is_written_can_be_read_again(self, number: str) -> None:
        """HL7's Observation/decimal: its -245 became 263 digits, which the next PATCH could not read."""
        once = loads(f"[{number}]")
        assert loads(dumps(once)) == once
        assert str(loads(dumps(once))[0]) == str(once[0])  # and so are all digits

    def test_text_that_looks_like_a_mark_stays_text(self) -> None:
        assert loads(dumps(["D1.0", Decimal("1.0")])) == ["D1.0", Decimal("1.0")]


class TestRefused:
    """What JSON leaves open is closed."""

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"\xff", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1,"a":2}', b'{"a":1}x',
            b'{"a":' + b"1" * 5000 + b"}", b'{"a":1e999999999}', b'{"a":0.' + b"1" * 80 + b"}", b"[" * 100_000,
        ],
    )  # fmt: skip
    def test_is_a_syntax_fault(self, body: bytes) -> None:
        with pytest.raises(SyntaxFault):
            loads(body)

    @pytest.mark.parametrize("body", [b"[]", b"1", b"null", b"{}", b'{"resourceType":1}'])
    def test_is_no_resource(self, body: bytes) -> None:
        with pytest.raises(SyntaxFault):
            loads_resource(body)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_a_value_or_a_fault(self, body: bytes) -> None:
        try:
            loads(body)
        except SyntaxFault:
            return
