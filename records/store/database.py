"""The database of this process: a pool of app-role connections, and the units of work on them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import sqlalchemy.exc
from sqlalchemy import event, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from records.actors import Actor, ActorKind, Purpose
from records.crypto.keyring import Keyring
from records.errors import AlreadyExists, SchemaOutdated, StoreUnavailable
from records.store import migrate
from records.store.address import asyncpg_url
from records.store.clock import Clock
from records.store.faults import FAULTS, translate
from records.store.keys import ROOT_KINDS, Keys
from records.store.tables import metadata, tenant
from records.store.unit import Link, Unit

if TYPE_CHECKING:
    from records.store.resource_groups import ResourceGroups

APP_ROLE = "teleconsult_app"  # migrations/protection.py grants it what it may do
DEFAULT_TENANT = UUID("00000000-0000-4000-8000-000000000001")  # migration 0001 inserts it
OF_ONE_VISIT = frozenset({ActorKind.PATIENT, ActorKind.DEVICE})
NO_VISIT = UUID(int=0)  # no row has it: an actor of one visit that names none sees nothing

POOL_SIZE = 10  # one web process keeps 2 cores of PostgreSQL busy with far fewer; the rest waits for locks
POOL_OVERFLOW = 10  # of PostgreSQL's default 100 connections this leaves room for four more nodes
POOL_WAIT_S = 5.0  # then StoreUnavailable: a queue behind a stuck database helps nobody
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 20.0  # the client's own limit, in case the server is frozen
STATEMENT_TIMEOUT_MS = 15_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000  # security.md §2


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the store can serve; each claim by itself, for /readyz."""

    database: bool
    key_service: bool

    @property
    def is_ready(self) -> bool:
        """Return whether new consultations may start."""
        return self.database and self.key_service


class Database:
    """The only door to the database. Open one per process, close it last."""

    fhir_base = ""
    """Address of our /fhir, when there is one: references to it are kept as they are and found as relative ones."""

    def __init__(self, engine: AsyncEngine, keyring: Keyring, clock: Clock) -> None:
        self.engine = engine
        self.keyring = keyring
        self._clock = clock

    @classmethod
    async def open(cls, url: str, keyring: Keyring, *, clock: Clock) -> "Database":
        """Connect as the app role. Raises StoreUnavailable, SchemaOutdated (run `records.store.migrate.upgrade`)."""
        database = cls(_engine(url), keyring, clock)
        try:
            async with database._translating():
                await database._check_schema()
            await database.prepare_tenant(DEFAULT_TENANT)
        except BaseException:  # cancellation too: nobody else would close the pool
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close all connections and forget all keys."""
        if "resource_groups" in self.__dict__:
            await self.resource_groups.close()
        self.keyring.cache.forget()
        await self.engine.dispose()

    async def ready(self) -> Readiness:
        """Ask the database and the key service."""
        try:
            async with self._translating(), self.engine.connect() as connection:
                await connection.execute(text("select 1"))
            is_reachable = True
        except StoreUnavailable:
            is_reachable = False
        return Readiness(is_reachable, await self.keyring.provider.healthy())

    @cached_property
    def resource_groups(self) -> "ResourceGroups":
        """Like requests for FHIR resources, served together; loaded on first use, as `Unit.resources` is."""
        from records.store.resource_groups import ResourceGroups

        return ResourceGroups(self)

    @asynccontextmanager
    async def unit(self, actor: Actor, *, plans_once: bool = False) -> AsyncIterator[Unit]:
        """
        Give one transaction for one actor: committed at the end of the block, rolled back on any error.

        `plans_once` is for statements that look up keys, whatever the values: PostgreSQL then plans each once for a
        connection. It plans ours, with their predicates of consent, each time: 0.7 ms for a search that takes 0.05.

        What was read, written or refused is appended to the audit chain in both cases. Raises StoreUnavailable when
        the database is away; whether a commit that broke took place is then unknown, so retry idempotent units only.
        """
        async with self._transaction(actor, plans_once) as unit:
            await unit.start()
            yield unit

    async def prepare_tenant(self, tenant_id: UUID) -> None:
        """Create the tenant's keys if it has none. Safe to run on several nodes at once."""
        actor = Actor(tenant_id, ActorKind.SYSTEM, "store", Purpose.SYSADMIN, "prepare-tenant")
        async with self._transaction(actor) as unit:
            await unit.connection.execute(select(func.pg_advisory_xact_lock(migrate.ADVISORY_LOCK)))
            for kind in ROOT_KINDS:
                if not await _has_rows(unit.connection, kind):
                    await unit.keys.create_root(kind, unit.now)
                    await unit.audit.record("C", kind, entity_id="1")

    async def add_tenant(self, tenant_id: UUID, name: str, suite: int = 1) -> None:
        """Add a tenant that seals with `suite`, and its keys. Raises AlreadyExists."""
        actor = Actor(tenant_id, ActorKind.SYSTEM, "store", Purpose.SYSADMIN, "add-tenant")
        async with self._transaction(actor) as unit:
            row = {"id": tenant_id, "name": name, "suite": suite, "created_at": unit.now}
            statement = insert(tenant).values(row).on_conflict_do_nothing().returning(tenant.c.id)
            if (await unit.connection.execute(statement)).scalar() is None:
                raise AlreadyExists("this tenant exists")
            await unit.audit.record("C", "tenant", entity_id=str(tenant_id))
        await self.prepare_tenant(tenant_id)

    @asynccontextmanager
    async def _transaction(self, actor: Actor, plans_once: bool = False) -> AsyncIterator[Unit]:
        async with self._translating(), self.engine.connect() as connection:
            raw = await _driver(connection)
            keys = Keys(self.keyring, connection, actor.tenant_id, self._clock.monotonic())
            unit = Unit(Link(connection, raw, self.fhir_base), actor, self._clock.now(), keys)
            try:
                await _begin(raw, actor, plans_once)
                yield unit
                await _commit(raw, unit.audit.committing())
            except BaseException as error:  # cancellation too: the transaction must end, and what was read be recorded
                await _give_up(raw, actor, unit.audit.refused(error))
                raise
            keys.committed()

    @asynccontextmanager
    async def _translating(self) -> AsyncIterator[None]:
        try:
            yield
        except FAULTS as error:
            translated = translate(error)
            if translated is None:
                raise
            raise translated from error

    async def _check_schema(self) -> None:
        found = None
        async with self.engine.connect() as connection:
            if (await connection.execute(text("select to_regclass('alembic_version')"))).scalar() is not None:
                found = (await connection.execute(text("select version_num from alembic_version"))).scalar()
        if found != migrate.head():
            raise SchemaOutdated(f"the database is at revision {found}, this program needs {migrate.head()}")


