"""Visits made by staff: the patient, the visit, its links and its devices' tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from records.store.admission import Idempotency
from records.store.patients import NewPatient
from records.store.unit import Unit
from records.store.visit_rows import Visit
from records.store.visits import NewVisit
from server.auth import links
from server.auth.principals import LinkRole, Staff, system_actor
from server.errors import IdempotencyConflict, WrongStep
from server.visits import Services, announce
from signaling.states import OVER, VisitState


@dataclass(frozen=True, slots=True, repr=False)
class Booked:
    """A new visit and the token of its patient's link."""

    visit_id: UUID
    patient_id: UUID
    token: str


async def book(services: Services, staff: Staff, body: Mapping[str, Any], key: str | None, request_id: str) -> Booked:
    """
    Create a visit and its patient link.

    With an Idempotency-Key a repetition finds the first call's visit. Its link is made anew: only a hash of the first
    one
    is kept, and whoever repeats did not get it. Raises IdempotencyConflict.
    """
    now = services.clock.now()
    visit_id = uuid4()
    known = await _known_patient(services, staff, body["patient"], request_id)
    async with services.database.unit(staff.actor(request_id)) as unit:
        if key is not None:
            claimed = await Idempotency(unit).claim(key, json.dumps(body, sort_keys=True), visit_id)
            if claimed is None:
                raise IdempotencyConflict
            if not claimed[1]:
                return await _again(unit, claimed[0], now)
        patient_id = known or await unit.patients.create(_patient(body))
        visit = await unit.visits.create(_visit(body, patient_id, visit_id))
        token, _ = await links.issue(unit, visit, LinkRole.PATIENT, now)
        await unit.resources.project(visit_id)
    await announce(services, visit_id)
    return Booked(visit_id, patient_id, token)


async def _again(unit: Unit, visit_id: UUID, now: datetime) -> Booked:
    visit = await unit.visits.get(visit_id)
    token, _ = await links.issue(unit, visit, LinkRole.PATIENT, now)
    return Booked(visit_id, visit.patient_id, token)


async def _known_patient(services: Services, staff: Staff, given: Mapping[str, Any], request_id: str) -> UUID | None:
    """Return the patient with this identity number, name and birth date; an unsure match is no match, never a guess."""
    number = given.get("identity_number")
    if not number:
        return None
    async with services.database.unit(system_actor(staff.tenant_id, "matching", request_id)) as unit:
        found = await unit.patients.find_by_identifier(None, number)
        if len(found) != 1:
            return None
        known = await unit.patients.get(found[0])
    is_same = (known.name, known.birth_date) == (given["name"], given.get("birth_date"))
    return known.id if is_same else None


def _patient(body: Mapping[str, Any]) -> NewPatient:
    given = {name: value for name, value in body["patient"].items() if value not in (None, "")}
    return NewPatient(**{"name": body["patient"]["name"], **given}, lang=body["lang"])


def _visit(body: Mapping[str, Any], patient_id: UUID, visit_id: UUID) -> NewVisit:
    at = body.get("scheduled_at")
    return NewVisit(
        patient_id=patient_id,
        lang=body["lang"],
        state=(VisitState.BOOKED if at else VisitState.REQUESTED).value,
        reason=body.get("reason") or None,
        scheduled_at=None if at is None else datetime.fromisoformat(at),
        id=visit_id,
    )


async def invite(
    services: Services, staff: Staff, visit_id: UUID, role: LinkRole, request_id: str
) -> tuple[str, datetime]:
    """Return a new join token of a visit and when it ends. Raises WrongStep for a visit that is over."""
    async with services.database.unit(staff.actor(request_id)) as unit:
        visit = await _open_visit(unit, visit_id)
        return await links.issue(unit, visit, role, services.clock.now())


async def equip(services: Services, staff: Staff, visit_id: UUID, kind: str, request_id: str) -> str:
    """Return a Bearer token for one device of a visit: `whip` publishes, `whep` subscribes."""
    async with services.database.unit(staff.actor(request_id)) as unit:
        await _open_visit(unit, visit_id)
        return await unit.links.device_token(visit_id, kind)


async def _open_visit(unit: Unit, visit_id: UUID) -> Visit:
    visit = await unit.visits.get(visit_id)
    if VisitState(visit.state) in OVER - {VisitState.NO_SHOW}:
        raise WrongStep("This visit is over; create a new one.", next="over", state=visit.state)
    return visit


async def withdraw_links(services: Services, staff: Staff, visit_id: UUID, request_id: str) -> None:
    """End every link of a visit and the sessions they opened; live sockets close within 2 s (server/rooms.py)."""
    async with services.database.unit(staff.actor(request_id)) as unit:
        await unit.visits.get(visit_id)
        await links.revoke_all(unit, visit_id)
    await announce(services, visit_id)
