"""Hospital systems: their public keys and scopes, and the assertions they have used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from records.access import Action, Object
from records.errors import NotFound
from records.store.repository import Repository
from records.store.tables import client, client_assertion

# Used jti values are kept this much longer than they are valid, for clocks that differ.
JTI_GRACE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; its keys inline or by URL."""

    id: str
    jwks: dict[str, Any] | None
    jwks_url: str | None
    scopes: tuple[str, ...]
    organization: str | None = None
    """`Organization/o1`, as patients' Consents name it."""
    purposes: tuple[str, ...] = ("TREAT",)
    """Purposes of use that it may ask for (HL7 v3 PurposeOfUse); the first is the usual one."""


class Clients(Repository):
    """`unit.clients`."""

    async def register(self, client_id: str, scopes: Sequence[str], *, jwks: dict[str, Any] | None = None,
                       jwks_url: str | None = None) -> None:  # fmt: skip
        """Store a client, or replace what is known of it. Exactly one of jwks and jwks_url."""
        assert (jwks is None) != (jwks_url is None), "a caller's bug: one of jwks and jwks_url"
        await self._unit.authorise(Action.WRITE, Object.CLIENT)
        row = {"tenant_id": self._tenant, "id": client_id, "jwks": jwks, "jwks_url": jwks_url, "scopes": list(scopes),
               "created_at": self._unit.now, "disabled_at": None}  # fmt: skip
        statement = upsert(client).values(row)
        await self._run(statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=row))
        await self._unit.audit.record("U", "client", entity_id=client_id)

    async def get(self, client_id: str) -> Client | None:
        """Return a client; None for an unknown or disabled one."""
        await self._unit.authorise(Action.READ, Object.CLIENT)
        query = select(client).where(client.c.id == client_id, client.c.disabled_at.is_(None))
        row = (await self._run(query)).one_or_none()
        return None if row is None else _client(row)

    async def all(self) -> list[Client]:
        """Return every client that is not disabled."""
        await self._unit.authorise(Action.READ, Object.CLIENT)
        query = select(client).where(client.c.disabled_at.is_(None)).order_by(client.c.id)
        return [_client(row) for row in (await self._run(query)).all()]

    async def describe(self, client_id: str, *, organization: str | None, purposes: Sequence[str]) -> None:
        """Say of which organisation a client is and for which purposes it may ask. Raises NotFound."""
        await self._change(client_id, {"organization": organization, "purposes": list(purposes)})

    async def disable(self, client_id: str) -> None:
        """Give the client no more tokens; those that it has end within five minutes. Raises NotFound."""
        await self._change(client_id, {"disabled_at": self._unit.now})

    async def _change(self, client_id: str, values: dict[str, Any]) -> None:
        await self._unit.authorise(Action.WRITE, Object.CLIENT)
        active = (client.c.id == client_id) & client.c.disabled_at.is_(None)
        changed = (await self._run(update(client).where(active).values(values))).rowcount
        if not changed:
            raise NotFound("client")
        await self._unit.audit.record("U", "client", entity_id=client_id)

    async def remember_jti(self, client_id: str, jti: str, expires: datetime) -> bool:
        """Use an assertion up; False when it was used before. The unique key is the check, so it is race-free."""
        await self._unit.authorise(Action.WRITE, Object.CLIENT)
        row = {"tenant_id": self._tenant, "client_id": client_id, "jti": jti, "expires_at": expires + JTI_GRACE}
        statement = upsert(client_assertion).values(row).on_conflict_do_nothing().returning(client_assertion.c.jti)
        is_first = (await self._run(statement)).scalar() is not None
        detail = "token" if is_first else "replay"
        await self._unit.audit.record("E", "client", entity_id=client_id, detail=detail)
        return is_first

    async def sweep(self) -> int:
        """Delete assertions that have expired; return how many."""
        over = client_assertion.c.expires_at < self._unit.now
        return (await self._run(delete(client_assertion).where(over))).rowcount


def _client(row: Any) -> Client:
    return Client(row.id, row.jwks, row.jwks_url, tuple(row.scopes), row.organization, tuple(row.purposes))
