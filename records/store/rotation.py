"""
Rotation of each key level, online: readers and writers go on, on this node and on others.

Every step is resumable: it asks the database what is left to do. An older version is destroyed only when nothing is
sealed with it and no other process can still hold it as its newest, which is when its cache has lived out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update

from records.access import Action, Object
from records.actors import Actor
from records.crypto.keyring import (
    CACHE_LIFE_S,
    KeySet,
    Owner,
    Wrapped,
    open_patient_key,
    root_context,
    wrap_patient_key,
)
from records.errors import KeyDestroyed, NotFound
from records.store.database import Database
from records.store.keys import ROOT_KINDS
from records.store.resource_rotation import drop_resource_tokens, reindex_resources, resources_behind
from records.store.sealed_cells import older, reseal
from records.store.tables import account_index, index_key, metadata, patient, patient_index, patient_key, tenant_key
from records.store.unit import Unit

# Other processes hold a key set for the cache's life; twice that leaves room for a unit that began before it ended.
SETTLED_AFTER = timedelta(seconds=2 * CACHE_LIFE_S)
BATCH = 50  # patients a transaction: short locks, and little lost when it is interrupted


@dataclass(frozen=True, slots=True)
class Step:
    """What one call did, and whether anything is left."""

    done: int
    left: int


class Rotation:
    """Rotates the keys of the actor's tenant; the actor must be allowed to write keys, as the system is."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self._database, self._actor = database, actor

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Unit]:
        async with self._database.unit(self._actor) as unit:
            await unit.authorise(Action.WRITE, Object.KEY)
            yield unit

    async def rewrap(self) -> Step:
        """After the key service's key was rotated: wrap every tenant key anew. Then the old KEK may go."""
        async with self._unit() as unit:
            provider, done = self._database.keyring.provider, 0
            newest = await provider.current()
            for kind in ROOT_KINDS:
                table = metadata.tables[kind]
                rows = (await unit.connection.execute(select(table).where(table.c.kek_id != newest))).all()
                for row in rows:
                    owner = Owner(unit.actor.tenant_id, kind)
                    wrapped = Wrapped(row.kek_id, row.wrapped)
                    anew = await provider.rewrap(wrapped, root_context(owner, row.version))
                    same = (table.c.version == row.version) & (table.c.kek_id == row.kek_id)
                    await unit.connection.execute(
                        update(table).where(same).values(kek_id=anew.kek_id, wrapped=anew.blob)
                    )
                    done += 1
            await unit.audit.record("U", "key", detail="rewrap")
        return Step(done, 0)

    async def add(self, kind: str) -> int:
        """Add a version of `tenant_key`, `index_key` or `signing_key`; it is used from the next unit on."""
        async with self._unit() as unit:
            await unit.keys.create_root(kind, unit.now)
            version = (await unit.connection.execute(select(func.max(metadata.tables[kind].c.version)))).scalar_one()
            await unit.audit.record("C", kind, entity_id=str(version))
            owner = Owner(unit.actor.tenant_id, kind)
        self._database.keyring.cache.forget(owner)
        return int(version)

    async def sweep_tenant(self) -> Step:
        """Move one batch of patient keys, and the tenant's own columns, to the newest tenant key."""
        async with self._unit() as unit:
            roots = await unit.keys.root(tenant_key.name, reload=True)  # another process may have added the newest
            stale = patient_key.c.tenant_key_version < roots.current.version
            rows = (await unit.connection.execute(
                select(patient_key).where(stale).limit(BATCH).with_for_update(skip_locked=True)
            )).all()  # fmt: skip
            for row in rows:
                await _rewrap_patient_key(unit, roots, row)
            done = len(rows) + await reseal(unit, None, roots.current.version)
            left = (await unit.connection.execute(select(func.count()).where(stale))).scalar_one()
        return Step(done, left)

    async def rotate_patient(self, patient_id: UUID) -> Step:
        """Give a patient a new data key, and seal everything of theirs with it. Raises NotFound, KeyDestroyed."""
        async with self._unit() as unit:
            locked = select(patient.c.erased_at).where(patient.c.id == patient_id).with_for_update()
            row = (await unit.connection.execute(locked)).one_or_none()
            if row is None:
                raise NotFound("patient")
            if row.erased_at is not None:
                raise KeyDestroyed("this patient was erased; nothing is left to seal")
            await unit.keys.create_patient(patient_id, unit.now)
            done = await self._reseal_patient(unit, patient_id)
            await unit.audit.record("C", "patient_key", patient_id=patient_id)
        return Step(done, 0)

    async def sweep_patient(self, patient_id: UUID) -> Step:
        """Seal anew what another process still sealed with an older version of the patient's key."""
        async with self._unit() as unit:
            done = await self._reseal_patient(unit, patient_id)
        return Step(done, 0)

    async def sweep_index(self) -> Step:
        """Write one batch of patients' and resources' tokens, and all accounts', under the newest index key too."""
        async with self._unit() as unit:
            newest = (await unit.keys.root(index_key.name, reload=True)).current
            behind = _without_tokens_of(newest.version)
            ids = (await unit.connection.execute(behind.limit(BATCH))).scalars().all()
            for patient_id in ids:
                await unit.patients.reindex(patient_id)
            done = len(ids) + await unit.accounts.reindex() + await reindex_resources(unit, newest, BATCH)
            left = (await unit.connection.execute(select(func.count()).select_from(behind.subquery()))).scalar_one()
            left += await resources_behind(unit, newest)
        return Step(done, left)

    async def retire(self, kind: str) -> int:
        """Destroy the older versions of a tenant's key that nothing needs; return how many went (early: none)."""
        async with self._unit() as unit:
            table = metadata.tables[kind]
            rows = (await unit.connection.execute(select(table).order_by(table.c.version))).all()
            newest = rows[-1]
            if len(rows) == 1 or not _is_settled(newest.created_at, unit.now):
                return 0
            if await _is_needed(unit, kind, newest.version):
                return 0
            if kind == index_key.name:
                for index in (patient_index, account_index):
                    await unit.connection.execute(delete(index).where(index.c.key_version < newest.version))
                await drop_resource_tokens(unit, newest.version)
            await unit.connection.execute(delete(table).where(table.c.version < newest.version))
            await unit.audit.record("D", kind, entity_id=str(newest.version - 1))
            owner = Owner(unit.actor.tenant_id, kind)
        self._database.keyring.cache.forget(owner)
        return len(rows) - 1

    async def retire_patient(self, patient_id: UUID) -> int:
        """Destroy the older versions of a patient's key when nothing is sealed with them; return how many went."""
        async with self._unit() as unit:
            query = select(patient_key).where(patient_key.c.patient_id == patient_id).order_by(patient_key.c.version)
            rows = (await unit.connection.execute(query.with_for_update())).all()
            if len(rows) < 2 or not _is_settled(rows[-1].created_at, unit.now):
                return 0
            newest = rows[-1].version
            if await older(unit, patient_id, newest):
                return 0
            stale = (patient_key.c.patient_id == patient_id) & (patient_key.c.version < newest)
            await unit.connection.execute(delete(patient_key).where(stale))
            await unit.audit.record("D", "patient_key", patient_id=patient_id)
            owner = Owner(unit.actor.tenant_id, patient_key.name, patient_id)
        self._database.keyring.cache.forget(owner)
        return len(rows) - 1

    async def _reseal_patient(self, unit: Unit, patient_id: UUID) -> int:
        keys = await unit.keys.patient(patient_id)
        return await reseal(unit, patient_id, keys.current.version)


