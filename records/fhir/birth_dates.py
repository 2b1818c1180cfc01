"""Search by birth date over blind buckets: a range becomes the years, months and days that lie in it.

A birth date identifies a person, so the index holds only tokens of its year, month and day (records.md §8).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from records.fhir.errors import BadSearch
from records.fhir.index import token
from records.fhir.query import AllOf, Clause, Comparator, Present, Tokens

# The oldest person ever lived 122 years; a range that is open below starts here.
FIRST_YEAR, LAST_YEAR = 1870, 2100

Days = tuple[date, date]  # first and last, both inside


def birth_date_clause(key: str, comparator: Comparator, text: str, now: datetime) -> Clause:
    """Give the clause of one birth date test. Raises BadSearch."""
    asked = days_of(text[:10])
    if comparator is Comparator.EQ:
        return Tokens((token(key, text[:10]),))
    if comparator is Comparator.NE:
        return AllOf((Present((key,)), Tokens((token(key, text[:10]),), is_negated=True)))
    if comparator is Comparator.AP:
        slack = abs(now.date() - asked[0]) / 10
        asked = (_moved(asked[0], -slack), _moved(asked[1], slack))
    return Tokens(tuple(token(key, b) for b in _buckets(comparator, asked)))


def days_of(text: str) -> Days:
    """Give the first and last day of YYYY, YYYY-MM or YYYY-MM-DD. Raises BadSearch."""
    try:
        parts = [int(p) for p in text.split("-")]
        if len(text) not in (4, 7, 10) or not text.replace("-", "").isdecimal():
            raise ValueError
        year, month, day = (*parts, 0, 0)[:3]
        first = date(year, month or 1, day or 1)
    except ValueError:
        raise BadSearch("a birth date is YYYY, YYYY-MM or YYYY-MM-DD, after an optional prefix") from None
    if day:
        return first, first
    last_month = month or 12
    return first, date(year, last_month, monthrange(year, last_month)[1])


def matches(comparator: Comparator, target: Days, asked: Days) -> bool:
    """Compare two ranges of days as §3.1.1.4.5 says."""
    inside = asked[0] <= target[0] and target[1] <= asked[1]
    above, below = target[1] > asked[1], target[0] < asked[0]
    return {
        Comparator.EQ: inside,
        Comparator.NE: not inside,
        Comparator.GT: above,
        Comparator.LT: below,
        Comparator.GE: above or target[0] >= asked[0],
        Comparator.LE: below or target[1] <= asked[1],
        Comparator.SA: target[0] > asked[1],
        Comparator.EB: target[1] < asked[0],
        Comparator.AP: target[0] <= asked[1] and target[1] >= asked[0],
    }[comparator]


def _buckets(comparator: Comparator, asked: Days) -> Iterator[str]:
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        yield from _bucket(comparator, asked, f"{year:04}")


def _bucket(comparator: Comparator, asked: Days, name: str) -> Iterator[str]:
    """Give the bucket when all its days match, its parts when some may, and its inexact dates when they do."""
    days = days_of(name)
    verdicts = {matches(comparator, (d, d), asked) for d in _probes(days, asked)}
    if verdicts == {True} and matches(comparator, days, asked):
        yield name
        return
    if len(name) == 10:
        return
    if matches(comparator, days, asked):
        yield "=" + name
    if True in verdicts:
        for part in range(1, 13 if len(name) == 4 else monthrange(days[0].year, days[0].month)[1] + 1):
            yield from _bucket(comparator, asked, f"{name}-{part:02}")


def _probes(days: Days, asked: Days) -> Iterator[date]:
    """Days at which the verdict can change: the bucket's ends and the asked range's borders inside it."""
    one = timedelta(days=1)
    for day in (*days, asked[0], asked[1], _moved(asked[0], -one), _moved(asked[1], one)):
        if days[0] <= day <= days[1]:
            yield day


def _moved(day: date, by: timedelta) -> date:
    """Give a day so much later, or the calendar's end that it would pass: the years 0001 to 9999 (FHIR R4 §2.24)."""
    ordinal = day.toordinal() + by.days
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal()))
