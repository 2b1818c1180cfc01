"""Parameters of a history (FHIR R4 §3.1.0.9.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from records.fhir.dates import Interval
from records.fhir.dates import parse as parse_date
from records.fhir.errors import BadSearch, NotSupported
from records.fhir.search_draft import DEFAULT_COUNT, MAX_COUNT, printable

_ABOUT_THE_ANSWER = frozenset(("_format", "_pretty", "_page"))


@dataclass(slots=True)
class HistoryParameters:
    """What a history's URL asks for."""

    count: int = DEFAULT_COUNT
    since: datetime | None = None
    at: tuple[datetime, datetime] | None = None


def parse_history(
    pairs: Iterable[tuple[str, str]], is_strict: bool = False
) -> tuple[HistoryParameters, list[tuple[str, str]]]:
    """Give the parameters, and the pairs that were understood. Raises BadSearch; NotSupported when strict."""
    found, effective = HistoryParameters(), []
    for name, value in pairs:
        if name == "_count":
            if not value.isdecimal() or not value.isascii() or len(value) > 9:
                raise BadSearch("_count is a whole number")
            found.count = min(int(value), MAX_COUNT)
        elif name == "_since":
            found.since = _interval(name, value).low
        elif name == "_at":
            interval = _interval(name, value)
            found.at = (interval.low, interval.high)
        elif name in _ABOUT_THE_ANSWER or not is_strict:
            continue
        else:
            raise NotSupported(f"a history has no parameter {printable(name)}")
        effective.append((name, value))
    return found, effective


def _interval(name: str, value: str) -> Interval:
    interval = parse_date(value.replace(" ", "+"))  # a + that arrived unescaped in the URL is a blank
    if interval is None:
        raise BadSearch(f"{name} is a date or an instant")
    return interval
