"""Patients: identity sealed column by column, found by blind index."""


from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam, delete, insert, select, update

from records.access import Action, Object
from records.crypto import blind_index
from records.errors import KeyDestroyed, NotFound
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.statements import Statement
from records.store.tables import patient, patient_index

TEXT_COLUMNS = ("name", "birth_date", "sex", "phone", "identity_number", "address")
# Of the tokens a search matches, this many patients are opened to re-check; the size rule expects about 30.
MAX_CANDIDATES = 1_000


_GET = Statement(select(patient).where(patient.c.id == bindparam("patient_id")))


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier (FHIR Identifier): a hospital's patient number, an insurance number."""

    system: str
    value: str


@dataclass(frozen=True, slots=True, repr=False)
class NewPatient:
    """What is known about a patient. Everything but the language is sealed."""

    name: str
    birth_date: str | None = None
    """ISO 8601, as precise as known: 1953, 1953-07 or 1953-07-21."""
    sex: str | None = None
    """FHIR administrative gender: male, female, other, unknown."""
    phone: str | None = None
    identity_number: str | None = None
    address: str | None = None
    lang: str = "en"
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class PatientIdentity(NewPatient):
    """A patient as an authorised reader sees them."""

    id: UUID = UUID(int=0)
    version: int = 1

    def __repr__(self) -> str:
        return f"<PatientIdentity {self.id}>"


