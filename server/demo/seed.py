"""Writes the demo clinic through the same doors as real patients: sealed, audited, triaged by the engine."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

from records.actors import Actor, ActorKind, Purpose
from records.crypto.client_keys import ClientKey, new_client_key
from records.store.accounts import NewAccount
from records.store.database import DEFAULT_TENANT, Database
from records.store.patients import NewPatient
from records.store.visits import NewVisit, Place
from server import intake, logs, visits, waiting
from server.app import embedded_triage
from server.auth.passwords import Passwords
from server.auth.principals import LinkHolder, LinkRole
from server.clock import Clock
from server.config import Settings
from server.demo.people import DOCTORS, INVITED, OFFICER, PATIENTS, ROOM_DOCTOR, DemoPatient, DemoStaff, in_room
from server.key_service import keyring
from server.rooms import Rooms
from signaling.states import Trigger, VisitState

# The contract's clients: a reader for each algorithm of SMART Backend Services, and one that writes.
CLIENTS = (
    ("demo-rs384", "RS384", ("system/*.rs",)),
    ("demo-es384", "ES384", ("system/*.rs",)),
    ("demo-writer", "ES384", ("system/*.cruds",)),
)
LINK_LIFE = timedelta(hours=12)  # a demo day
REQUEST = "demo-seed"


class QuietRooms:
    """Stands in for the live rooms: nobody is connected yet, so nobody needs to be told."""

    async def visit_changed(self, visit_id: UUID) -> None:
        """Nobody is seated."""

    async def queue_changed(self) -> None:
        """Nobody is waiting at a page."""


@dataclass(frozen=True)
class Clinic:
    """The open doors."""

    services: visits.Services
    settings: Settings
    passwords: Passwords

    @property
    def database(self) -> Database:
        """The record store."""
        return self.services.database

    def desk(self) -> Actor:
        """Return who creates visits, logins and clients."""
        return Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "demo", Purpose.SYSADMIN, REQUEST)

    def link(self, token: str) -> str:
        """Return the address that a patient opens; the token is in the fragment, which no server sees."""
        return f"{self.settings.public_url}/visit#t={token}"


def seed(settings: Settings, *, rooms: int, to: str) -> int:
    """Fill the database with the demo clinic and write its secrets to a 0600 file, atomically."""
    logs.set_up(settings.log_level)
    written = asyncio.run(_seed(settings, rooms))
    write_private(Path(to), written)
    return 0


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only we may read; a reader sees all of it or nothing."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
    fresh.rename(path)


def invite(settings: Settings, *, to: str) -> int:
    """Put a link that works into an earlier demo's file: the last one may be used or over."""
    logs.set_up(settings.log_level)
    path = Path(to)
    demo = json.loads(path.read_text())
    link, visit_id = asyncio.run(_invite_again(settings, UUID(demo["invited"])))
    write_private(path, {**demo, "patient_links": [link], "invited": visit_id})
    return 0


async def _invite_again(settings: Settings, before: UUID) -> tuple[str, str]:
    async with _open(settings) as clinic:
        async with clinic.database.unit(clinic.desk()) as unit:
            visit = await unit.visits.get(before)
        if visit.state == VisitState.BOOKED.value:
            return await _link(clinic, before), str(before)
        visit_id = await _book(clinic, INVITED)
        return await _link(clinic, visit_id), str(visit_id)


async def _seed(settings: Settings, rooms: int) -> dict[str, Any]:
    async with _open(settings) as clinic:
        doctors = [await _login(clinic, doctor) for doctor in DOCTORS]
        officer = await _login(clinic, OFFICER)
        await _login(clinic, ROOM_DOCTOR)
        clients = await _clients(clinic)
        for person in PATIENTS:
            await _queue_up(clinic, person)
        invited = await _book(clinic, INVITED)
        base = settings.public_url
        return {
            "patient_links": [await _link(clinic, invited)],
            "invited": str(invited),
            "doctors": doctors,
            "privacy_officer": officer,
            "fhir": {"base_url": f"{base}/fhir", "token_url": f"{base}/auth/token", "clients": clients},
            "rooms": [await _room(clinic, number) for number in range(1, rooms + 1)],
        }


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Clinic]:
    assert settings.database_url is not None, "the supervisor hands over the address"
    clock = Clock()
    stack = AsyncExitStack()
    keys = await stack.enter_async_context(keyring(settings))
    database = await Database.open(settings.database_url, keys, clock=clock)
    database.fhir_base = f"{settings.public_url}/fhir"
    triage = embedded_triage()
    rooms = cast(Rooms, QuietRooms())  # the two calls that visits and intake make
    passwords = Passwords()
    try:
        yield Clinic(visits.Services(database, rooms, clock, settings, triage), settings, passwords)
    finally:
        passwords.close()
        triage.close()
        await database.close()
        await stack.aclose()


