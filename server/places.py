"""The order of those who wait, and every waiting visit's place, from the database's rows: one truth everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from records.store.visit_rows import Visit
from signaling import queue
from signaling.states import QUEUED, VisitState

WAITING_STATES = tuple(sorted(state.value for state in QUEUED))
# Practitioners who see patients now hold at least one of these.
BUSY_STATES = ("called", "in_consult", "held", "dropped", "emergency", "wrap_up")
LISTED_STATES = WAITING_STATES + BUSY_STATES


def order(visits: Iterable[Visit], now: datetime) -> list[str]:
    """Return the ids of waiting visits in the order to be seen in."""
    waiting = [_entry(visit) for visit in visits if VisitState(visit.state) in QUEUED]
    return [each.visit for each in queue.order(waiting, now.timestamp())]


def _entry(visit: Visit) -> queue.Entry:
    since = visit.waiting_since or visit.created_at
    return queue.Entry(str(visit.id), visit.level, since.timestamp())


def places(visits: Sequence[Visit], now: datetime) -> dict[str, queue.Place]:
    """Return the place of every waiting visit; `visits` holds all in LISTED_STATES."""
    busy = {visit.practitioner_id for visit in visits if visit.state in BUSY_STATES and visit.practitioner_id}
    return queue.places(order(visits, now), max(1, len(busy)))
