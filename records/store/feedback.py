"""What practitioners made of triage notes, over all visits: for the engine's makers, without a patient's words."""

from sqlalchemy import func, select

from records.access import Action, Object
from records.store.repository import Repository
from records.store.tables import triage_decision

# The newest overrides that a look opens: each costs a decryption and an audit entry.
MAX_OVERRIDES = 200


class Feedback(Repository):
    """Counts of decisions on whole notes."""

    async def counts(self) -> dict[str, int]:
        """Return how many decisions there are by action."""
        await self._unit.authorise(Action.READ, Object.TRIAGE_DECISION)
        query = select(triage_decision.c.action, func.count().label("times")).where(
            triage_decision.c.tenant_id == self._tenant, triage_decision.c.line.is_(None)
        )
        rows = await self._run(query.group_by(triage_decision.c.action))
        return {row.action: int(row.times) for row in rows}

    async def overrides(self) -> list[tuple[str, str]]:
        """Return (level of the note, level that the practitioner set) of the newest overrides."""
        await self._unit.authorise(Action.READ, Object.TRIAGE_DECISION)
        query = select(triage_decision).where(
            triage_decision.c.tenant_id == self._tenant, triage_decision.c.action == "override",
            triage_decision.c.line.is_(None), triage_decision.c.level.is_not(None),
        )  # fmt: skip
        rows = (await self._run(query.order_by(triage_decision.c.at.desc()).limit(MAX_OVERRIDES))).all()
        found = []
        for row in rows:
            versions = await self._unit.triage_notes.versions(row.visit_id)
            level = next((note.content.get("level") for note in versions if note.version == row.note_version), None)
            if level is not None:
                found.append((str(level), str(row.level)))
        return found