async def _login(clinic: Clinic, person: DemoStaff) -> dict[str, str]:
    """Return a new login with a random password; an earlier demo of the same database may have made the account."""
    password = secrets.token_urlsafe(12)
    account = NewAccount(
        person.email, person.display, person.registration_number, person.role, clinic.passwords.hash(password)
    )
    async with clinic.database.unit(clinic.desk()) as unit:
        await unit.accounts.create(account)
    return {"email": person.email, "password": password}


async def _clients(clinic: Clinic) -> list[dict[str, Any]]:
    written = []
    for client_id, alg, scopes in CLIENTS:
        key = new_client_key(alg, f"{client_id}-1")
        async with clinic.database.unit(clinic.desk()) as unit:
            await unit.clients.register(client_id, scopes, jwks={"keys": [key.public_jwk]})
        written.append(_client(client_id, key, scopes))
    return written


def _client(client_id: str, key: ClientKey, scopes: Sequence[str]) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "private_key_pem": key.private_key_pem,
        "kid": key.kid,
        "alg": key.alg,
        "scopes": list(scopes),
    }


async def _book(clinic: Clinic, patient: NewPatient) -> UUID:
    async with clinic.database.unit(clinic.desk()) as unit:
        patient_id = await unit.patients.create(patient)
        visit = await unit.visits.create(NewVisit(patient_id, lang=patient.lang))
        await unit.resources.project(visit.id)
    return visit.id


async def _link(clinic: Clinic, visit_id: UUID) -> str:
    now = clinic.services.clock.now()
    async with clinic.database.unit(clinic.desk()) as unit:
        return clinic.link(await unit.links.issue(visit_id, "patient", now, now + LINK_LIFE))


async def _queue_up(clinic: Clinic, person: DemoPatient) -> None:
    """Take the steps that the patient's page takes, in its order."""
    visit_id = await _book(clinic, person.patient)
    holder = LinkHolder(DEFAULT_TENANT, f"demo-{uuid4().hex[:12]}", visit_id, LinkRole.PATIENT, "demo")
    call = visits.Call(holder, REQUEST)
    await visits.set_consents(clinic.services, call, person.consents, visits.CONSENT_TEXT_VERSION)
    await visits.set_place(clinic.services, call, Place(person.place, person.callback))
    await intake.save(clinic.services, call, person.intake, final=True)
    if person.waits:
        await waiting.enter(clinic.services, call)


async def _room(clinic: Clinic, number: int) -> dict[str, Any]:
    """Return an open consultation with a token that publishes and one that subscribes."""
    visit_id = await _book(clinic, in_room(number))
    await _open_consultation(clinic, visit_id)
    async with clinic.database.unit(clinic.desk()) as unit:
        tokens = {kind: await unit.links.device_token(visit_id, kind) for kind in ("whip", "whep")}
    base = clinic.settings.public_url
    return {kind: {"url": f"{base}/{kind}/{visit_id}", "token": token} for kind, token in tokens.items()}


async def _open_consultation(clinic: Clinic, visit_id: UUID) -> None:
    now = clinic.services.clock.now()
    async with clinic.database.unit(clinic.desk()) as unit:
        account = await unit.accounts.by_email(ROOM_DOCTOR.email)
    assert account is not None, "made above"
    doctor = Actor(DEFAULT_TENANT, ActorKind.PRACTITIONER, str(account.id), Purpose.TREAT, REQUEST)
    for trigger in (Trigger.CHECK_IN, Trigger.BEGIN_INTAKE, Trigger.TRIAGE, Trigger.WAIT):
        async with clinic.database.unit(clinic.desk()) as unit:
            await visits.move(unit, await unit.visits.get(visit_id), trigger, now, cause="demo")
    async with clinic.database.unit(doctor) as unit:
        await unit.visits.claim(visit_id, account.id, LINK_LIFE.total_seconds())
    async with clinic.database.unit(clinic.desk()) as unit:
        visit = await visits.move(unit, await unit.visits.get(visit_id), Trigger.BOTH_PRESENT, now, cause="demo")
        assert visit.state == VisitState.IN_CONSULT.value, "the transition table's own path"
        await unit.resources.project(visit_id)
