"""Links into a visit: a person's join link, used by one session, and a device's WHIP or WHEP token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from records.access import Action, Object
from records.errors import LinkExpired, LinkNotYet, LinkRevoked, LinkUnknown, LinkUsedElsewhere
from records.retention import RetentionClass, over_until
from records.store.repository import Repository
from records.store.tables import link
from records.store.tokens import new_token, token_hash

JOIN = "join"
PATIENT = "patient"
DEVICE_KINDS = frozenset({"whip", "whep"})
DEVICE_LIFE = timedelta(hours=12)  # one clinic day; a device's token ends with the visit all the same


@dataclass(frozen=True, slots=True)
class Link:
    """A redeemed join link."""

    visit_id: UUID
    role: str
    expires_at: datetime


class Links(Repository):
    """`unit.links`."""

    async def issue(self, visit_id: UUID, role: str, not_before: datetime, expires: datetime) -> str:
        """
        Return a new join token. A new patient link ends the earlier ones (re-issue revokes); of helpers there are many.
        """
        await self._unit.authorise(Action.WRITE, Object.LINK)
        if role == PATIENT:
            await self.revoke(visit_id, role)
        return await self._insert(visit_id, JOIN, role, (not_before, expires))

    async def redeem(self, token: str, session_id: str) -> Link:
        """
        Bind a join link to a session, once; the same session may come again.

        Raises LinkUnknown, LinkRevoked, LinkNotYet, LinkExpired, LinkUsedElsewhere. Race-free: of many sessions at
        once exactly one wins, as the row changes only while no session holds it.
        """
        hashed = token_hash(token)
        now = self._unit.now
        is_open = (link.c.revoked_at.is_(None)) & (link.c.not_before <= now) & (link.c.expires_at > now)
        is_free = link.c.session_id.is_(None) | (link.c.session_id == session_id)
        found = await self._run(
            update(link).where(link.c.token_hash == hashed, link.c.kind == JOIN, is_open, is_free)
            .values(session_id=session_id, redeemed_at=now).returning(link)
        )  # fmt: skip
        row = found.one_or_none()
        if row is None:
            await self._refuse(hashed)
        assert row is not None, "_refuse raises"
        await self._audit("E", row.visit_id, f"redeem {row.role}")
        return Link(row.visit_id, row.role, row.expires_at)

    async def revoke(self, visit_id: UUID, role: str | None = None) -> int:
        """End the visit's join links of one role, or every link, devices' too; return how many were live."""
        await self._unit.authorise(Action.WRITE, Object.LINK)
        which: ColumnElement[bool] = (link.c.visit_id == visit_id) & link.c.revoked_at.is_(None)
        if role is not None:
            which &= (link.c.kind == JOIN) & (link.c.role == role)
        revoked = await self._run(update(link).where(which).values(revoked_at=self._unit.now))
        if revoked.rowcount:
            await self._audit("U", visit_id, "revoke")
        return revoked.rowcount

    async def device_token(self, visit_id: UUID, kind: str) -> str:
        """Return a Bearer token for one device: kind `whip` publishes, `whep` subscribes."""
        await self._unit.authorise(Action.WRITE, Object.LINK)
        assert kind in DEVICE_KINDS, "a caller's bug: device kinds are whip and whep"
        now = self._unit.now
        return await self._insert(visit_id, kind, "device", (now, now + DEVICE_LIFE))

    async def check_device_token(self, token: str) -> tuple[UUID, str]:
        """Return (visit, kind) of a live device token. Raises LinkUnknown, LinkRevoked, LinkExpired."""
        row = await self._find(token_hash(token))
        if row is None or row.kind not in DEVICE_KINDS:
            raise LinkUnknown("no link has this token")
        self._check_window(row)
        await self._audit("E", row.visit_id, row.kind)
        return row.visit_id, row.kind

    async def live_device_tokens(self, hashes: Sequence[bytes]) -> frozenset[bytes]:
        """Return which of these tokens, by hash, are neither revoked nor over: a device's link lives by its token."""
        live = link.c.token_hash.in_(hashes) & link.c.revoked_at.is_(None) & (link.c.expires_at > self._unit.now)
        return frozenset((await self._run(select(link.c.token_hash).where(live))).scalars())

    async def sweep(self) -> int:
        """Delete links that have been over for the term of a network log; return how many."""
        over = link.c.expires_at <= over_until(RetentionClass.NETWORK_LOG, self._unit.now)
        return (await self._run(delete(link).where(over))).rowcount

    async def _insert(self, visit_id: UUID, kind: str, role: str, window: tuple[datetime, datetime]) -> str:
        token, hashed = new_token()
        await self._run(insert(link).values(
            tenant_id=self._tenant, token_hash=hashed, visit_id=visit_id, kind=kind, role=role, not_before=window[0],
            expires_at=window[1], created_at=self._unit.now,
        ))  # fmt: skip
        await self._audit("C", visit_id, f"{kind} {role}")
        return token

    async def _find(self, hashed: bytes) -> Row[Any] | None:
        return (await self._run(select(link).where(link.c.token_hash == hashed))).one_or_none()

    async def _refuse(self, hashed: bytes) -> None:
        row = await self._find(hashed)
        if row is None or row.kind != JOIN:
            raise LinkUnknown("no link has this token")
        self._check_window(row)
        raise LinkUsedElsewhere("another session redeemed this link")

    def _check_window(self, row: Row[Any]) -> None:
        if row.revoked_at is not None:
            raise LinkRevoked("this link was revoked")
        if row.not_before > self._unit.now:
            raise LinkNotYet("this link opens later")
        if row.expires_at <= self._unit.now:
            raise LinkExpired("this link has expired")

    async def _audit(self, action: str, visit_id: UUID, detail: str) -> None:
        patient_id = await self._unit.patient_of(visit_id)
        await self._unit.audit.record(action, "link", patient_id=patient_id, visit_id=visit_id, detail=detail)
