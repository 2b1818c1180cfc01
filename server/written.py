"""What a page wrote or measured and could not give to its socket before it was closed; kept, and told to the room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from records.actors import Actor
from server.errors import InvalidBody, NotAllowed, WrongStep
from server.room_store import Write
from server.visit_store import DatabaseVisits
from server.visits import Services
from signaling import effects as e
from signaling import messages as m
from signaling.chat import MEASURES
from signaling.states import OVER, Role, VisitState
from signaling.vitals import is_vital


@dataclass(frozen=True, slots=True)
class Author:
    """Whose seat it is; as on the socket, from the session and never from the message."""

    visit_id: UUID
    seat: str
    role: Role
    actor: Actor


async def keep(services: Services, author: Author, entries: Sequence[Mapping[str, Any]]) -> None:
    """
    Store entries under their keys, in order; one that is stored already stays as it is.

    Raises:
        InvalidBody: a value that no living body has; nothing was stored.
        NotAllowed: a reading of somebody who does not measure.
        WrongStep: the visit is over.
    """
    effects = [_effect(author, number, entry) for number, entry in enumerate(entries)]
    async with services.database.unit(author.actor) as unit:
        visit = await unit.visits.get(author.visit_id)
    if VisitState(visit.state) in OVER:
        raise WrongStep(next="over")
    store = DatabaseVisits(services.database)
    for effect in effects:
        write = Write(effect, author.actor, services.clock.now())
        entry: m.ChatLine | m.Reading
        if isinstance(effect, e.StoreChat):
            entry = await store.append_chat(author.visit_id, effect, write)
        else:
            entry = await store.append_reading(author.visit_id, effect, write)
        services.rooms.written(author.visit_id, entry)


def _effect(author: Author, number: int, entry: Mapping[str, Any]) -> e.StoreChat | e.StoreReading:
    if entry["type"] == "chat":
        return e.StoreChat(author.seat, author.role.value, entry["text"], entry["key"])
    if author.role not in MEASURES:
        raise NotAllowed
    wrong = [name for name, value in entry["values"].items() if not is_vital(name, value)]
    if wrong:
        detail = "a known vital sign in the range of a living body"
        raise InvalidBody(errors=[{"pointer": f"/entries/{number}/values/{name}", "detail": detail} for name in wrong])
    return e.StoreReading(author.seat, author.role.value, entry["values"], entry["key"])
