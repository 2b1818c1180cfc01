"""records/README.md "Record format": a sealed value opens with its key, in its place, unchanged, and no other way."""

import itertools
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.crypto.envelope import DataKey, open_sealed, seal
from records.crypto.format import Context, decode, encode
from records.errors import CannotOpen

TENANT, OTHER_TENANT = UUID(int=1), UUID(int=2)
PATIENT, OTHER_PATIENT = UUID(int=3), UUID(int=4)
PLACE = Context(TENANT, PATIENT, "patient", "row-1", "name")
SUITES = (1, 2, 3)


def key(suite: int = 1, version: int = 1, material: bytes = b"k" * 32) -> DataKey:
    return DataKey(version, material, suite)


class TestOpens:
    """What was sealed opens."""

    @pytest.mark.parametrize("suite", SUITES)
    @given(plaintext=st.binary(max_size=300))
    def test_round_trip(self, suite: int, plaintext: bytes) -> None:
        assert open_sealed(key(suite), PLACE, seal(key(suite), PLACE, plaintext)) == plaintext

    def test_a_key_of_a_new_suite_opens_what_the_old_one_sealed(self) -> None:
        assert open_sealed(key(3), PLACE, seal(key(1), PLACE, b"text")) == b"text"

    @pytest.mark.parametrize("suite", SUITES)
    def test_ten_thousand_nonces_differ(self, suite: int) -> None:
        one = key(suite)
        assert len({decode(seal(one, PLACE, b"")).nonce for _ in range(10_000)}) == 10_000

    def test_repr_shows_neither_key_nor_text(self) -> None:
        assert repr(key(material=b"secret-key-material-of-32-bytes!")) == "<DataKey version 1 suite 1>"
        assert repr(decode(seal(key(), PLACE, b"text"))) == "<Sealed suite 1 key 1 20 bytes>"


class TestBitFlips:
    """Every single bit counts: magic, suite, key version, commitment, nonce, ciphertext, tag."""

    @pytest.mark.parametrize("suite", SUITES)
    def test_every_single_bit_flip_is_refused(self, suite: int) -> None:
        one = key(suite)
        sealed = seal(one, PLACE, "王小明".encode())
        for bit in range(len(sealed) * 8):
            flipped = bytearray(sealed)
            flipped[bit // 8] ^= 1 << (bit % 8)
            with pytest.raises(CannotOpen):
                open_sealed(one, PLACE, bytes(flipped))


class TestSwaps:
    """A value opens in its own place only: any two places that differ in one field are refused both ways."""

    PLACES = (
        PLACE,
        PLACE._replace(tenant=OTHER_TENANT),
        PLACE._replace(patient=OTHER_PATIENT),
        PLACE._replace(patient=None),
        PLACE._replace(table="visit"),
        PLACE._replace(row="row-2"),
        PLACE._replace(column="address"),
        PLACE._replace(table="patientrow-1", row=""),
        PLACE._replace(row="row-1name", column=""),
        PLACE._replace(table="patien", row="trow-1"),
    )

    @pytest.mark.parametrize("suite", SUITES)
    @pytest.mark.parametrize(("here", "there"), list(itertools.permutations(range(len(PLACES)), 2)))
    def test_value_of_one_place_is_refused_in_another(self, suite: int, here: int, there: int) -> None:
        sealed = seal(key(suite), self.PLACES[here], b"text")
        with pytest.raises(CannotOpen):
            open_sealed(key(suite), self.PLACES[there], sealed)


class TestKeys:
    """Another key, another version, another suite: refused."""

    @pytest.mark.parametrize("suite", SUITES)
    def test_another_key_is_refused(self, suite: int) -> None:
        with pytest.raises(CannotOpen):
            open_sealed(key(suite, material=b"x" * 32), PLACE, seal(key(suite), PLACE, b"text"))

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(CannotOpen):
            open_sealed(key(version=2), PLACE, seal(key(version=1), PLACE, b"text"))

    @pytest.mark.parametrize(("suite", "claimed"), [(1, 3), (3, 1)])
    def test_a_value_relabelled_as_another_suite_is_refused(self, suite: int, claimed: int) -> None:
        relabelled = encode(replace(decode(seal(key(suite), PLACE, b"text")), suite=claimed))
        with pytest.raises(CannotOpen):
            open_sealed(key(suite), PLACE, relabelled)

    def test_commitment_is_checked_before_the_cipher(self) -> None:
        sealed = decode(seal(key(), PLACE, b"text"))
        with pytest.raises(CannotOpen):
            open_sealed(key(), PLACE, encode(replace(sealed, commitment=bytes(16))))


class TestOneOpaqueError:
    """The reason is never told: an attacker who may ask often learns nothing from the answers."""

    def test_every_failure_looks_the_same(self) -> None:
        sealed = seal(key(), PLACE, b"text")
        attempts = [
            (key(material=b"x" * 32), PLACE, sealed),
            (key(version=2), PLACE, sealed),
            (key(), PLACE._replace(row="row-2"), sealed),
            (key(), PLACE, sealed[:-1]),
            (key(), PLACE, b""),
            (key(), PLACE, b"TR\x09" + sealed[3:]),
        ]
        errors = []
        for one, place, data in attempts:
            with pytest.raises(CannotOpen) as caught:
                open_sealed(one, place, data)
            errors.append((str(caught.value), caught.value.__cause__))
        assert set(errors) == {("a sealed value does not open", None)}
