"""
A unit of work: one actor, one transaction, one set of repositories, one append to the audit chain.

Audit entries are gathered while the unit runs and appended last: the chain's head row is locked from the append to the
commit only. A unit that fails still records what it read, what it tried, and why it was refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.access import Action, Context, Object, decide, needs_relation
from records.actors import Actor, ActorKind
from records.crypto.envelope import DataKey
from records.errors import AccessDenied, NotFound
from records.store.accounts import Accounts
from records.store.audit import Audit
from records.store.break_glass import BreakGlass
from records.store.chat import Chat
from records.store.clients import Clients
from records.store.consents import Consents
from records.store.erasures import Erasures
from records.store.events import Events
from records.store.intakes import Intakes
from records.store.jobs import Jobs
from records.store.keys import Keys
from records.store.links import Links
from records.store.notes import Notes
from records.store.patients import Patients
from records.store.readings import Readings
from records.store.recordings import Recordings
from records.store.sealing import Cell, Sealing
from records.store.sessions import Sessions
from records.store.settings import Settings
from records.store.statements import Statement
from records.store.tables import visit
from records.store.tickets import Tickets
from records.store.triage_notes import TriageNotes
from records.store.visits import Visits

if TYPE_CHECKING:
    from records.store.resources import Resources

_VISIT = Statement(select(visit.c.patient_id, visit.c.practitioner_id).where(visit.c.id == bindparam("visit_id")))
_VISITS_OF = Statement(select(visit.c.id, visit.c.practitioner_id).where(visit.c.patient_id == bindparam("patient_id")))


@dataclass(frozen=True, slots=True)
class Link:
    """One connection in both its forms."""

    connection: AsyncConnection
    """For SQLAlchemy statements."""
    raw: asyncpg.Connection
    """The same connection's driver, for prepared `Statement`s."""
    fhir_base: str = ""


class Unit:
    """What one actor may do in one transaction. Made by `Database.unit` only."""

    def __init__(self, link: Link, actor: Actor, now: datetime, keys: Keys) -> None:
        self.connection = link.connection
        self.raw = link.raw
        self.fhir_base = link.fhir_base
        self.actor = actor
        self.now = now
        self.keys = keys
        self._sealing = Sealing(keys, actor.tenant_id)
        self._visits_seen: dict[UUID, tuple[UUID, UUID | None]] = {}  # visit -> patient, practitioner
        self.audit = Audit(self)
        self.visits = Visits(self)
        self.patients = Patients(self)
        self.recordings = Recordings(self)
        self.links = Links(self)
        self.sessions = Sessions(self)
        self.tickets = Tickets(self)
        self.accounts = Accounts(self)
        self.consents = Consents(self)
        self.intakes = Intakes(self)
        self.triage_notes = TriageNotes(self)
        self.notes = Notes(self)
        self.chat = Chat(self)
        self.readings = Readings(self)
        self.events = Events(self)
        self.jobs = Jobs(self)
        self.clients = Clients(self)
        self.settings = Settings(self)
        self.erasures = Erasures(self)
        self.break_glass = BreakGlass(self)

    @cached_property
    def resources(self) -> "Resources":
        """FHIR resources; loaded on first use, as few units need the FHIR package."""
        from records.store.resources import Resources

        return Resources(self)

    async def start(self) -> None:
        """Load what every repository needs. Called once by `Database.unit`."""
        await self._sealing.load_index()

    async def seal(self, patient_id: UUID | None, cell: Cell, plaintext: bytes) -> bytes:
        """Return the plaintext sealed with the patient's key (the tenant's for None), bound to the cell."""
        return await self._sealing.seal(patient_id, cell, plaintext)

    async def seal_all(self, values: Sequence[tuple[UUID | None, Cell, bytes]]) -> list[bytes]:
        """Return many plaintexts sealed, each with its patient's key and bound to its cell."""
        return await self._sealing.seal_all(values)

    async def open(self, patient_id: UUID | None, cell: Cell, data: bytes) -> bytes:
        """Return the plaintext of a sealed cell. Raises CannotOpen, KeyDestroyed."""
        return await self._sealing.open(patient_id, cell, data)

    def blind(self, field: str, normalised: str) -> bytes:
        """Return the blind index token to write; full width unless `blind_index.FIELD_BITS` says otherwise."""
        return self._sealing.blind(field, normalised)

    @property
    def index_keys(self) -> tuple[DataKey, ...]:
        """The live versions of the index key, oldest first, for index rows that are more than one token each."""
        return self._sealing.index_keys

    def blinds(self, field: str, *normalised: str) -> list[bytes]:
        """Return the tokens to search for: one of each text and live index key version."""
        return self._sealing.blinds(field, *normalised)

    async def authorise(self, action: Action, object_: Object, visit_id: UUID | None = None) -> None:
        """Ask the policy. Raises AccessDenied, or NotFound for a visit that is not this actor's to know of."""
        context = Context(own_visit=visit_id is not None and visit_id == self.actor.visit_id)
        is_staff = self.actor.kind is ActorKind.PRACTITIONER  # others stand in no relation that a row could tell
        if visit_id is not None and is_staff and needs_relation(self.actor, action, object_):
            _, practitioner_id = await self._visit(visit_id)
            context = self._relation(visit_id, practitioner_id)
        if self._decide(action, object_, context) and visit_id is not None:
            await self.break_glass.broken(object_.value, await self.patient_of(visit_id))

    async def authorise_patient(self, action: Action, object_: Object, patient_id: UUID) -> None:
        """Ask the policy about a patient rather than a visit: any visit of theirs that relates the actor counts."""
        is_asked = needs_relation(self.actor, action, object_)
        rows = await _VISITS_OF.all(self.raw, patient_id=patient_id) if is_asked else []
        contexts = [self._relation(row.id, row.practitioner_id) for row in rows]
        context = Context(
            own_visit=any(each.own_visit for each in contexts),
            in_care=any(each.in_care for each in contexts),
            treating=any(each.treating for each in contexts),
        )
        if self._decide(action, object_, context):
            await self.break_glass.broken(object_.value, patient_id)

    async def patient_of(self, visit_id: UUID) -> UUID:
        """Return whose visit it is. Raises NotFound."""
        patient_id, _ = await self._visit(visit_id)
        return patient_id

    def _decide(self, action: Action, object_: Object, context: Context) -> bool:
        """Return whether the actor broke the glass for this. Raises AccessDenied."""
        decision = decide(self.actor, action, object_, context)
        if not decision.permit:
            raise AccessDenied(decision.reason)
        return decision.broke_glass

    def _relation(self, visit_id: UUID, practitioner_id: UUID | None) -> Context:
        is_theirs = practitioner_id is not None and str(practitioner_id) == self.actor.id
        return Context(
            own_visit=self.actor.visit_id == visit_id,
            in_care=is_theirs or practitioner_id is None,
            treating=is_theirs,
        )

    async def _visit(self, visit_id: UUID) -> tuple[UUID, UUID | None]:
        found = self._visits_seen.get(visit_id)
        if found is None:
            row = await _VISIT.first(self.raw, visit_id=visit_id)
            if row is None:
                raise NotFound("visit")
            found = self._visits_seen[visit_id] = (row.patient_id, row.practitioner_id)
        return found

    def forget_visit(self, visit_id: UUID) -> None:
        """The visit's practitioner changed in this unit; ask the row again."""
        self._visits_seen.pop(visit_id, None)
