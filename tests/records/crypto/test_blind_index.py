"""records/README.md "Blind indexes": what is found, what a token tells, how wide it is."""

import math

import pytest

from records.crypto import blind_index
from records.crypto.envelope import DataKey

KEY = DataKey(1, b"i" * 32)
# version, 8 bytes of each beginning's HMAC, 16 of the last one's other bytes, 8 of each end's
PATH = "01d8b6426d77e44b62b0c59f8d74cc7cf5b74540326c7356ba0cef770bc3e2cca499970d60f1fd1b8ce438c19ffaeb2798"


class TestSizeRule:
    """2 <= C < sqrt(R), C = R / 2^bits (CipherSweet)."""

    @pytest.mark.parametrize("population", [10**3, 10**4, 10**5, 10**6, 10**7])
    def test_candidates_stay_inside_the_rule(self, population: int) -> None:
        candidates = population / 2 ** blind_index.size_bits(population)
        assert 2 <= candidates < math.sqrt(population)

    @pytest.mark.parametrize("population", [10**5, 10**6, 10**7])
    def test_one_width_serves_a_tenth_to_ten_times_the_plan(self, population: int) -> None:
        assert 2 <= population / 2**blind_index.PATIENT_BITS < math.sqrt(population)


class TestToken:
    """Equal texts give equal tokens; keys, fields and texts that differ don't."""

    def test_truncated_field_keeps_its_bits_only(self) -> None:
        tokens = {blind_index.token(KEY, "patient.phone", str(number)) for number in range(2_000)}
        assert {len(token) for token in tokens} == {3}
        assert max(int.from_bytes(token[1:]) for token in tokens) < 2**blind_index.PATIENT_BITS

    def test_unlisted_field_is_full_width(self) -> None:
        assert len(blind_index.token(KEY, "account.email", "a@b.c")) == 1 + 16

    def test_starts_with_the_key_version(self) -> None:
        assert blind_index.token(DataKey(3, bytes(32)), "account.email", "a")[0] == 3

    def test_equal_texts_of_two_fields_look_unrelated(self) -> None:
        assert blind_index.token(KEY, "a", "text") != blind_index.token(KEY, "b", "text")

    def test_vector(self) -> None:
        assert blind_index.token(KEY, "patient.phone", "8613800138000").hex() == "010d61"


class TestPath:
    """records/fhir/README.md "Index rows": one row for all beginnings of a string."""

    def test_vector(self) -> None:
        assert blind_index.path(KEY, "fhir", ("", "ab", "end", "other")).hex() == PATH

    @pytest.mark.parametrize("letters", ["a", "ab", "abc", "abcd"])
    def test_range_holds_what_begins_so(self, letters: str) -> None:
        first, beyond = blind_index.path_range(KEY, "fhir", ("head ", letters, "", ""))
        assert first <= blind_index.path(KEY, "fhir", ("head ", "abcde", "ends", "")) < beyond

    @pytest.mark.parametrize("letters", ["b", "ac", "abd", "abcde"])
    def test_range_holds_nothing_else(self, letters: str) -> None:
        first, beyond = blind_index.path_range(KEY, "fhir", ("head ", letters, "", ""))
        assert not first <= blind_index.path(KEY, "fhir", ("head ", "abcd", "ends", "")) < beyond

    def test_range_with_an_end_holds_the_whole_only(self) -> None:
        first, beyond = blind_index.path_range(KEY, "fhir", ("head ", "abcdefghijkl", "whole", ""))
        rows = [blind_index.path(KEY, "fhir", ("head ", "abcdefghijkl", end, "x")) for end in ("whole", "other")]
        assert [first <= row < beyond for row in rows] == [True, False]

    def test_length_shows_in_steps_of_four(self) -> None:
        lengths = [len(blind_index.path(KEY, "fhir", ("", "a" * n, "", ""))) for n in range(13)]
        assert lengths == [1, *[33] * 4, *[65] * 4, *[97] * 4]

    def test_longer_string_shares_no_padding(self) -> None:
        short, long = (blind_index.path(KEY, "fhir", ("", letters, "", "")) for letters in ("a", "ab"))
        assert short[:9] == long[:9]
        assert short[9:17] != long[9:17]


class TestNormalisation:
    """People write the same thing in many ways."""

    @pytest.mark.parametrize("written", ["11010119530721002x", "11010119530721002X", " 110101 19530721 002X ",
                                         "１１０１０１１９５３０７２１００２Ｘ", "110101-19530721-002x"])  # fmt: skip
    def test_identity_numbers(self, written: str) -> None:
        assert blind_index.normalise_identifier(written) == "11010119530721002X"

    @pytest.mark.parametrize(
        "written", ["138 0013 8000", "+86 138-0013-8000", "0086 13800138000", "013800138000", "１３８００１３８０００"]
    )
    def test_phone_numbers(self, written: str) -> None:
        assert blind_index.normalise_phone(written) == "8613800138000"

    @pytest.mark.parametrize("written", ["  Zoë   SMITH ", "zoë smith", "Zoe\u0308 Smith"])
    def test_names(self, written: str) -> None:
        assert blind_index.normalise(written) == "zoë smith"


class TestNamePrefixes:
    """A name is found by prefixes of the whole and of each word."""

    def test_chinese_name(self) -> None:
        assert set(blind_index.name_prefixes("王小明")) == {"王", "王小", "王小明"}

    def test_two_words(self) -> None:
        assert set(blind_index.name_prefixes("Al Bo")) == {"a", "al", "al ", "al b", "al bo", "b", "bo"}

    def test_long_name_gives_eight_prefixes_and_the_whole(self) -> None:
        assert len(blind_index.name_prefixes("Wolfeschlegelstein")) == 9
