"""Searchable text and the way back to the original."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.triage.measured import measured
from records.triage.normalise import normalise, stem
from records.triage.numbers import age_years, durations_days, number, pain_score
from records.triage.rules.loader import pack


class TestStems:
    @pytest.mark.parametrize("word", ["vomiting", "vomited", "vomits", "vomit"])
    def test_endings_fall(self, word: str) -> None:
        assert stem(word) == "vomit"

    def test_british_and_american_spelling_meet(self) -> None:
        assert stem("diarrhoea") == stem("diarrhea")

    def test_severe_is_not_severed(self) -> None:
        assert stem("severe") != stem("severed")


class TestOffsets:
    @settings(deadline=None)  # the first call loads the pack
    @given(st.text(max_size=200))
    def test_every_character_leads_back_into_the_original(self, text: str) -> None:
        normal = normalise(text, pack().lexicon.traditional)
        assert len(normal.plain) == len(normal.starts) == len(normal.ends)
        assert all(0 <= a <= b <= len(text) for a, b in zip(normal.starts, normal.ends, strict=True))

    def test_a_span_is_the_original_words(self) -> None:
        text = "Bad PAIN in my Chest!"
        normal = normalise(text, {})
        first = normal.plain.index("pain")
        start, end = normal.span(first, normal.plain.index("chest") + 5)
        assert text[start:end] == "PAIN in my Chest"


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "years"),
        [("age 64 m, chest pain", 64), ("a 45-year-old man", 45), ("64m sob", 64), ("6 week old", 6 / 52),
         ("我家宝宝3个月大", 0.25), ("三岁男孩", 3), ("i'm 29", 29), ("72 yo f", 72), ("八十五岁", 85)],
    )  # fmt: skip
    def test_age(self, text: str, years: float) -> None:
        assert age_years(text) == pytest.approx(years, rel=0.05)

    def test_a_duration_is_not_an_age(self) -> None:
        assert age_years("chest pain for 30 minutes") is None

    @pytest.mark.parametrize(
        ("text", "name", "value"),
        [("hr 118, sbp 88", "heart_rate", 118), ("hr 118, sbp 88", "systolic_bp", 88), ("bp 90/60", "diastolic_bp", 60),
         ("temp 102.2 f", "temperature_c", 39.0), ("spo2 84% ra", "spo2", 84), ("体温39.1", "temperature_c", 39.1),
         ("血压192/104", "systolic_bp", 192), ("呼吸34次/分", "respiratory_rate", 34)],
    )  # fmt: skip
    def test_stated_vital(self, text: str, name: str, value: float) -> None:
        assert {one.name: one.value for one in measured(text)}[name] == value

    @pytest.mark.parametrize(
        ("text", "days"), [("for 3 days", 3), ("两周", 14), ("since yesterday", 1), ("咳嗽三天", 3)]
    )
    def test_duration(self, text: str, days: float) -> None:
        assert max(durations_days(text)) == days

    def test_pain_score(self) -> None:
        assert pain_score("pain 8/10") == 8

    def test_han_number(self) -> None:
        assert number("二十三") == 23
