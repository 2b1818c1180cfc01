"""Staff accounts with a password. The address is sealed and found by a full-width blind index."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from records.access import Action, Object
from records.crypto import blind_index
from records.errors import AlreadyExists, NotFound
from records.store.repository import Repository
from records.store.sealing import Cell
from records.store.tables import account, account_index


@dataclass(frozen=True, slots=True, repr=False)
class NewAccount:
    """A member of staff."""

    email: str
    display: str
    """The professional name that patients see; open, as a register publishes it."""
    registration_number: str | None
    role: str
    password_hash: str
    """Argon2id, in its own string form; made by the server."""


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """An account that may log in."""

    id: UUID
    email: str
    display: str
    registration_number: str | None
    role: str
    password_hash: str

    def __repr__(self) -> str:
        return f"<Account {self.id}>"


class Accounts(Repository):
    """`unit.accounts`."""

    async def create(self, new: NewAccount) -> UUID:
        """Store an account. Raises AlreadyExists for an address that has one."""
        await self._unit.authorise(Action.WRITE, Object.ACCOUNT)
        account_id = uuid4()
        email = await self._unit.seal(None, _cell(account_id), new.email.encode())
        await self._run(insert(account).values(
            tenant_id=self._tenant, id=account_id, email=email, display=new.display, role=new.role,
            registration_number=new.registration_number, password_hash=new.password_hash, created_at=self._unit.now,
        ))  # fmt: skip
        if await self._ids(new.email) or not await self._index(account_id, new.email):
            raise AlreadyExists("this address has an account")
        await self._unit.audit.record("C", "account", entity_id=str(account_id))
        return account_id

    async def by_email(self, email: str) -> Account | None:
        """Return the account of an address, whatever its case; None also when it was disabled."""
        await self._unit.authorise(Action.READ, Object.ACCOUNT)
        ids = await self._ids(email)
        found = await self._live(ids[0]) if ids else None
        await self._unit.audit.record("R", "account", entity_id=str(found.id) if found else None)
        return found

    async def get(self, account_id: UUID) -> Account:
        """Return an account. Raises NotFound for an unknown or disabled one."""
        await self._unit.authorise(Action.READ, Object.ACCOUNT)
        found = await self._live(account_id)
        if found is None:
            raise NotFound("account")
        await self._unit.audit.record("R", "account", entity_id=str(account_id))
        return found

    async def displays(self, ids: Iterable[UUID]) -> dict[UUID, str]:
        """Return the professional names of these accounts, of those too that may no longer log in."""
        await self._unit.authorise(Action.READ, Object.ACCOUNT)
        rows = await self._run(select(account.c.id, account.c.display).where(account.c.id.in_(set(ids))))
        return {row.id: row.display for row in rows}

    async def disable(self, account_id: UUID) -> None:
        """End an account; its visits and signatures stay."""
        await self._unit.authorise(Action.WRITE, Object.ACCOUNT)
        await self._run(update(account).where(account.c.id == account_id).values(disabled_at=self._unit.now))
        await self._unit.audit.record("U", "account", entity_id=str(account_id), detail="disable")

    async def _ids(self, email: str) -> list[UUID]:
        tokens = self._unit.blinds("account.email", blind_index.normalise(email))
        rows = await self._run(select(account_index.c.account_id).where(account_index.c.token.in_(tokens)))
        return list(rows.scalars())

    async def reindex(self) -> int:
        """Write the tokens that accounts lack under a live index key; return how many."""
        await self._unit.authorise(Action.WRITE, Object.KEY)
        added = 0
        for row in (await self._run(select(account))).all():
            email = (await self._unit.open(None, _cell(row.id), row.email)).decode()
            added += await self._index(row.id, email)
        return added

    async def _index(self, account_id: UUID, email: str) -> int:
        """Add the tokens of an address under every live index key; return how many were new."""
        tokens = self._unit.blinds("account.email", blind_index.normalise(email))
        rows = [{"tenant_id": self._tenant, "key_version": token[0], "token": token, "account_id": account_id}
                for token in tokens]  # fmt: skip
        statement = upsert(account_index).values(rows).on_conflict_do_nothing().returning(account_index.c.token)
        return len((await self._run(statement)).all())

    async def _live(self, account_id: UUID) -> Account | None:
        query = select(account).where(account.c.id == account_id, account.c.disabled_at.is_(None))
        row = (await self._run(query)).one_or_none()
        return None if row is None else await self._opened(row)

    async def _opened(self, row: Row[Any]) -> Account:
        email = (await self._unit.open(None, _cell(row.id), row.email)).decode()
        return Account(row.id, email, row.display, row.registration_number, row.role, row.password_hash)


def _cell(account_id: UUID) -> Cell:
    return Cell(account.name, str(account_id), "email")