class Patients(Repository):
    """`unit.patients`."""

    async def create(self, new: NewPatient) -> UUID:
        """Store a patient under a data key of their own; return the id."""
        await self._unit.authorise(Action.WRITE, Object.PATIENT)
        patient_id = uuid4()
        now = self._unit.now
        row = {"tenant_id": self._tenant, "id": patient_id, "lang": new.lang, "created_at": now, "updated_at": now}
        await self._run(insert(patient).values(row))
        await self._unit.keys.create_patient(patient_id, now)
        await self._write_sealed(patient_id, new)
        await self._unit.audit.record("C", "patient", entity_id=str(patient_id), patient_id=patient_id)
        return patient_id

    async def update(self, patient_id: UUID, new: NewPatient) -> None:
        """Replace everything known about a patient, index rows included."""
        await self._unit.authorise_patient(Action.WRITE, Object.PATIENT, patient_id)
        await self._row(patient_id)
        await self._run(delete(patient_index).where(patient_index.c.patient_id == patient_id))
        await self._write_sealed(patient_id, new)
        changed = {"lang": new.lang, "version": patient.c.version + 1, "updated_at": self._unit.now}
        await self._run(update(patient).where(patient.c.id == patient_id).values(changed))
        await self._unit.audit.record("U", "patient", entity_id=str(patient_id), patient_id=patient_id)

    async def get(self, patient_id: UUID) -> PatientIdentity:
        """Return a patient's identity. Raises NotFound, AccessDenied, KeyDestroyed."""
        await self._unit.authorise_patient(Action.READ, Object.PATIENT, patient_id)
        found = await self._opened(await self._row(patient_id))
        await self._unit.audit.record("R", "patient", entity_id=str(patient_id), patient_id=patient_id)
        return found

    async def of_queue(self, patient_ids: Iterable[UUID]) -> dict[UUID, PatientIdentity]:
        """Return the identities a queue shows; erased ones are left out. One audit entry each."""
        await self._unit.authorise(Action.READ, Object.QUEUE)
        rows = await self._run(select(patient).where(patient.c.id.in_(set(patient_ids))))
        return await self._readable(rows.all())

    async def find_by_identifier(self, system: str | None, value: str) -> list[UUID]:
        """Return patients with this identifier or identity number, whatever its spacing; any system for None."""
        wanted = blind_index.normalise_identifier(value)
        if system is None:
            field, text = "patient.identifier.value", wanted
        else:
            field, text = "patient.identifier", f"{system}|{wanted}"

        def matches(found: PatientIdentity) -> bool:
            return any((system is None or key == system) and number == wanted for key, number in _identifiers(found))

        return await self._find(field, text, matches)

    async def find_by_phone(self, phone: str) -> list[UUID]:
        """Return patients with this phone number, or, for four digits, one that ends in them."""
        digits = phone.strip()
        if len(digits) == 4 and digits.isdigit():
            return await self._find(
                "patient.phone.last4", digits,
                lambda found: found.phone is not None and blind_index.normalise_phone(found.phone).endswith(digits),
            )  # fmt: skip
        wanted = blind_index.normalise_phone(phone)
        return await self._find(
            "patient.phone", wanted,
            lambda found: found.phone is not None and blind_index.normalise_phone(found.phone) == wanted,
        )  # fmt: skip

    async def find_by_name(self, prefix: str) -> list[UUID]:
        """Return patients whose name, or a word of it, begins with this."""
        wanted = blind_index.normalise(prefix)
        return await self._find(
            "patient.name", wanted[: blind_index.NAME_PREFIX_MAX],
            lambda found: any(part.startswith(wanted) for part in _name_parts(found.name)),
        )  # fmt: skip

    async def reindex(self, patient_id: UUID) -> None:
        """Write the patient's index rows anew, under every live index key."""
        await self._unit.authorise(Action.WRITE, Object.KEY)
        identity = await self._opened(await self._row(patient_id))
        await self._run(delete(patient_index).where(patient_index.c.patient_id == patient_id))
        await self._write_index(patient_id, identity)

    async def _find(self, field: str, text: str, matches: Callable[[PatientIdentity], bool]) -> list[UUID]:
        await self._unit.authorise(Action.READ, Object.PATIENT)
        tokens = self._unit.blinds(field, text)
        ids = select(patient_index.c.patient_id).where(
            patient_index.c.tenant_id == self._tenant, patient_index.c.field == field, patient_index.c.token.in_(tokens)
        )
        rows = (await self._run(select(patient).where(patient.c.id.in_(ids)).limit(MAX_CANDIDATES))).all()
        found = []
        for row in rows:
            identity = await self._opened_or_none(row)
            if identity is not None and matches(identity):
                found.append(identity.id)
        await self._unit.audit.record("E", "patient", detail=f"search {field}")
        return found

    async def _readable(self, rows: Iterable[Any]) -> dict[UUID, PatientIdentity]:
        found = {}
        for row in rows:
            identity = await self._opened_or_none(row)
            if identity is not None:
                found[identity.id] = identity
                await self._unit.audit.record("R", "patient", entity_id=str(row.id), patient_id=row.id)
        return found

    async def _row(self, patient_id: UUID) -> Any:
        row = await self._first(_GET, patient_id=patient_id)
        if row is None:
            raise NotFound("patient")
        return row

    async def _opened_or_none(self, row: Any) -> PatientIdentity | None:
        try:
            return await self._opened(row)
        except KeyDestroyed:
            return None

    async def _opened(self, row: Any) -> PatientIdentity:
        texts = {
            column: await self._open_text(row.id, _cell(row.id, column), getattr(row, column))
            for column in TEXT_COLUMNS
        }
        name = texts.pop("name")
        if name is None:
            raise KeyDestroyed("this patient was erased")
        pairs = await self._open_json(row.id, _cell(row.id, "identifiers"), row.identifiers)
        identifiers = tuple(Identifier(system, value) for system, value in pairs)
        return PatientIdentity(name, **texts, lang=row.lang, identifiers=identifiers, id=row.id, version=row.version)

    async def _write_sealed(self, patient_id: UUID, new: NewPatient) -> None:
        sealed = {
            column: await self._seal_text(patient_id, _cell(patient_id, column), getattr(new, column))
            for column in TEXT_COLUMNS
        }
        pairs = [[each.system, each.value] for each in new.identifiers]
        sealed["identifiers"] = await self._seal_json(patient_id, _cell(patient_id, "identifiers"), pairs)
        await self._run(update(patient).where(patient.c.id == patient_id).values(sealed))
        await self._write_index(patient_id, new)

    async def _write_index(self, patient_id: UUID, new: NewPatient) -> None:
        # Under every live index key: until a rotation ends, some process still searches with the older one alone.
        tokens = {(field, token) for field, text in index_terms(new) for token in self._unit.blinds(field, text)}
        rows = [
            {"tenant_id": self._tenant, "field": field, "key_version": token[0], "token": token,
             "patient_id": patient_id}
            for field, token in tokens
        ]  # fmt: skip
        if rows:
            await self._run(insert(patient_index).values(rows))


def index_terms(new: NewPatient) -> list[tuple[str, str]]:
    """Return every (field, normalised text) that a patient is found by."""
    terms = [("patient.name", prefix) for prefix in blind_index.name_prefixes(new.name)]
    for system, value in _identifiers(new):
        terms.append(("patient.identifier.value", value))
        if system:
            terms.append(("patient.identifier", f"{system}|{value}"))
    if new.phone:
        digits = blind_index.normalise_phone(new.phone)
        terms += [("patient.phone", digits), ("patient.phone.last4", digits[-4:])]
    return terms


# The system under which an identity number is found; a country profile names its own OID beside it.
IDENTITY_SYSTEM = "urn:teleconsult:identity-number"


def _identifiers(new: NewPatient) -> list[tuple[str, str]]:
    pairs = [(each.system, blind_index.normalise_identifier(each.value)) for each in new.identifiers]
    if new.identity_number:
        pairs.append((IDENTITY_SYSTEM, blind_index.normalise_identifier(new.identity_number)))
    return pairs


def _name_parts(name: str) -> set[str]:
    whole = blind_index.normalise(name)
    return {whole, *whole.split()}


def _cell(patient_id: UUID, column: str) -> Cell:
    return Cell(patient.name, str(patient_id), column)
