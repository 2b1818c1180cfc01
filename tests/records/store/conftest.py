"""A store on a real PostgreSQL, with a clock that the test moves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from records.actors import Actor, ActorKind, Purpose
from records.store.database import DEFAULT_TENANT, Database
from records.store.key_file import create_key_file, load_keyring
from records.store.patients import Identifier, NewPatient
from records.store.visit_rows import Visit
from records.store.visits import NewVisit

SYSTEM = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "test", Purpose.TREAT, "request-1")
OTHER_TENANT = UUID("00000000-0000-4000-8000-000000000002")
DOCTOR_ID = UUID("00000000-0000-4000-8000-0000000000d0")
OTHER_DOCTOR_ID = UUID("00000000-0000-4000-8000-0000000000d1")

WANG = NewPatient(
    name="王小明",
    birth_date="1953-07-21",
    sex="female",
    phone="138 0013 8000",
    identity_number="11010119530721002x",
    address="北京市东城区",
    lang="zh",
    identifiers=(Identifier("urn:oid:1.2.3", "MRN-42"),),
)


class TestClock:
    """A clock that stands still until the test moves it."""

    __test__ = False

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


async def use_first_layout(database: Database) -> None:
    """Have the index keys be as those that were made before there was a second layout."""
    async with database.unit(SYSTEM) as unit:
        await unit.raw.execute("update index_key set layout = 1")
    database.keyring.cache.forget()


@dataclass
class Store:
    """A database with its clock, key file and folder."""

    database: Database
    clock: TestClock
    url: str
    folder: Path

    @property
    def key_file(self) -> Path:
        return self.folder / "keys" / "kek.json"

    async def reopen(self) -> Database:
        """A second process on the same database and key file."""
        return await Database.open(self.url, load_keyring(self.key_file), clock=self.clock)

    async def patient(self, new: NewPatient = WANG) -> UUID:
        async with self.database.unit(SYSTEM) as unit:
            return await unit.patients.create(new)

    async def visit(self, state: str = "waiting", patient_id: UUID | None = None) -> Visit:
        patient_id = patient_id or await self.patient()
        async with self.database.unit(SYSTEM) as unit:
            return await unit.visits.create(NewVisit(patient_id, state=state))


def doctor(account_id: UUID = DOCTOR_ID, purpose: Purpose = Purpose.TREAT, reason: str | None = None) -> Actor:
    return Actor(DEFAULT_TENANT, ActorKind.PRACTITIONER, str(account_id), purpose, "request-2", reason=reason)


def patient_of(visit: Visit) -> Actor:
    return Actor(DEFAULT_TENANT, ActorKind.PATIENT, "session-1", Purpose.PATRQT, "request-3", visit_id=visit.id)


def in_tenant(tenant_id: UUID) -> Actor:
    return replace(SYSTEM, tenant_id=tenant_id)


@pytest.fixture
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    clock = TestClock()
    key_file = tmp_path / "keys" / "kek.json"
    create_key_file(key_file)
    database = await Database.open(database_url, load_keyring(key_file), clock=clock)
    yield Store(database, clock, database_url, tmp_path)
    await database.close()
