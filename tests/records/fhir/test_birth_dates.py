"""Search by birth date: every range of R4's years finds its buckets, the calendar's ends included."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.fhir.birth_dates import birth_date_clause, matches
from records.fhir.query import AllOf, Comparator, Tokens

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = "Patient.birthDate"


def buckets(comparator: Comparator, text: str) -> set[str]:
    """The buckets that a search looks for, without their key."""
    clause = birth_date_clause(KEY, comparator, text, NOW)
    tokens = clause.clauses[1] if isinstance(clause, AllOf) else clause
    assert isinstance(tokens, Tokens)
    return {each.rpartition("t")[2] for each in tokens.any_of}


class TestTheCalendarsEnds:
    @pytest.mark.parametrize("comparator", list(Comparator))
    @pytest.mark.parametrize("text", ["0001", "0001-01", "0001-01-01", "9999", "9999-12", "9999-12-31"])
    def test_a_search_there_is_answered(self, comparator: Comparator, text: str) -> None:
        buckets(comparator, text)

    def test_nobody_is_born_after_the_last_day(self) -> None:
        assert buckets(Comparator.SA, "9999-12-31") == set()

    def test_everybody_is_born_after_the_first(self) -> None:
        assert {"1870", "2026", "2100"} <= buckets(Comparator.GT, "0001-01-01")


class TestRanges:
    @given(
        st.sampled_from([c for c in Comparator if c not in (Comparator.NE, Comparator.AP)]),
        st.dates(date(1, 1, 1), date(9999, 12, 31)),
        st.dates(date(1870, 1, 1), date(2100, 12, 31)),
    )
    def test_a_day_is_found_just_when_it_matches(self, comparator: Comparator, asked: date, born: date) -> None:
        of_the_day = {born.isoformat()[:length] for length in (4, 7, 10)}
        found = buckets(comparator, asked.isoformat()) & of_the_day
        assert bool(found) == matches(comparator, (born, born), (asked, asked))

    def test_about_is_a_tenth_of_the_age(self) -> None:
        found = buckets(Comparator.AP, "2016-11-23")  # 3,652 days ago
        assert {"2015-11-24", "2017-11-23"} <= found
        assert not {"2015-11-22", "2017-11-24"} & found
