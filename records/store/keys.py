"""Key rows: loads and creates wrapped keys, and hands unwrapped ones to the unit."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from records.crypto.blind_index import ROW_FOR_EACH, ROW_OF_ALL
from records.crypto.envelope import DataKey
from records.crypto.keyring import (
    Keyring,
    KeySet,
    Owner,
    Wrapped,
    hot_suite,
    root_context,
    unwrap_patient_keys,
    wrap_new_patient_keys,
    wrap_patient_key,
)
from records.crypto.suites import KEY_BYTES
from records.errors import NotFound
from records.store.tables import index_key, metadata, patient_key, signing_key, tenant, tenant_key

ROOT_KINDS = (tenant_key.name, index_key.name, signing_key.name)


class Keys:
    """The keys that one unit of work may use."""

    def __init__(self, keyring: Keyring, connection: AsyncConnection, tenant_id: UUID, monotonic: float) -> None:
        self._keyring, self._connection, self._tenant, self._monotonic = keyring, connection, tenant_id, monotonic
        self._fresh: dict[Owner, KeySet] = {}  # of this transaction; cached only once it is committed
        self._gone: set[Owner] = set()

    async def root(self, kind: str, reload: bool = False) -> KeySet:
        """Return the tenant's keys of one kind. Raises NotFound for a tenant that was never set up."""
        owner = Owner(self._tenant, kind)
        found = None if reload else self._keyring.cache.get(owner, self._monotonic)
        if found is not None:
            return found
        table = metadata.tables[kind]
        suite = hot_suite(await self._suite())
        rows = (await self._connection.execute(select(table).order_by(table.c.version))).all()
        if not rows:
            raise NotFound("tenant")
        unwrap = self._keyring.provider.unwrap
        materials = [await unwrap(Wrapped(row.kek_id, row.wrapped), root_context(owner, row.version)) for row in rows]
        found = KeySet(tuple(
            DataKey(row.version, each, suite, getattr(row, "layout", ROW_FOR_EACH))
            for row, each in zip(rows, materials, strict=True)
        ))  # fmt: skip
        self._keyring.cache.put(owner, found, self._monotonic)
        return found

    async def create_root(self, kind: str, at: datetime) -> None:
        """Add the next version of a tenant's key of one kind. The caller commits before it is used."""
        table = metadata.tables[kind]
        newest = (await self._connection.execute(select(table.c.version).order_by(table.c.version.desc()))).scalar()
        version = (newest or 0) + 1
        owner = Owner(self._tenant, kind)
        wrapped = await self._keyring.provider.wrap(secrets.token_bytes(KEY_BYTES), root_context(owner, version))
        layout = {"layout": ROW_OF_ALL} if kind == index_key.name else {}
        await self._connection.execute(insert(table).values(
            tenant_id=self._tenant, version=version, kek_id=wrapped.kek_id, wrapped=wrapped.blob,
            created_at=at, **layout,
        ))  # fmt: skip

    async def patient(self, patient_id: UUID, reload: bool = False) -> KeySet:
        """Return a patient's keys. Raises KeyDestroyed when there are none."""
        owner = Owner(self._tenant, patient_key.name, patient_id)
        found = self._fresh.get(owner)
        if found is None and not reload:
            found = self._keyring.cache.get(owner, self._monotonic)
        if found is not None:
            return found
        columns = (patient_key.c.version, patient_key.c.tenant_key_version, patient_key.c.wrapped)
        rows = await self._connection.execute(select(*columns).where(patient_key.c.patient_id == patient_id))
        wrapped = [(row.version, row.tenant_key_version, row.wrapped) for row in rows]
        newest_root = max((root for _, root, _ in wrapped), default=0)
        found = unwrap_patient_keys(await self._root_holding(newest_root), owner, wrapped, await self._suite())
        self._keyring.cache.put(owner, found, self._monotonic)
        return found

    async def create_patient(self, patient_id: UUID, at: datetime) -> None:
        """Make the next version of a patient's key; the row of the patient must exist."""
        owner = Owner(self._tenant, patient_key.name, patient_id)
        newest = (await self._connection.execute(
            select(patient_key.c.version).where(patient_key.c.patient_id == patient_id)
            .order_by(patient_key.c.version.desc())
        )).scalar()  # fmt: skip
        version = (newest or 0) + 1
        older = () if newest is None else (await self.patient(patient_id)).keys
        roots = await self.root(tenant_key.name)
        wrapped = wrap_patient_key(roots.current, owner, version, secrets.token_bytes(KEY_BYTES))
        await self._connection.execute(insert(patient_key).values(
            tenant_id=self._tenant, patient_id=patient_id, version=version,
            tenant_key_version=roots.current.version, wrapped=wrapped, created_at=at,
        ))  # fmt: skip
        row = (version, roots.current.version, wrapped)
        fresh = unwrap_patient_keys(roots, owner, [row], await self._suite())
        self._fresh[owner] = KeySet((*older, *fresh.keys))

    def has(self, patient_id: UUID) -> bool:
        """Return whether the patient's keys are at hand, so that sealing needs no query."""
        owner = Owner(self._tenant, patient_key.name, patient_id)
        return owner in self._fresh or self._keyring.cache.get(owner, self._monotonic) is not None

    async def adopt(self, patient_id: UUID, rows: Iterable[tuple[int, int, bytes]]) -> None:
        """Take key rows (version, tenant key version, wrapped) that the caller read along with its own."""
        if self.has(patient_id):
            return
        found = list(rows)
        owner = Owner(self._tenant, patient_key.name, patient_id)
        roots = await self._root_holding(max((root for _, root, _ in found), default=0))
        self._keyring.cache.put(owner, unwrap_patient_keys(roots, owner, found, await self._suite()), self._monotonic)

    async def draw(self, patient_ids: Sequence[UUID]) -> tuple[int, list[bytes]]:
        """
        Make the first keys of new patients; the caller writes their rows in this transaction.

        Give the version of the tenant's key, and each patient's key wrapped with it.
        """
        if not patient_ids:
            return 0, []
        current, suite = (await self.root(tenant_key.name)).current, await self._suite()
        drawn = secrets.token_bytes(KEY_BYTES * len(patient_ids))
        materials = (drawn[at : at + KEY_BYTES] for at in range(0, len(drawn), KEY_BYTES))
        new = {
            Owner(self._tenant, patient_key.name, patient_id): DataKey(1, material, suite)
            for patient_id, material in zip(patient_ids, materials, strict=True)
        }
        self._fresh.update((owner, KeySet((key,))) for owner, key in new.items())
        return current.version, wrap_new_patient_keys(current, new)

    def destroyed(self, patient_id: UUID) -> None:
        """The unit deleted a patient's key rows: nothing of it may be used again, in this unit or after."""
        owner = Owner(self._tenant, patient_key.name, patient_id)
        self._fresh.pop(owner, None)
        self._gone.add(owner)
        self._keyring.cache.forget(owner)

    def committed(self) -> None:
        """The transaction is durable: what it created may be used by others."""
        for owner in self._gone:
            self._keyring.cache.forget(owner)  # again: another unit may have read the rows before the commit
        for owner, keys in self._fresh.items():
            self._keyring.cache.put(owner, keys, self._monotonic)

    async def _root_holding(self, version: int) -> KeySet:
        roots = await self.root(tenant_key.name)
        if version > roots.current.version:  # another process rotated since we cached
            roots = await self.root(tenant_key.name, reload=True)
        return roots

    async def _suite(self) -> int:
        known = self._keyring.suites.get(self._tenant)
        if known is not None:
            return known
        found = (await self._connection.execute(select(tenant.c.suite).where(tenant.c.id == self._tenant))).scalar()
        if found is None:
            raise NotFound("tenant")
        self._keyring.suites[self._tenant] = int(found)
        return int(found)