def _is_settled(created_at: datetime, now: datetime) -> bool:
    return now - created_at > SETTLED_AFTER


async def _is_needed(unit: Unit, kind: str, newest: int) -> bool:
    """Say whether an older version of a tenant's key still seals, finds or proves something."""
    if kind == tenant_key.name:
        wrapped = select(patient_key.c.version).where(patient_key.c.tenant_key_version < newest).limit(1)
        if (await unit.connection.execute(wrapped)).scalar() is not None:
            return True
        return await older(unit, None, newest) > 0
    if kind == index_key.name:
        if (await unit.connection.execute(_without_tokens_of(newest).limit(1))).scalar() is not None:
            return True
        return await resources_behind(unit, (await unit.keys.root(kind)).version(newest)) > 0
    return True  # a signing key proves the checkpoints it signed, for as long as they are kept


def _without_tokens_of(newest: int) -> Select[Any]:
    has_tokens = select(patient_index.c.patient_id).where(patient_index.c.key_version == newest)
    is_indexed = patient.c.name.is_not(None)  # a patient whom FHIR alone knows is found by resources' tokens
    return select(patient.c.id).where(patient.c.erased_at.is_(None), is_indexed, patient.c.id.not_in(has_tokens))


async def _rewrap_patient_key(unit: Unit, roots: KeySet, row: Any) -> None:
    owner = Owner(unit.actor.tenant_id, patient_key.name, row.patient_id)
    material = open_patient_key(roots, owner, (row.version, row.tenant_key_version, row.wrapped))
    wrapped = wrap_patient_key(roots.current, owner, row.version, material)
    same = (patient_key.c.patient_id == row.patient_id) & (patient_key.c.version == row.version)
    changes = {"wrapped": wrapped, "tenant_key_version": roots.current.version}
    await unit.connection.execute(update(patient_key).where(same).values(changes))
