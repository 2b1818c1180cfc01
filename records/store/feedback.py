"""What practitioners made of triage notes, over all visits: for the engine's makers, without a patient's words."""

from dataclasses import dataclass

from sqlalchemy import select

from records.access import Action, Object
from records.store.repository import Repository
from records.store.tables import triage_decision, visit

# The newest decisions that a look opens: each costs a decryption and an audit entry.
MAX_DECISIONS = 500


@dataclass(frozen=True, slots=True)
class DecidedNote:
    """One decision on a whole note."""

    action: str
    noted: str | None
    """The note's level; None for a note of a failed engine."""
    decided: str | None
    """The level that an override set."""
    lang: str


class Feedback(Repository):
    """Decisions, without saying on whom."""

    async def decided(self) -> list[DecidedNote]:
        """Return the newest decisions on whole notes."""
        await self._unit.authorise(Action.READ, Object.TRIAGE_DECISION)
        of_visit = (visit.c.tenant_id == triage_decision.c.tenant_id) & (visit.c.id == triage_decision.c.visit_id)
        query = (
            select(triage_decision, visit.c.lang)
            .join(visit, of_visit)
            .where(triage_decision.c.tenant_id == self._tenant, triage_decision.c.line.is_(None))
            .order_by(triage_decision.c.at.desc())
        )
        found = []
        for row in (await self._run(query.limit(MAX_DECISIONS))).all():
            versions = await self._unit.triage_notes.versions(row.visit_id)
            level = next((note.content.get("level") for note in versions if note.version == row.note_version), None)
            found.append(DecidedNote(row.action, level, row.level, row.lang))
        return found
