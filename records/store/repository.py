"""What every repository stands on: the unit, its tenant, and text and JSON cells."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CursorResult, Executable

from records.store.sealing import Cell
from records.store.statements import Row, Statement

if TYPE_CHECKING:
    from records.store.unit import Unit


class Repository:
    """One kind of row, seen by one actor in one transaction."""

    def __init__(self, unit: "Unit") -> None:
        self._unit = unit
        self._tenant = unit.actor.tenant_id

    async def _run(self, statement: Executable) -> CursorResult[Any]:
        return await self._unit.connection.execute(statement)

    async def _all(self, statement: Statement, **parameters: Any) -> list[Row]:
        return await statement.all(self._unit.raw, **parameters)

    async def _first(self, statement: Statement, **parameters: Any) -> Row | None:
        return await statement.first(self._unit.raw, **parameters)

    async def _seal_text(self, patient_id: UUID | None, cell: Cell, text: str | None) -> bytes | None:
        if text is None:
            return None
        return await self._unit.seal(patient_id, cell, text.encode())

    async def _open_text(self, patient_id: UUID | None, cell: Cell, data: bytes | None) -> str | None:
        if data is None:
            return None
        return (await self._unit.open(patient_id, cell, data)).decode()

    async def _seal_json(self, patient_id: UUID | None, cell: Cell, value: Mapping[str, Any] | list[Any]) -> bytes:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return await self._unit.seal(patient_id, cell, text.encode())

    async def _open_json(self, patient_id: UUID | None, cell: Cell, data: bytes) -> Any:
        return json.loads(await self._unit.open(patient_id, cell, data))
