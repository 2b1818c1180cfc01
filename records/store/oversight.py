"""What a privacy officer asks of the store as a whole: how far key rotation is, and where the audit chain stands."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from records.access import Action, Object
from records.store.keys import ROOT_KINDS
from records.store.tables import audit_entry, audit_head, metadata, patient_key, tenant_key
from records.store.unit import Unit


@dataclass(frozen=True, slots=True)
class KeyLevel:
    """One kind of key of the tenant."""

    kind: str
    """tenant_key, index_key or signing_key."""
    version: int
    created_at: datetime
    older: int
    """Versions that a rotation has not retired yet. Of signing keys older ones stay: they prove older checkpoints."""
    behind: int
    """Patients' keys that an older version still wraps; 0 for the other kinds."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest entry of the audit chain."""

    number: int
    recorded_at: datetime | None
    """None while the chain is empty."""


async def key_levels(unit: Unit) -> list[KeyLevel]:
    """Return every kind of root key. Raises AccessDenied."""
    await unit.authorise(Action.READ, Object.KEY)
    found = []
    for kind in ROOT_KINDS:
        table = metadata.tables[kind]
        rows = (await unit.connection.execute(select(table.c.version, table.c.created_at).order_by(table.c.version)))
        *older, newest = rows.all()
        behind = await _behind(unit, newest.version) if kind == tenant_key.name else 0
        found.append(KeyLevel(kind, newest.version, newest.created_at, len(older), behind))
    return found


async def _behind(unit: Unit, version: int) -> int:
    query = select(func.count()).select_from(patient_key).where(patient_key.c.tenant_key_version < version)
    return int((await unit.connection.execute(query)).scalar_one())


async def chain_head(unit: Unit) -> ChainHead:
    """Return where the tenant's chain stands, before what this unit adds. Raises AccessDenied."""
    await unit.authorise(Action.READ, Object.AUDIT)
    tenant_id = unit.actor.tenant_id
    head = select(audit_head.c.number).where(audit_head.c.tenant_id == tenant_id)
    number = (await unit.connection.execute(head)).scalar() or 0
    newest = select(audit_entry.c.recorded_us).where(
        audit_entry.c.tenant_id == tenant_id, audit_entry.c.number == number
    )
    recorded_us = (await unit.connection.execute(newest)).scalar()
    return ChainHead(number, None if recorded_us is None else datetime.fromtimestamp(recorded_us / 1_000_000, UTC))
