"""What must happen now and then in every web process: audit checkpoints outside the database, and sweeping."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

from records.actors import Actor, ActorKind, Purpose
from records.errors import KeyServiceUnavailable, StoreUnavailable
from records.store import audit_log, recording_files
from records.store.admission import Idempotency, Throttle
from records.store.database import DEFAULT_TENANT, Database
from records.store.erasure_watch import WATCH_EVERY_S, ErasureWatch
from server.datafolder import RECORDINGS

log = logging.getLogger("teleconsult.housekeeping")

# Expired tickets, sessions and assertions cost a row each; nothing waits for their removal.
SWEEP_EVERY_S = 600.0


class Housekeeping:
    """Runs the chores of one process until cancelled; a database that is away postpones them."""

    def __init__(self, database: Database, data_dir: Path, begun_at: datetime) -> None:
        """`begun_at`: no recording of this process is older."""
        self._database = database
        self._data_dir = data_dir
        self._begun_at = begun_at
        actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "housekeeping", Purpose.OPERAT, "erasures")
        self._erasures = ErasureWatch(database, actor)

    async def run(self) -> None:
        """Do every chore at its own pace."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_every(audit_log.CHECKPOINT_EVERY_S, self.checkpoint))
            tasks.create_task(_every(SWEEP_EVERY_S, self.sweep))
            tasks.create_task(_every(SWEEP_EVERY_S, self.end_recordings))
            tasks.create_task(_every(WATCH_EVERY_S, self._erasures.look))

    async def checkpoint(self) -> None:
        """Sign the audit chain's head into the data folder, and tell it the log, which is collected elsewhere."""
        try:
            signed = await audit_log.write_checkpoint(self._database, DEFAULT_TENANT, self._data_dir)
        except audit_log.ChainBehind as error:
            log.error("audit.chain-behind", extra={"code": error.code})
            return
        if signed is not None:
            log.info("audit.checkpoint", extra={"number": signed.number, "hash": signed.hash.hex()})

    async def sweep(self) -> None:
        """Delete what has expired."""
        actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "housekeeping", Purpose.OPERAT, "sweep")
        async with self._database.unit(actor) as unit:
            kept = (unit.tickets, unit.sessions, unit.links, unit.clients, unit.events, Throttle(unit),
                    Idempotency(unit))  # fmt: skip
            for repository in kept:
                await repository.sweep()
            await unit.chat.sweep()
            await unit.recordings.sweep()
        await self._remove_recordings(actor)

    async def end_recordings(self) -> None:
        """End what an earlier process was recording when it was killed: it is in the record, and said to be cut off."""
        actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "housekeeping", Purpose.TREAT, "recordings")
        written = await asyncio.to_thread(_written, self._data_dir / RECORDINGS)
        if not written:
            return
        async with self._database.unit(actor) as unit:
            count = await unit.recordings.cut_off(written, self._begun_at)
        if count:
            log.warning("recording.cut_off", extra={"count": count})

    async def _remove_recordings(self, actor: Actor) -> None:
        """Delete this node's files of recordings that have no row (any more)."""
        folder = self._data_dir / RECORDINGS
        here = await asyncio.to_thread(recording_files.recordings_in, folder)
        async with self._database.unit(actor) as unit:
            gone = await unit.recordings.gone(here)
        for recording_id in gone:
            await asyncio.to_thread(recording_files.remove, folder, recording_id)


def _written(folder: Path) -> dict[UUID, datetime]:
    return {each: recording_files.written_at(folder, each) for each in recording_files.recordings_in(folder)}


async def _every(period_s: float, act: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await act()
        except (StoreUnavailable, KeyServiceUnavailable, OSError) as error:
            log.warning("housekeeping.postponed", extra={"error": type(error).__name__})
        await asyncio.sleep(period_s)
