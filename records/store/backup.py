"""
Backup and the drill that proves it: dump, restore into an empty database, compare, open every value, check the chain.

Two files from one snapshot: `records.dump` without patient keys, and `keys.dump` with nothing else. They are to be kept
apart, and the keys' copies must expire: who has both, and the key file, can read a patient who was erased since.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import URL, make_url

from records.errors import RecordsError

RECORDS, KEYS = "records.dump", "keys.dump"
UNFINISHED = ".unfinished"
KEY_TABLES = ("patient_key",)
# A city's records, dumped or restored over one night.
TIMEOUT_S = 8 * 3600.0


class BackupFailed(RecordsError):
    """pg_dump or pg_restore failed; the message is its own last line."""

    code = "backup-failed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where PostgreSQL's programs are, and as whom to dump: a role that row-level security lets through."""

    programs: Path
    url: str
    """A superuser's, or one with BYPASSRLS that may also create databases for the drill."""
    owner: str
    """The role that owns the tables."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A table's content: how many rows, and a sum over their hashes that does not depend on their order."""

    rows: int
    sum: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back, and how long dump and restore took."""

    url: str
    dump_s: float
    restore_s: float
    rows: int
    differences: tuple[str, ...]
    """Tables whose content is not what was dumped."""


async def server_major(url: str) -> int:
    """Return the server's major version. Take programs of the same: a newer pg_restore says what older ones refuse."""
    connection = await asyncpg.connect(url)
    try:
        return int(connection.get_server_version().major)
    finally:
        await connection.close()


async def dump(place: Place, folder: Path) -> dict[str, Fingerprint]:
    """
    Write both files into a folder; return the fingerprints of what they hold.

    An older backup in the folder is replaced when both files are whole and on disk, not before. Raises BackupFailed.
    """
    _make_private(folder)
    async with _snapshot(place.url) as (connection, snapshot):
        apart = [f"--exclude-table-data={table}" for table in KEY_TABLES]
        alone = ["--data-only", *(f"--table={table}" for table in KEY_TABLES)]
        for name, options in ((RECORDS, apart), (KEYS, alone)):
            path = folder / (name + UNFINISHED)
            await _run(place, "pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={path}", *options)
        fingerprints = await _fingerprints(connection)
    await asyncio.to_thread(_finish, folder)
    return fingerprints


async def restore(place: Place, folder: Path) -> None:
    """Bring both files into the empty database of `place`. Raises BackupFailed."""
    # One transaction a file: what fails half way, of a cut file or a full disk, leaves nothing of that file behind.
    options = ("--exit-on-error", "--single-transaction", "--no-owner", f"--dbname={make_url(place.url).database}")
    await _run(place, "pg_restore", *options, f"--role={place.owner}", str(folder / RECORDS))
    await _run(place, "pg_restore", *options, "--data-only", str(folder / KEYS))


async def has_tables(place: Place) -> bool:
    """Say whether anything is in the database: a restore goes into an empty one only."""
    connection = await asyncpg.connect(place.url)
    try:
        return bool(await connection.fetchval(
            "select exists (select from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace)"
        ))  # fmt: skip
    finally:
        await connection.close()


@asynccontextmanager
async def drill(place: Place, folder: Path) -> AsyncIterator[Restored]:
    """Dump, restore into a scratch database, compare; the scratch database lives as long as the block."""
    started = time.monotonic()
    wanted = await dump(place, folder)
    dumped = time.monotonic()
    async with _scratch(place) as scratch:
        await restore(scratch, folder)
        restored = time.monotonic()
        connection = await asyncpg.connect(scratch.url)
        try:
            found = await _fingerprints(connection)
        finally:
            await connection.close()
        differences = tuple(sorted(name for name in wanted | found if wanted.get(name) != found.get(name)))
        rows = sum(each.rows for each in found.values())
        yield Restored(scratch.url, dumped - started, restored - dumped, rows, differences)


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection, await connection.fetchval("select pg_export_snapshot()")
    finally:
        await connection.close()


@asynccontextmanager
async def _scratch(place: Place) -> AsyncIterator[Place]:
    name = f"teleconsult_drill_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(place.url)
    try:
        await connection.execute(f'create database {name} owner "{place.owner}" template template0')
        url = make_url(place.url).set(database=name).render_as_string(hide_password=False)
        try:
            yield Place(place.programs, url, place.owner)
        finally:
            await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


async def _fingerprints(connection: asyncpg.Connection) -> dict[str, Fingerprint]:
    tables = await connection.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
    )
    found = {}
    for (name,) in tables:
        hashes = "coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0)"
        row = await connection.fetchrow(f'select count(*), {hashes} from "{name}" t')
        found[str(name)] = Fingerprint(int(row[0]), int(row[1]))
    return found


async def _run(place: Place, program: str, *arguments: str) -> None:
    # The address goes by environment: arguments are everyone's to read in the process table.
    process = await asyncio.create_subprocess_exec(
        str(place.programs / program), *arguments, env=_environment(make_url(place.url)),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, said = await process.communicate()
    except BaseException:  # cancelled or too long: the program must not outlive its caller
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise BackupFailed(f"{program}: {lines[-1] if lines else process.returncode}")


def _make_private(folder: Path) -> None:
    """Make the folder and both files before anything is in them: pg_dump would leave them to the umask."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (RECORDS, KEYS):
        path = folder / (name + UNFINISHED)
        path.unlink(missing_ok=True)  # of a backup that was cut off
        path.touch(mode=0o600)


def _finish(folder: Path) -> None:
    for name in (RECORDS, KEYS):
        with (folder / (name + UNFINISHED)).open("rb") as file:
            os.fsync(file.fileno())
    for name in (RECORDS, KEYS):
        (folder / (name + UNFINISHED)).replace(folder / name)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _environment(url: URL) -> dict[str, str]:
    host = url.host or url.query.get("host") or ""
    values = {
        "PGHOST": host if isinstance(host, str) else host[0], "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "", "PGPASSWORD": str(url.password or ""), "PGDATABASE": url.database or "",
    }  # fmt: skip
    return {"PATH": os.environ.get("PATH", ""), **{name: value for name, value in values.items() if value}}
