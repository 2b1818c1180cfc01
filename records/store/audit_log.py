"""The audit chain on disk and in the database: streams it to the verifier, and writes checkpoints outside."""

import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, select, text

from records.actors import Actor, ActorKind, Purpose
from records.audit.chain import Checkpoint, Entry, genesis
from records.audit.verify import Report, Verifier
from records.crypto.checkpoint_signing import is_signed, sign_checkpoint
from records.crypto.keyring import KeySet
from records.errors import CannotOpen, RecordsError
from records.store.database import Database
from records.store.tables import audit_entry, audit_head, signing_key
from records.store.unit import Unit

PAGE = 5_000  # entries; about 3 MB in memory
CHECKPOINT_EVERY_S = 60.0  # what can be cut from the tail unseen (security.md §6)
CHECKPOINT_EVERY_ENTRIES = 1_000
_BEFORE_ALL = -(1 << 63)  # a forger may number an entry below the first


class CheckpointForged(RecordsError):
    """A line of the checkpoint file is damaged or not signed by this tenant's key; `line` counts from 1."""

    code = "checkpoint-forged"

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} of the checkpoint file is damaged or forged")
        self.line = line


class ChainBehind(RecordsError):
    """The chain is shorter than its own last checkpoint, or differs there: an older or another database is in place."""

    code = "chain-behind"


def checkpoint_path(folder: Path, tenant_id: UUID) -> Path:
    """Return the tenant's checkpoint file below the data folder."""
    return folder / "audit" / f"{tenant_id}.checkpoints"


async def write_checkpoint(database: Database, tenant_id: UUID, folder: Path) -> Checkpoint | None:
    """
    Sign the chain's head and append it to the file; None when nothing is new since the last line.

    Raises ChainBehind rather than sign a chain that the last line contradicts.
    """
    path = checkpoint_path(folder, tenant_id)
    newest = _read(path)[-1:]
    async with database.unit(_actor(tenant_id)) as unit:
        head = (await unit.connection.execute(select(audit_head).where(audit_head.c.tenant_id == tenant_id))).one()
        if newest and await _is_there(unit, newest[0], head):
            return None
        recorded = select(audit_entry.c.recorded_us).where(
            audit_entry.c.tenant_id == tenant_id, audit_entry.c.number == head.number
        )
        recorded_us = (await unit.connection.execute(recorded)).scalar_one()
        key = (await unit.keys.root(signing_key.name)).current
        # Units commit before their flush (database._commit): a signed entry must be on disk, or a power cut looks like
        # a cut tail. This writes to the WAL, so that the commit of this unit flushes everything before it.
        await unit.connection.execute(text("select pg_logical_emit_message(true, 'teleconsult', '')"))
    unsigned = Checkpoint(tenant_id, head.number, head.hash, recorded_us, key.version)
    signature = sign_checkpoint(key.material, unsigned.message())
    signed = Checkpoint(tenant_id, head.number, head.hash, recorded_us, key.version, signature)
    _append(path, signed)
    return signed


def last_checkpoint(folder: Path, tenant_id: UUID) -> Checkpoint | None:
    """Return the newest line of the tenant's checkpoint file, unverified; None before the first."""
    found = _read(checkpoint_path(folder, tenant_id))
    return found[-1] if found else None


async def verify(database: Database, tenant_id: UUID, folder: Path, page: int = PAGE) -> Report:
    """
    Check a tenant's whole chain against itself, its head and its checkpoints. Raises CheckpointForged.

    `page` entries are checked at once: a process that serves others meanwhile asks for fewer.
    """
    checkpoints = _read(checkpoint_path(folder, tenant_id))
    async with database.unit(_actor(tenant_id)) as unit:
        _check_signatures(checkpoints, await unit.keys.root(signing_key.name))
        head = (await unit.connection.execute(select(audit_head).where(audit_head.c.tenant_id == tenant_id))).one()
        verifier = Verifier(genesis(tenant_id), checkpoints)
        async for entry in _entries(unit, tenant_id, head.number, page):
            verifier.receive(entry)
        beyond = await _beyond(unit, tenant_id)
    report = verifier.finish((head.number, head.hash), beyond)
    if report.is_sound:  # a broken chain is evidence: nothing is appended to it here
        async with database.unit(_actor(tenant_id)) as unit:
            await unit.audit.record("E", "audit", detail="verify")
    return report


async def _is_there(unit: Unit, newest: Checkpoint, head: Any) -> bool:
    """Say whether the newest checkpoint is the chain's head. Raises ChainBehind when it is nowhere in the chain."""
    entry = select(audit_entry.c.hash).where(
        audit_entry.c.tenant_id == newest.tenant, audit_entry.c.number == newest.number
    )
    if newest.number > head.number or (await unit.connection.execute(entry)).scalar() != newest.hash:
        raise ChainBehind(f"the audit chain is not the one that was signed at entry {newest.number}")
    return newest.number == int(head.number)


async def _beyond(unit: Unit, tenant_id: UUID) -> int | None:
    """Return the first entry above the head, in one snapshot: others append meanwhile, but head and entry together."""
    query = text(
        "select min(e.number) from audit_entry e join audit_head h using (tenant_id)"
        " where e.tenant_id = :tenant and e.number > h.number"
    )
    found = (await unit.connection.execute(query, {"tenant": tenant_id})).scalar()
    return None if found is None else int(found)


async def _entries(unit: Unit, tenant_id: UUID, last: int, size: int) -> AsyncIterator[Entry]:
    after = _BEFORE_ALL
    while True:
        leaf = cast(audit_entry.c.leaf, Text).label("leaf_text")  # the text as it was written, not as a value
        query = select(audit_entry.c.number, audit_entry.c.recorded_us, leaf, audit_entry.c.hash)
        page = (await unit.connection.execute(
            query.where(audit_entry.c.tenant_id == tenant_id, audit_entry.c.number > after,
                        audit_entry.c.number <= last).order_by(audit_entry.c.number).limit(size)
        )).all()  # fmt: skip
        if not page:
            return
        for row in page:
            yield Entry(row.number, row.recorded_us, row.leaf_text, row.hash)
        after = page[-1].number


def _actor(tenant_id: UUID) -> Actor:
    return Actor(tenant_id, ActorKind.SYSTEM, "audit", Purpose.SYSADMIN, "audit")


def _check_signatures(checkpoints: Iterable[Checkpoint], keys: KeySet) -> None:
    for line, checkpoint in enumerate(checkpoints, start=1):
        try:
            material = keys.version(checkpoint.key_version).material
        except CannotOpen:
            raise CheckpointForged(line) from None
        if not is_signed(material, checkpoint.message(), checkpoint.signature):
            raise CheckpointForged(line)


def _read(path: Path) -> list[Checkpoint]:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Checkpoint.from_line(line))
        except ValueError:  # an empty line, or one
            continue  # torn by a power cut; what was altered still parses, and then its signature does not fit
    return found


def _append(path: Path, checkpoint: Checkpoint) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # The leading line feed ends a line that a power cut tore.
        os.write(descriptor, b"\n" + checkpoint.to_line().encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
