"""Server-side sessions: rows that can be revoked, found by the hash of the cookie's token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, delete, insert, select, update

from records.retention import RetentionClass, over_until
from records.store.repository import Repository
from records.store.statements import Statement
from records.store.tables import session
from records.store.tokens import new_token, token_hash

# How often at most a session's last use is written: idle time is judged to the minute, and a write each request isn't
# worth that.
TOUCH_S = 30

_FIND = Statement(select(session).where(session.c.token_hash == bindparam("token_hash")))


@dataclass(frozen=True, slots=True)
class Session:
    """A live session."""

    id: str
    """Opaque; stands in audit entries and links. The token does not follow from it."""
    principal: dict[str, Any]
    """What the server put there: who it is, in the server's own words. No names, no numbers."""
    created_at: datetime
    expires_at: datetime


class Sessions(Repository):
    """`unit.sessions`. The policy is not asked: a session is what a subject is made from."""

    async def create(self, principal: Mapping[str, Any], absolute_s: int, idle_s: int) -> str:
        """Return the token of a new session."""
        token, hashed = new_token()
        now = self._unit.now
        session_id = uuid4().hex
        await self._run(insert(session).values(
            tenant_id=self._tenant, token_hash=hashed, id=session_id, principal=dict(principal), created_at=now,
            seen_at=now, expires_at=now + timedelta(seconds=absolute_s), idle_s=idle_s,
        ))  # fmt: skip
        await self._unit.audit.record("C", "session", entity_id=session_id)
        return token

    async def find(self, token: str) -> Session | None:
        """Return the session if it is live, and note that it was used."""
        now = self._unit.now
        row = await self._first(_FIND, token_hash=token_hash(token))
        if row is None or row.revoked_at is not None or row.expires_at <= now:
            return None
        idle = now - row.seen_at
        if idle > timedelta(seconds=row.idle_s):
            return None
        if idle > timedelta(seconds=min(TOUCH_S, row.idle_s / 2)):
            await self._run(update(session).where(session.c.token_hash == row.token_hash).values(seen_at=now))
        return Session(row.id, row.principal, row.created_at, row.expires_at)

    async def change(self, token: str, principal: Mapping[str, Any]) -> None:
        """Replace what a session says about its subject (a second visit joined, a role confirmed)."""
        mine = session.c.token_hash == token_hash(token)
        rows = await self._run(update(session).where(mine).values(principal=dict(principal)).returning(session.c.id))
        await self._unit.audit.record("U", "session", entity_id=rows.scalar())

    async def revoke(self, token: str) -> None:
        """End a session by its token."""
        await self._end(session.c.token_hash == token_hash(token))

    async def revoke_id(self, session_id: str) -> None:
        """End a session by its id."""
        await self._end(session.c.id == session_id)

    async def revoke_of(self, principal: Mapping[str, Any]) -> None:
        """End every session whose principal holds these members: those of a visit's links, of a disabled account."""
        await self._end(session.c.principal.contains(dict(principal)))

    async def live(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these sessions are neither revoked nor over; an open call page counts as use of one."""
        now = self._unit.now
        chosen = session.c.id.in_(session_ids) & session.c.revoked_at.is_(None) & (session.c.expires_at > now)
        live = frozenset((await self._run(select(session.c.id).where(chosen))).scalars())
        stale = chosen & (session.c.seen_at < now - timedelta(seconds=TOUCH_S))
        await self._run(update(session).where(stale).values(seen_at=now))
        return live

    async def sweep(self) -> int:
        """Delete sessions that have been over for the term of a network log; return how many."""
        over = session.c.expires_at <= over_until(RetentionClass.NETWORK_LOG, self._unit.now)
        return (await self._run(delete(session).where(over))).rowcount

    async def _end(self, which: Any) -> None:
        live = which & session.c.revoked_at.is_(None) & (session.c.expires_at > self._unit.now)  # by its index
        ended = await self._run(update(session).where(live).values(revoked_at=self._unit.now).returning(session.c.id))
        for session_id in ended.scalars():
            await self._unit.audit.record("D", "session", entity_id=session_id)
