"""Every waiting visit's place at once, from the database's rows: what the rooms tell the patients' pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from records.store.visit_rows import Visit
from server.waiting import BUSY_STATES, WAITING_STATES, order
from signaling import queue

LISTED_STATES = WAITING_STATES + BUSY_STATES


def places(visits: Sequence[Visit], now: datetime) -> dict[str, queue.Place]:
    """Return the place of every waiting visit; `visits` holds all in LISTED_STATES."""
    busy = {visit.practitioner_id for visit in visits if visit.state in BUSY_STATES and visit.practitioner_id}
    return queue.places(order(visits, now), max(1, len(busy)))
