"""Small settings that outlive a restart and are the same on every node."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from records.access import Action, Object
from records.store.repository import Repository
from records.store.tables import setting


class Settings(Repository):
    """`unit.settings`. Never for secrets or anything about a patient: values are open."""

    async def get(self, name: str) -> Any:
        """Return a JSON value; None when it was never put."""
        await self._unit.authorise(Action.READ, Object.SETTING)
        return (await self._run(select(setting.c.value).where(setting.c.name == name))).scalar()

    async def put(self, name: str, value: Any) -> None:
        """Store a JSON value."""
        await self._unit.authorise(Action.WRITE, Object.SETTING)
        row = {"tenant_id": self._tenant, "name": name, "value": value, "updated_at": self._unit.now}
        statement = upsert(setting).values(row)
        await self._run(statement.on_conflict_do_update(index_elements=["tenant_id", "name"], set_=row))
        await self._unit.audit.record("U", "setting", entity_id=name)