def _engine(url: str) -> AsyncEngine:
    settings = {
        "role": APP_ROLE,
        "application_name": "teleconsult",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
        "standard_conforming_strings": "on",  # _literal relies on it
        "jit": "off",  # our queries are short; compiling them costs more than it saves
    }
    engine = create_async_engine(
        asyncpg_url(url),
        isolation_level="AUTOCOMMIT",  # the unit writes BEGIN and COMMIT itself: one round trip less each
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_WAIT_S,
        pool_use_lifo=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S, "server_settings": settings,
            "target_session_attrs": "read-write",
        },
    )  # fmt: skip
    event.listen(engine.sync_engine, "checkin", _refuse_open_transaction)
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_open_transaction(connection: Any, record: ConnectionPoolEntry) -> None:
    """A connection that comes back inside a transaction still carries a tenant: never hand it to the next unit."""
    raw = None if connection is None else connection.driver_connection
    if raw is not None and (raw.is_closed() or raw.is_in_transaction()):
        record.invalidate()


def _refuse_closed(connection: Any, record: ConnectionPoolEntry, fairy: Any) -> None:
    """Have the pool connect anew for a connection that died with the server: the units use the driver directly, so
    SQLAlchemy does not see it die. No ping: the driver knows."""
    if connection.driver_connection.is_closed():
        raise sqlalchemy.exc.DisconnectionError


async def _driver(connection: AsyncConnection) -> asyncpg.Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection), "the engine is built on asyncpg"
    return driver


async def _begin(raw: asyncpg.Connection, actor: Actor, plans_once: bool = False) -> None:
    """Begin, naming what row-level security shows: the tenant; of it one visit for those whose link is for one."""
    # One simple query, one round trip. A UUID's text needs no quoting.
    visit = f"; SET LOCAL app.visit = '{actor.visit_id or NO_VISIT}'" if actor.kind in OF_ONE_VISIT else ""
    plans = "; SET LOCAL plan_cache_mode = force_generic_plan" if plans_once else ""
    await raw.execute(f"BEGIN; SET LOCAL app.tenant = '{actor.tenant_id}'{visit}{plans}")


async def _commit(raw: asyncpg.Connection, leaves: Sequence[str]) -> None:
    """
    Append to the chain and commit in one round trip: the head's lock never waits for this process's event loop.

    Nor does it wait for the disk: the commit itself is asynchronous, and a second one, which holds no lock and so
    shares its flush with others, makes everything before it durable before this call returns.
    """
    if not leaves:
        await raw.execute("COMMIT")
        return
    append = f"SELECT append_audit(ARRAY[{', '.join(map(_literal, leaves))}])"
    flush = "SELECT pg_logical_emit_message(true, 'teleconsult', '')"
    await raw.execute(f"{append}; SET LOCAL synchronous_commit = off; COMMIT; {flush}")


def _literal(text: str) -> str:
    # Sound because the connection sets standard_conforming_strings: a quote is the only character with a meaning.
    return "'" + text.replace("'", "''") + "'"


async def _give_up(raw: asyncpg.Connection, actor: Actor, leaves: Sequence[str]) -> None:
    """Roll back, then record what was read and refused. A lost connection has nothing to roll back."""
    if raw.is_closed():
        return
    try:
        await raw.execute("ROLLBACK")
        if leaves:
            await _begin(raw, actor)
            await _commit(raw, leaves)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        raw.terminate()  # the unit's own error is on its way to the caller


async def _has_rows(connection: AsyncConnection, table: str) -> bool:
    return (await connection.execute(select(metadata.tables[table].c.version).limit(1))).scalar() is not None
