"""How often doctors agree with the triage note: overrides by direction, severe under-triage (triage.md §8)."""

from __future__ import annotations

from typing import Any

from records.store.feedback import Feedback
from records.triage.levels import Level
from server.auth.principals import Staff, system_actor
from server.visits import Services

SEVERE_STEPS = 2  # under-triage by two levels or more is reviewed, each case


async def agreement(services: Services, staff: Staff, request_id: str) -> dict[str, Any]:
    """Return counts over all decisions on whole notes, and over the newest overrides by direction."""
    async with services.database.unit(system_actor(staff.tenant_id, "feedback", request_id)) as unit:
        repository = Feedback(unit)
        counts = await repository.counts()
        overrides = await repository.overrides()
    steps = [Level(given).rank - Level(note).rank for note, given in overrides]
    return {
        "decisions": {action: counts.get(action, 0) for action in ("accept", "override", "reject")},
        "overrides": len(steps),
        "raised": sum(step < 0 for step in steps),
        "lowered": sum(step > 0 for step in steps),
        "severe": sum(step <= -SEVERE_STEPS for step in steps),
    }
