"""server/visit_store.py: the rooms' reads and writes on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from records.actors import Actor, ActorKind, Purpose
from records.errors import NotFound, StaleState
from records.store.accounts import NewAccount
from records.store.database import DEFAULT_TENANT, Database
from records.store.patients import NewPatient
from records.store.projection import projected
from records.store.visits import NewVisit
from server.auth.principals import seat_id
from server.room_store import Write
from server.visit_store import DatabaseVisits, room_actor
from signaling import effects as e
from signaling import messages as m
from signaling.states import Trigger, VisitState
from tests.server.live_clinic import open_database

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Ward:
    """A claimed visit and the rooms' door to it."""

    database: Database
    store: DatabaseVisits
    visit_id: UUID
    account_id: UUID

    def write(self, effect: e.StoreEffect) -> Write:
        return Write(effect, self.doctor(), AT)

    def doctor(self) -> Actor:
        return Actor(DEFAULT_TENANT, ActorKind.PRACTITIONER, str(self.account_id), Purpose.TREAT, "test")

    async def move(self, trigger: Trigger, before: VisitState, after: VisitState) -> VisitState:
        change = e.Transition(trigger, before, after, "s_1", "command", True)
        return (await self.store.transition(self.visit_id, change, self.write(change))).state


@pytest.fixture
async def ward(database_url: str, tmp_path: Path) -> AsyncIterator[Ward]:
    async with open_database(database_url, tmp_path) as database:
        async with database.unit(room_actor()) as unit:
            account = await unit.accounts.create(NewAccount("lin@x.example", "Dr Lin", "110", "doctor", "hash"))
            patient = await unit.patients.create(NewPatient("Ada"))
            visit = await unit.visits.create(NewVisit(patient, state="waiting"))
            await unit.visits.claim(visit.id, account)
        yield Ward(database, DatabaseVisits(database), visit.id, account)


class TestView:
    """What a room knows of its visit."""

    async def test_practitioner_has_the_seat_that_their_ticket_gives(self, ward: Ward) -> None:
        view = await ward.store.view(ward.visit_id)
        assert view.state is VisitState.CALLED
        assert view.practitioner is not None
        assert view.practitioner.seat == seat_id(str(ward.account_id), ward.visit_id)
        assert (view.practitioner.display, view.practitioner.registration_number) == ("Dr Lin", "110")

    async def test_unknown_visit(self, ward: Ward) -> None:
        with pytest.raises(NotFound):
            await ward.store.view(UUID(int=0))

    async def test_version_rises_with_each_change(self, ward: Ward) -> None:
        before = (await ward.store.view(ward.visit_id)).version
        await ward.move(Trigger.BOTH_PRESENT, VisitState.CALLED, VisitState.IN_CONSULT)
        assert await ward.store.versions([ward.visit_id]) == {ward.visit_id: before + 1}


class TestTransitions:
    """Compare-and-set by the one table."""

    async def test_ring_is_kept(self, ward: Ward) -> None:
        await ward.move(Trigger.RING, VisitState.CALLED, VisitState.CALLED)
        assert (await ward.store.view(ward.visit_id)).has_rung

    async def test_release_frees_practitioner_and_ring(self, ward: Ward) -> None:
        await ward.move(Trigger.RING, VisitState.CALLED, VisitState.CALLED)
        assert await ward.move(Trigger.RELEASE, VisitState.CALLED, VisitState.WAITING) is VisitState.WAITING
        view = await ward.store.view(ward.visit_id)
        assert (view.practitioner, view.has_rung) == (None, False)

    async def test_ring_in_an_emergency(self, ward: Ward) -> None:
        await ward.move(Trigger.ESCALATE, VisitState.CALLED, VisitState.EMERGENCY)
        assert await ward.move(Trigger.RING, VisitState.EMERGENCY, VisitState.EMERGENCY) is VisitState.EMERGENCY

    async def test_stale_state_is_refused(self, ward: Ward) -> None:
        with pytest.raises(StaleState):
            await ward.move(Trigger.END, VisitState.IN_CONSULT, VisitState.WRAP_UP)


