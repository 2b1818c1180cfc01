"""What a privacy officer does: review broken glass, hold records, erase a patient; how a doctor breaks the glass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.erasure import ErasureBasis
from records.store.break_glass import REVIEW_WITHIN, Breakage, Reviewed, Verdict
from records.store.unit import Unit
from server import people
from server.auth.principals import Staff
from server.errors import BasisNotAvailable, ReasonRequired
from server.visits import Services

# Countries where a patient's request ends the retention term (GDPR Art. 17: the EEA; the United Kingdom kept it).
_EEA = "at be bg hr cy cz dk ee fi fr de gr hu ie is it li lt lu lv mt nl no pl pt ro sk si es se"
ERASURE_ON_REQUEST = frozenset((*_EEA.split(), "gb"))


def officer(staff: Staff, request_id: str) -> Actor:
    """Return the system on behalf of an officer, whose id stands in every entry."""
    return Actor(staff.tenant_id, ActorKind.SYSTEM, str(staff.account_id), Purpose.OPERAT, request_id)


def breaking(staff: Staff, request_id: str, reason: str) -> Actor:
    """Return a doctor who reads what is not in their care; the reason is kept sealed for review."""
    return replace(staff.actor(request_id), purpose=Purpose.BTG, reason=reason)


def basis_of(text: str, country: str) -> ErasureBasis:
    """Return the basis of an erasure. Raises BasisNotAvailable where the country's law knows no such request."""
    found = ErasureBasis(text)
    if found is ErasureBasis.GDPR_ARTICLE_17 and country not in ERASURE_ON_REQUEST:
        raise BasisNotAvailable
    return found


async def pending(services: Services, actor: Actor) -> dict[str, Any]:
    """Return who broke the glass and waits for review, oldest first, and what was judged last, newest first."""
    async with services.database.unit(actor) as unit:
        waiting, judged = await unit.break_glass.pending(), await unit.break_glass.reviewed()
        every = [*waiting, *(one.breakage for one in judged)]
        shown = await people.patients(unit, {one.patient_id for one in every})
        names = await people.names(unit, [*(one.actor_id for one in every), *(one.reviewed_by for one in judged)])
    rows = [_row(one, shown, names) for one in waiting]
    return {"rows": rows, "reviewed": [_reviewed(one, shown, names) for one in judged]}


def _row(one: Breakage, shown: Mapping[UUID, Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": str(one.id), "patient_id": str(one.patient_id), "patient": shown[one.patient_id],
        "actor_id": one.actor_id, "actor": names.get(one.actor_id), "request_id": one.request_id,
        "at": one.at.isoformat(), "due_at": (one.at + REVIEW_WITHIN).isoformat(), "reason": one.reason,
        "overdue": one.is_overdue, "objects": list(one.objects),
    }  # fmt: skip


def _reviewed(one: Reviewed, shown: Mapping[UUID, Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    return _row(one.breakage, shown, names) | {
        "verdict": None if one.verdict is None else one.verdict.value, "note": one.note,
        "reviewed_by": names.get(one.reviewed_by), "reviewed_at": one.reviewed_at.isoformat(),
    }  # fmt: skip


async def review(services: Services, actor: Actor, breakage_id: UUID, judged: Mapping[str, Any]) -> None:
    """Keep an officer's verdict. Raises NotFound, ReasonRequired for an unjustified access without a note."""
    verdict, note = Verdict(judged["verdict"]), (judged.get("note") or "").strip() or None
    async with services.database.unit(actor) as unit:
        waiting = await unit.break_glass.waiting(breakage_id)
        is_erased = waiting.reason is None  # then no key is left that a note could be sealed with
        if verdict is Verdict.UNJUSTIFIED and note is None and not is_erased:
            raise ReasonRequired("Say what is wrong with the access: send a note.")
        await unit.break_glass.review(breakage_id, verdict, note)


async def holds(services: Services, actor: Actor, patient_id: UUID) -> list[dict[str, Any]]:
    """Return the legal holds that are on a patient."""
    async with services.database.unit(actor) as unit:
        await unit.patients.get(patient_id)  # raises NotFound
        return await holds_in(unit, patient_id)


async def holds_in(unit: Unit, patient_id: UUID) -> list[dict[str, Any]]:
    """Return the same inside a unit that has found the patient."""
    found = await unit.erasures.holds(patient_id)
    names = await people.names(unit, [one.placed_by for one in found])
    return [
        {"id": str(one.id), "placed_by": one.placed_by, "placed_by_name": names.get(one.placed_by),
         "placed_at": one.placed_at.isoformat(), "reason": one.reason}
        for one in found
    ]  # fmt: skip


async def hold(services: Services, actor: Actor, patient_id: UUID, reason: str) -> UUID:
    """Put a legal hold on a patient. Raises NotFound."""
    async with services.database.unit(actor) as unit:
        await unit.patients.get(patient_id)
        return await unit.erasures.hold(patient_id, reason)


async def lift(services: Services, actor: Actor, hold_id: UUID) -> None:
    """Lift a hold. Raises NotFound."""
    async with services.database.unit(actor) as unit:
        await unit.erasures.lift(hold_id)


async def erase(services: Services, actor: Actor, patient_id: UUID, basis: ErasureBasis) -> dict[str, Any]:
    """Destroy a patient's keys; return the receipt. Raises LegalHold, RetentionNotOver, KeyDestroyed, NotFound."""
    async with services.database.unit(actor) as unit:
        await unit.erasures.erase(patient_id, basis)
    return await receipt(services, actor, patient_id)


async def receipt(services: Services, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """Return the receipt of an erasure, as it was signed. Raises NotFound."""
    async with services.database.unit(actor) as unit:
        message, is_signed = await unit.erasures.receipt(patient_id)
    return {"receipt": json.loads(message), "message": message.decode(), "signature_holds": is_signed}
