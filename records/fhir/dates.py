"""FHIR dates as intervals: a date is all instants that it may mean (FHIR R4 §3.1.1.4.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

# Dates without a time mean the clinic's day, not London's (records.md §5).
DEFAULT_ZONE = timezone(timedelta(hours=8))
_SHAPE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """Half-open interval of instants [low, high), both UTC."""

    low: datetime
    high: datetime


def parse(text: str, zone: timezone = DEFAULT_ZONE) -> Interval | None:
    """Give the interval of a date, dateTime or instant; None when the text is no date or no calendar day."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict()
    try:
        if part["hour"] is not None:
            return _instant(part, zone)
        low = datetime(int(part["year"]), int(part["month"] or 1), int(part["day"] or 1), tzinfo=zone)
    except (ValueError, OverflowError):
        return None
    return _clamped(low, _end(low, part["month"], part["day"]))


@lru_cache(maxsize=64)  # all that one transaction wrote has one moment
def instant(at: datetime) -> str:
    """Give a moment as `meta.lastUpdated` has it: UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_calendar_date(text: str) -> bool:
    """Tell whether the day part of a well-shaped date exists in the calendar."""
    if len(text) < 10:
        return text[:4] != "0000"
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return False
    return True


def _end(low: datetime, month: str | None, day: str | None) -> datetime:
    if low.year == 9999:
        return LATEST
    if month is None:
        return low.replace(year=low.year + 1)
    if day is None:
        return low.replace(year=low.year + low.month // 12, month=low.month % 12 + 1)
    return low + timedelta(days=1)


def _instant(part: dict[str, str | None], zone: timezone) -> Interval:
    seconds = int(part["second"] or 0)
    leap = timedelta(seconds=1) if seconds == 60 else timedelta()
    fraction = (part["fraction"] or "").ljust(6, "0")[:6]
    low = datetime(
        int(part["year"] or 0),
        int(part["month"] or 1),
        int(part["day"] or 1),
        int(part["hour"] or 0),
        int(part["minute"] or 0),
        min(seconds, 59),
        int(fraction),
        tzinfo=_zone(part["zone"], zone),
    )
    if part["second"] is None:
        width = timedelta(minutes=1)
    elif part["fraction"] is None:
        width = timedelta(seconds=1)
    else:
        width = timedelta(microseconds=10 ** max(0, 6 - len(part["fraction"])))
    return _clamped(low + leap, low + leap + width)


def _zone(text: str | None, default: timezone) -> timezone:
    if text is None:
        return default
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))


def _clamped(low: datetime, high: datetime) -> Interval:
    return Interval(max(low, EARLIEST).astimezone(UTC), min(high, LATEST).astimezone(UTC))
