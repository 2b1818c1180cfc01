"""`backup DIR`: dumps and recordings; with --drill the proof that they come back. `restore DIR`: brings them back."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from records.actors import Actor, ActorKind, Purpose
from records.store import audit_log, backup
from records.store.database import DEFAULT_TENANT
from records.store.inspection import inspect
from records.store.migrate import upgrade
from server import key_service
from server.adapters.embedded_postgres import LOGIN_ROLE, SUPERUSER
from server.adapters.postgres_binaries import find_binaries
from server.clock import Clock
from server.commands.prepare import open_keys
from server.commands.reach import opened, reachable
from server.config import Settings
from server.datafolder import RECORDINGS
from server.faults import StartFault
from server.oversight import BACKED_UP, DRILLED
from server.processes import unprivileged_account

CHECKPOINTS = "audit"  # the folder of the audit chain's, in the data folder and in a backup
ACTOR = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "backup", Purpose.SYSADMIN, "backup")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the backup; 0 when it is written and, with --drill, everything came back."""
    folder = Path(arguments.folder)
    with reachable(settings) as reached:
        place = _place(settings, reached)
        _copy_checkpoints(settings.data_dir, folder)  # before the dump: no chain in it is shorter than they say
        if not arguments.drill:
            tables = asyncio.run(backup.dump(place, folder))
            print(f"{sum(each.rows for each in tables.values())} rows of {len(tables)} tables are in {folder}.")
            _copy_recordings(settings.data_dir, folder)
            asyncio.run(_tell(reached, BACKED_UP, {"rows": sum(each.rows for each in tables.values())}))
            return 0
        _copy_recordings(settings.data_dir, folder)
        return asyncio.run(_drill(reached, place, folder))


def _copy_checkpoints(source: Path, target: Path) -> None:
    """Copy the signed checkpoints of the audit chain, without which a chain that was rewritten looks sound."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in sorted((source / CHECKPOINTS).glob("*.checkpoints")):
        (target / CHECKPOINTS).mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(file, target / CHECKPOINTS / file.name)


def _copy_recordings(source: Path, target: Path) -> None:
    """
    Copy the sealed files as they are. Called after the dump: a file without a row in it is swept away after a restore,
    a row without its file would be a lost recording.
    """
    if not (source / RECORDINGS).is_dir():
        return
    (target / RECORDINGS).mkdir(mode=0o700, parents=True, exist_ok=True)
    copied = 0
    for file in sorted((source / RECORDINGS).iterdir()):
        kept = target / RECORDINGS / file.name
        if not kept.exists() or kept.stat().st_size != file.stat().st_size:  # a part only ever grows
            shutil.copy2(file, kept)
            copied += 1
    print(f"{copied} new files of recordings are in {target / RECORDINGS}.")


async def _drill(settings: Settings, place: backup.Place, folder: Path) -> int:
    async with backup.drill(place, folder) as restored:
        url = _as(LOGIN_ROLE, restored.url) if place.owner == LOGIN_ROLE else restored.url
        async with opened(dataclasses.replace(settings, database_url=url)) as database:
            found = await inspect(database, ACTOR)
            # The folder's checkpoints: newer ones sign what came after the dump.
            report = await audit_log.verify(database, DEFAULT_TENANT, folder)
    faults = [*restored.differences, *found.broken, *([] if report.is_sound else ["the audit chain"])]
    print(f"Dumped in {restored.dump_s:.1f} s, restored {restored.rows} rows in {restored.restore_s:.1f} s, "
          f"opened {found.opened} sealed values, checked {report.entries} audit entries.")  # fmt: skip
    print("Everything came back." if not faults else "Not as it was: " + ", ".join(faults))
    done = {"rows": restored.rows, "opened": found.opened, "entries": report.entries, "faults": len(faults)}
    await _tell(settings, DRILLED, {**done, "restore_s": round(restored.restore_s, 1)})
    return 0 if not faults else 1


async def _tell(settings: Settings, name: str, done: dict[str, Any]) -> None:
    """Leave word in the database for the privacy officer's page; after the dump, so not in it."""
    async with opened(settings) as database, database.unit(ACTOR) as unit:
        await unit.settings.put(name, {**done, "at": Clock().now().isoformat()})


class DatabaseNotEmpty(StartFault):
    """Something is in the database that a restore would mix with."""

    code = "database-not-empty"


def restore(settings: Settings, arguments: argparse.Namespace) -> int:
    """
    Bring a backup into the empty database of a new data folder, in which the operator has put the key file.

    Raises:
        KeyWrong: all is there; put the right key file in its place and start.
        KeyFileInvalid, DatabaseNotEmpty, BackupFailed: nothing was changed, or what was begun is to be thrown away.
    """
    key_service.check(settings)  # first of all: without it nothing that comes back could be read
    with reachable(settings) as reached:
        return asyncio.run(_restore(reached, _place(settings, reached), Path(arguments.folder)))


async def _restore(settings: Settings, place: backup.Place, folder: Path) -> int:
    if await backup.has_tables(place):
        raise DatabaseNotEmpty(
            f"The database of {settings.data_dir} is not empty.",
            "restore into a new data folder: make it, put the key file at DATA_DIR/keys/kek.json, run this again.",
        )
    await backup.restore(place, folder)
    _copy_recordings(folder, settings.data_dir)
    _copy_checkpoints(folder, settings.data_dir)
    assert settings.database_url is not None, "inside reachable()"
    await upgrade(settings.database_url)  # the backup may be of an older program
    await open_keys(settings)
    async with opened(settings) as database:
        found = await inspect(database, ACTOR)
        report = await audit_log.verify(database, DEFAULT_TENANT, settings.data_dir)
    print(f"Restored from {folder}: opened {found.opened} sealed values, checked {report.entries} audit entries.")
    faults = [*found.broken, *([] if report.is_sound else ["the audit chain"])]
    print("Everything opens. Start Teleconsult." if not faults else "Not as it was: " + ", ".join(faults))
    return 0 if not faults else 1


def _place(settings: Settings, reached: Settings) -> backup.Place:
    """An embedded database lets its superuser in by the account that runs this; another's URL must name such a role."""
    assert reached.database_url is not None, "inside reachable()"
    major = asyncio.run(backup.server_major(reached.database_url))
    programs = find_binaries(settings.postgres_bin, unprivileged_account(), major).folder
    if settings.database_url is None:
        return backup.Place(programs, _as(SUPERUSER, reached.database_url), LOGIN_ROLE)
    owner = urlsplit(reached.database_url).username or LOGIN_ROLE
    return backup.Place(programs, reached.database_url, owner)


def _as(role: str, url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))
