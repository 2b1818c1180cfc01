"""Who is who, as far as a privacy officer may see: staff by professional name, patients by initials and birth year."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from records.errors import KeyDestroyed
from records.store.patients import PatientIdentity
from records.store.unit import Unit

HIDDEN = "**"  # always two, so that not even a name's length shows


def masked(name: str) -> str:
    """Return the first letter of each word: enough to recognise whom one knows, too little to learn who it is."""
    return " ".join(word[0] + HIDDEN for word in name.split())


def shown(patient: PatientIdentity) -> dict[str, Any]:
    """Return a patient as an officer sees them."""
    birth_year = (patient.birth_date or "")[:4] or None
    return {"id": str(patient.id), "display": masked(patient.name), "birth_year": birth_year}


async def patient(unit: Unit, patient_id: UUID) -> dict[str, Any]:
    """Return one patient; without name and year once erased. Raises NotFound."""
    try:
        return shown(await unit.patients.get(patient_id))
    except KeyDestroyed:
        return {"id": str(patient_id), "display": None, "birth_year": None}


async def patients(unit: Unit, ids: Iterable[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
    """Return several."""
    return {each: await patient(unit, each) for each in sorted(ids)}


async def names(unit: Unit, actor_ids: Iterable[str]) -> dict[str, str]:
    """Return professional names by actor id; an actor who is no account (the program, a patient) is left out."""
    found = await unit.accounts.displays({account for each in actor_ids if (account := _account(each)) is not None})
    return {str(account): display for account, display in found.items()}


def _account(actor_id: str) -> UUID | None:
    try:
        return UUID(actor_id)
    except ValueError:
        return None
