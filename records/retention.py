"""
How long what is kept, and when it may be erased. Data, not code: a country profile replaces the table.

China: 互联网诊疗监管细则 2022 (record 15 years; chat, image, sound and picture 3 years);
网络安全法 Art. 21 (network logs 6 months).
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


class RetentionClass(enum.Enum):
    """The classes. Drawn in records/README.md, which a test compares."""

    RECORD = "record"
    MEDIA = "media"
    NETWORK_LOG = "network log"


@dataclass(frozen=True, slots=True)
class Term:
    """A span in calendar months, as the law counts."""

    months: int


TERMS: Mapping[RetentionClass, Term] = {
    RetentionClass.RECORD: Term(15 * 12),
    RetentionClass.MEDIA: Term(3 * 12),
    RetentionClass.NETWORK_LOG: Term(6),
}

# Tables whose rows a term governs. A table that is not here lives and dies with the patient or the tenant.
TABLE_CLASSES: Mapping[str, RetentionClass] = {
    "patient": RetentionClass.RECORD,
    "visit": RetentionClass.RECORD,
    "visit_transition": RetentionClass.RECORD,
    "visit_place": RetentionClass.RECORD,
    "consent": RetentionClass.RECORD,
    "intake": RetentionClass.RECORD,
    "triage_note": RetentionClass.RECORD,
    "triage_decision": RetentionClass.RECORD,
    "note": RetentionClass.RECORD,
    "reading": RetentionClass.RECORD,
    "resource": RetentionClass.RECORD,
    "resource_history": RetentionClass.RECORD,
    "chat_entry": RetentionClass.MEDIA,
    "recording": RetentionClass.MEDIA,
    "session": RetentionClass.NETWORK_LOG,
    "link": RetentionClass.NETWORK_LOG,
    "audit_entry": RetentionClass.RECORD,
    "break_glass": RetentionClass.RECORD,
}


def ends(retention: RetentionClass, last_used: datetime, terms: Mapping[RetentionClass, Term] = TERMS) -> datetime:
    """Return when a term that began at `last_used` is over. 29 February ends on 28 February."""
    return _shifted(last_used, terms[retention].months)


def over_until(retention: RetentionClass, now: datetime, terms: Mapping[RetentionClass, Term] = TERMS) -> datetime:
    """Return the time up to which every last use has had its whole term; at a month's end it may wait three days."""
    return _shifted(now, -terms[retention].months)


def _shifted(at: datetime, by: int) -> datetime:
    year, month = divmod(at.year * 12 + at.month - 1 + by, 12)
    for day in (at.day, 30, 29, 28):
        try:
            return at.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue  # the month is shorter
    raise AssertionError("every month has 28 days")


def latest_end(uses: Iterable[tuple[RetentionClass, datetime]]) -> datetime | None:
    """Return when the last of several terms is over; None for none."""
    return max((ends(retention, at) for retention, at in uses), default=None)
