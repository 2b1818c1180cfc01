"""Chat of a visit: numbered, sealed, idempotent by the client's key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, tuple_

from records.access import Action, Object
from records.retention import RetentionClass, over_until
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import chat_entry, legal_hold, visit

# A reader that asks for more pages back; one visit's chat is tens of lines.
MAX_LAST = 500
# Of one sweep, which comes every ten minutes: a short transaction, and still 140,000 lines a day.
SWEPT_AT_ONCE = 1_000


class ChatFields(TypedDict):
    """One line; seat and role come from the authenticated ticket."""

    seat: str
    role: str
    text: str
    key: str
    """The client's idempotency key: the same key again returns the stored line."""
    at: datetime


@dataclass(frozen=True, slots=True, repr=False)
class ChatEntry:
    """A stored line."""

    number: int
    seat: str
    role: str
    text: str
    key: str
    at: datetime


class Chat(Repository):
    """`unit.chat`."""

    async def append(self, visit_id: UUID, **line: Unpack[ChatFields]) -> ChatEntry:
        """Store a line under the next number, or return the stored one for a key that was seen."""
        await self._unit.authorise(Action.WRITE, Object.CHAT, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        await self._run(select(visit.c.id).where(visit.c.id == visit_id).with_for_update())  # numbers without gaps
        known = select(chat_entry).where(chat_entry.c.visit_id == visit_id, chat_entry.c.key == line["key"])
        row = (await self._run(known)).one_or_none()
        if row is not None:
            return await self._opened(patient_id, row)
        newest = select(func.coalesce(func.max(chat_entry.c.number), 0)).where(chat_entry.c.visit_id == visit_id)
        number = (await self._run(newest)).scalar_one() + 1
        sealed = await self._seal_text(patient_id, _cell(visit_id, number), line["text"])
        values = {"tenant_id": self._tenant, "visit_id": visit_id, "number": number, "content": sealed,
                  "seat": line["seat"], "role": line["role"], "key": line["key"], "at": line["at"]}  # fmt: skip
        await self._run(insert(chat_entry).values(values))
        await self._unit.audit.record("C", "chat", entity_id=f"{visit_id}/{number}", visit_id=visit_id,
                                      patient_id=patient_id)  # fmt: skip
        return ChatEntry(number, line["seat"], line["role"], line["text"], line["key"], line["at"])

    async def last(self, visit_id: UUID, limit: int = 100) -> list[ChatEntry]:
        """Return the newest lines, oldest first."""
        await self._unit.authorise(Action.READ, Object.CHAT, visit_id)
        patient_id = await self._unit.patient_of(visit_id)
        query = select(chat_entry).where(chat_entry.c.visit_id == visit_id).order_by(chat_entry.c.number.desc())
        rows = (await self._run(query.limit(min(limit, MAX_LAST)))).all()
        await self._unit.audit.record("R", "chat", visit_id=visit_id, patient_id=patient_id)
        return [await self._opened(patient_id, row) for row in reversed(rows)]

    async def sweep(self, limit: int = SWEPT_AT_ONCE) -> int:
        """Delete lines whose term is over and that no legal hold keeps; return how many. The wall refuses younger."""
        held = select(legal_hold.c.patient_id).where(legal_hold.c.lifted_at.is_(None))
        over = chat_entry.c.at <= over_until(RetentionClass.MEDIA, self._unit.now)
        query = select(chat_entry.c.visit_id, chat_entry.c.number, visit.c.patient_id)
        rows = (await self._run(
            query.join(visit, visit.c.id == chat_entry.c.visit_id).where(over, visit.c.patient_id.not_in(held))
            .limit(limit)
        )).all()  # fmt: skip
        these = tuple_(chat_entry.c.visit_id, chat_entry.c.number).in_([(row.visit_id, row.number) for row in rows])
        await self._run(delete(chat_entry).where(these, over))
        for visit_id, patient_id in sorted({(row.visit_id, row.patient_id) for row in rows}):
            await self._unit.audit.record("D", "chat", visit_id=visit_id, patient_id=patient_id, detail="term over")
        return len(rows)

    async def _opened(self, patient_id: UUID, row: Row[Any]) -> ChatEntry:
        text = (await self._unit.open(patient_id, _cell(row.visit_id, row.number), row.content)).decode()
        return ChatEntry(row.number, row.seat, row.role, text, row.key, row.at)


def _cell(visit_id: UUID, number: int) -> Cell:
    return Cell(chat_entry.name, f"{visit_id}/{number}", "content")
