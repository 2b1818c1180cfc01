"""records.triage.numerals: vital signs in Chinese numerals."""

import pytest

from records.triage.measured import stated_vitals
from records.triage.numerals import han_value


class TestHanValue:
    @pytest.mark.parametrize(
        ("said", "value"),
        [
            ("一百九", 190),
            ("一百九十五", 195),
            ("一百零五", 105),
            ("两百二十几", 220),
            ("两百", 200),
            ("八十", 80),
            ("八十多", 80),
            ("三十九度二", 39.2),
            ("三十八度半", 38.5),
            ("三十七点八", 37.8),
        ],
    )
    def test_a_spoken_numeral_has_its_value(self, said: str, value: float) -> None:
        assert han_value(said) == value

    @pytest.mark.parametrize("said", ["百", "一百百", "九九", "十十", ""])
    def test_what_is_no_number_has_none(self, said: str) -> None:
        assert han_value(said) is None


class TestStatedVitals:
    @pytest.mark.parametrize(
        ("text", "name", "value"),
        [
            ("血压飙到一百九", "systolic_bp", 190),
            ("低压四十，高压八十", "diastolic_bp", 40),
            ("心跳一百五十多", "heart_rate", 150),
            ("烧到三十九度二", "temperature_c", 39.2),
        ],
    )
    def test_a_vital_in_numerals_is_read(self, text: str, name: str, value: float) -> None:
        assert getattr(stated_vitals(text)[0], name) == value

    def test_a_duration_is_no_temperature(self) -> None:
        assert stated_vitals("发烧三十小时")[0].temperature_c is None
