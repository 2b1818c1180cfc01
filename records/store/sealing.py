"""Seals and opens cells of rows for one unit of work, with the keys of their patient or tenant."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from records.crypto import blind_index
from records.crypto.envelope import DataKey, open_sealed, seal, seal_all
from records.crypto.format import Context, decode
from records.crypto.keyring import KeySet
from records.errors import CannotOpen
from records.store.keys import Keys
from records.store.tables import index_key, tenant_key


class Cell(NamedTuple):
    """One column of one row."""

    table: str
    row: str
    """The row's key without the tenant; several parts joined by '/'."""
    column: str


class Sealing:
    """The only place where the store meets the envelope."""

    def __init__(self, keys: Keys, tenant_id: UUID) -> None:
        self._keys, self._tenant = keys, tenant_id
        self._index: KeySet | None = None

    async def seal(self, patient_id: UUID | None, cell: Cell, plaintext: bytes) -> bytes:
        """Return the plaintext sealed with the patient's key (the tenant's for None), bound to the cell."""
        keys = await self._of(patient_id)
        return seal(keys.current, self._context(patient_id, cell), plaintext)

    async def seal_all(self, values: Sequence[tuple[UUID | None, Cell, bytes]]) -> list[bytes]:
        """Return many plaintexts sealed, each as `seal` does."""
        keys = {patient_id: (await self._of(patient_id)).current for patient_id, _, _ in values}
        return seal_all([
            (keys[patient_id], self._context(patient_id, cell), plaintext) for patient_id, cell, plaintext in values
        ])  # fmt: skip

    async def open(self, patient_id: UUID | None, cell: Cell, data: bytes) -> bytes:
        """Return the plaintext of a sealed cell. Raises CannotOpen, KeyDestroyed."""
        version = decode(data).key_version
        keys = await self._of(patient_id)
        if all(key.version != version for key in keys.keys):  # another process rotated since we cached
            keys = await self._of(patient_id, reload=True)
        return open_sealed(keys.version(version), self._context(patient_id, cell), data)

    async def load_index(self) -> None:
        """Load the index keys, so that `blind` needs no await."""
        self._index = await self._keys.root(index_key.name)

    @property
    def index_keys(self) -> tuple[DataKey, ...]:
        """The live versions of the index key, oldest first."""
        return self._index_keys().keys

    def blind(self, field: str, normalised: str) -> bytes:
        """Return the token to write, under the newest index key."""
        return blind_index.token(self._index_keys().current, field, normalised)

    def blinds(self, field: str, *normalised: str) -> list[bytes]:
        """Return the tokens to search for, one of each text and live index key version."""
        return [token for key in self._index_keys().keys for token in blind_index.tokens(key, field, normalised)]

    def _index_keys(self) -> KeySet:
        if self._index is None:
            raise CannotOpen
        return self._index

    async def _of(self, patient_id: UUID | None, reload: bool = False) -> KeySet:
        if patient_id is None:
            return await self._keys.root(tenant_key.name, reload)
        return await self._keys.patient(patient_id, reload)

    def _context(self, patient_id: UUID | None, cell: Cell) -> Context:
        return Context(self._tenant, patient_id, cell.table, cell.row, cell.column)
