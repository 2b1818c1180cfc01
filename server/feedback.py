"""How often doctors agree with the triage note: overrides by direction, severe under-triage (triage.md §8)."""

from __future__ import annotations

from typing import Any

from records.store.feedback import DecidedNote, Feedback
from records.triage.feedback import DecisionRow, direction, figures, is_severe_under_triage
from records.triage.levels import Level
from server.auth.principals import Staff, system_actor
from server.visits import Services


async def agreement(services: Services, staff: Staff, request_id: str) -> dict[str, Any]:
    """Return counts and figures over the newest decisions on whole notes; the only group is the visit's language."""
    async with services.database.unit(system_actor(staff.tenant_id, "feedback", request_id)) as unit:
        decided = await Feedback(unit).decided()
    actions = [each.action for each in decided]
    rows = [row for each in decided if (row := _row(each)) is not None]
    return {
        "decisions": {action: actions.count(action) for action in ("accept", "override", "reject")},
        "raised": sum(direction(row) == "raised" for row in rows),
        "lowered": sum(direction(row) == "lowered" for row in rows),
        "severe": sum(is_severe_under_triage(row) for row in rows),
        "figures": [{"name": each.name, "labels": dict(each.labels), "value": each.value} for each in figures(rows)],
    }


def _row(each: DecidedNote) -> DecisionRow | None:
    """Return a decision that set or confirmed a level; a rejection sets none."""
    if each.noted is None or each.action == "reject":
        return None
    noted = Level(each.noted)
    return DecisionRow(noted, Level(each.decided) if each.decided else noted, each.lang)
