"""records/README.md "Record format": the bytes of a sealed value."""

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.crypto.format import Context, Sealed, decode, encode
from records.errors import CannotOpen

VECTOR = bytes.fromhex("5452" "01" "00000007") + b"c" * 16 + b"n" * 12 + b"ciphertext" + b"t" * 16


class TestLayout:
    """magic 2 | suite 1 | key version 4 | commitment 16 | nonce 12 or 24 | ciphertext | tag 16"""

    def test_decodes_the_vector(self) -> None:
        assert decode(VECTOR) == Sealed(1, 7, b"c" * 16, b"n" * 12, b"ciphertext" + b"t" * 16)

    def test_encodes_the_vector(self) -> None:
        assert encode(Sealed(1, 7, b"c" * 16, b"n" * 12, b"ciphertext" + b"t" * 16)) == VECTOR

    def test_suite_2_has_a_nonce_of_24_bytes(self) -> None:
        assert decode(VECTOR[:2] + b"\2" + VECTOR[3:] + b"more").nonce == b"n" * 12 + b"ciphertext" + b"tt"

    @pytest.mark.parametrize("length", range(len(VECTOR) - len(b"ciphertext")))
    def test_too_short_is_refused(self, length: int) -> None:
        with pytest.raises(CannotOpen):
            decode(VECTOR[:length])

    def test_wrong_magic_is_refused(self) -> None:
        with pytest.raises(CannotOpen):
            decode(b"XX" + VECTOR[2:])

    @pytest.mark.parametrize("suite", [0, 4, 255])
    def test_unknown_suite_is_refused(self, suite: int) -> None:
        with pytest.raises(CannotOpen):
            decode(VECTOR[:2] + bytes((suite,)) + VECTOR[3:])

    @given(st.binary(max_size=200))
    def test_any_bytes_decode_or_are_refused(self, data: bytes) -> None:
        with suppress(CannotOpen):
            assert encode(decode(data)) == data


class TestAssociatedData:
    """Length-prefixed: no two contexts give the same bytes."""

    def test_vector(self) -> None:
        context = Context(UUID(int=1), None, "note", "r", "content")
        assert context.associated_data(1).hex() == (
            "00000001" "01" "00000010" "00000000000000000000000000000001" "00000000"
            "00000004" "6e6f7465" "00000001" "72" "00000007" "636f6e74656e74" "00000001" "01"
        )  # fmt: skip

    @given(*[st.tuples(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))] * 2)
    def test_different_places_give_different_bytes(self, here: tuple[str, ...], there: tuple[str, ...]) -> None:
        first, second = (Context(UUID(int=1), None, *place).associated_data(1) for place in (here, there))
        assert (first == second) == (here == there)
