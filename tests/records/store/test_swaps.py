"""records/README.md "Record format": on the database, no sealed value opens in any other value's place."""

import itertools
from typing import Any
from uuid import UUID

from records.errors import CannotOpen
from records.store.accounts import NewAccount
from records.store.resources import Write
from records.store.sealed_cells import tables_of
from records.store.sealing import Cell
from records.store.unit import Unit

from .conftest import SYSTEM, WANG, Store, in_tenant
from .test_rotation import filled

OTHER_TENANT = UUID("00000000-0000-4000-8000-0000000000ff")
Place = tuple[UUID | None, Cell, bytes]


async def everything_about(store: Store) -> UUID:
    patient_id = await filled(store)
    async with store.database.unit(SYSTEM) as unit:
        await unit.resources.save({"resourceType": "Patient", "id": str(patient_id)}, Write())
        await unit.resources.save({"resourceType": "Patient", "id": str(patient_id), "active": True}, Write())
        await unit.erasures.hold(patient_id, "court order 42")
        visit = (await unit.visits.of_patient(patient_id))[0]
        await unit.tickets.issue(session_id="s", visit_id=visit.id, seat="s_1", role="patient", display=WANG.name)
        await unit.recordings.begin(visit.id)
    return patient_id


async def places(unit: Unit, patient_id: UUID | None) -> list[Place]:
    found: list[Place] = []
    for sealed in tables_of(patient_id):
        for row in (await unit.connection.execute(sealed.rows_of(patient_id))).all():
            values = {column: getattr(row, column) for column in sealed.columns}
            found += [(patient_id, sealed.cell(row, column), data) for column, data in values.items() if data]
    return found


async def opens(unit: Unit, patient_id: UUID | None, cell: Cell, data: bytes) -> bool:
    try:
        await unit.open(patient_id, cell, data)
    except CannotOpen:
        return False
    return True


class TestSwaps:
    async def test_no_value_opens_in_anothers_place(self, store: Store) -> None:
        patients = [await everything_about(store) for _ in range(2)]
        async with store.database.unit(SYSTEM) as unit:
            await unit.accounts.create(NewAccount("a@b.c", "Dr A", None, "doctor", "hash"))
            all_places = [place for owner in (None, *patients) for place in await places(unit, owner)]
            own = [await opens(unit, *place) for place in all_places]
            wrong = [
                (here[1], there[1]) for here, there in itertools.permutations(all_places, 2)
                if await opens(unit, here[0], here[1], there[2])
            ]  # fmt: skip
        assert all(own) and wrong == []
        assert {cell.table for _, cell, _ in all_places} >= {"patient", "note", "resource", "account", "ticket"}

    async def test_nor_in_the_same_place_of_another_tenant(self, store: Store) -> None:
        """The same ids in two tenants, as after a row was copied from one to the other."""
        await store.database.add_tenant(OTHER_TENANT, "other")
        patient_id = await store.patient()
        async with store.database.unit(SYSTEM) as unit:
            mine = await places(unit, patient_id)
            keys = await unit.keys.patient(patient_id)
        async with store.database.unit(in_tenant(OTHER_TENANT)) as unit:
            unit.keys._fresh[_owner(patient_id)] = keys  # even a thief's copy of the very key
            assert not any([await opens(unit, *place) for place in mine])


def _owner(patient_id: UUID) -> Any:
    from records.crypto.keyring import Owner

    return Owner(OTHER_TENANT, "patient_key", patient_id)