class TestChat:
    """Each message once, whoever's key it is."""

    async def test_same_key_of_one_seat_is_one_message(self, ward: Ward) -> None:
        chat = e.StoreChat("s_1", "doctor", "hello", "k")
        first = await ward.store.append_chat(ward.visit_id, chat, ward.write(chat))
        assert await ward.store.append_chat(ward.visit_id, chat, ward.write(chat)) == first
        assert (first.key, first.number) == ("k", 1)

    async def test_same_key_of_two_seats_is_two(self, ward: Ward) -> None:
        for seat in ("s_1", "s_2"):
            chat = e.StoreChat(seat, "doctor", f"from {seat}", "k")
            await ward.store.append_chat(ward.visit_id, chat, ward.write(chat))
        _, lines = await ward.store.opening(ward.visit_id)
        assert [(line.seat, line.key) for line in lines] == [("s_1", "k"), ("s_2", "k")]


class TestReadings:
    """Told in the call, kept with the record, shown as Observations in the same transaction."""

    async def test_same_key_is_one_reading_and_one_observation(self, ward: Ward) -> None:
        reading = e.StoreReading("s_1", "patient", {"heart_rate": 71, "glucose_mmol_l": 5.6}, "k")
        first = await ward.store.append_reading(ward.visit_id, reading, ward.write(reading))
        assert await ward.store.append_reading(ward.visit_id, reading, ward.write(reading)) == first
        assert (first.number, first.values, first.key) == (1, {"heart_rate": 71, "glucose_mmol_l": 5.6}, "k")
        async with ward.database.unit(room_actor()) as unit:
            found = await projected(unit, ward.visit_id)
        observations = [each for each in found if each["resourceType"] == "Observation"]
        assert [each["code"]["coding"][0]["code"] for each in observations] == ["8867-4", "15074-8"]

    async def test_room_begins_with_them(self, ward: Ward) -> None:
        reading = e.StoreReading("s_1", "patient", {"spo2": 97}, "k")
        kept = await ward.store.append_reading(ward.visit_id, reading, ward.write(reading))
        _, entries = await ward.store.opening(ward.visit_id)
        assert entries == (kept,)


class TestLeases:
    """A claim that is not renewed is given back."""

    async def test_renewed_lease_holds(self, ward: Ward) -> None:
        await ward.store.renew_lease(ward.visit_id)
        assert list(await ward.store.expire_leases()) == []

    async def test_lease_that_ran_out(self, ward: Ward) -> None:
        async with ward.database.unit(room_actor()) as unit:
            await unit.visits.renew_lease(ward.visit_id, ward.account_id, lease_s=-1)
        assert list(await ward.store.expire_leases()) == [ward.visit_id]
        assert (await ward.store.view(ward.visit_id)).state is VisitState.WAITING


class TestSessions:
    """Who may stay."""

    async def test_revoked_session_is_not_live(self, ward: Ward) -> None:
        async with ward.database.unit(room_actor()) as unit:
            tokens = [await unit.sessions.create({"kind": "link"}, 600, 600) for _ in range(2)]
            found = [await unit.sessions.find(token) for token in tokens]
            await unit.sessions.revoke(tokens[0])
        ids = [session.id for session in found if session is not None]
        assert await ward.store.live_sessions([*ids, "unknown"]) == {ids[1]}


class TestPaths:
    async def test_a_change_of_network_is_kept_with_the_visits_events(self, ward: Ward) -> None:
        wifi, mobile = m.Network("host", "udp", "wifi"), m.Network("relay", "udp", "cellular")
        await ward.store.note_path(ward.visit_id, m.PathChanged("s_1", "up", wifi, mobile, "restart", 410.0))
        async with ward.database.unit(room_actor()) as unit:
            (kept,) = await unit.events.after(0, "path-changed")
        assert kept.body["visit_id"] == str(ward.visit_id)
        assert (kept.body["from"]["network"], kept.body["to"]["network"]) == ("wifi", "cellular")
        assert kept.body["gap_ms"] == 410.0
