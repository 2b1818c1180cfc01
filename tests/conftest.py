"""
Databases for tests: one PostgreSQL for the session, a fresh database for each test that asks.

The server is our own embedded PostgreSQL 18 (so the suite also proves the adapter), or the one that
TELECONSULT_TEST_DATABASE_URL names: a role that may create databases and roles. Tests marked `oldest_postgres` run a
second time on Debian's PostgreSQL 15, the oldest that is served.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from records.store.migrate import upgrade
from server.adapters.embedded_postgres import APP_ROLE, LOGIN_ROLE, WEB_ROLE, EmbeddedPostgres, Place
from server.processes import unprivileged_account
from tests.fakes.folders import cluster_folder

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own, beside the one that pytest-asyncio gives to tests."""
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL in which tests make databases."""

    admin: Callable[[str], str]
    """Database name → URL of a role that may do everything."""
    login: Callable[[str], str]
    """Database name → URL of the product's own role, which owns the database."""

    async def execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.admin("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
"""Where `make test-tools` puts it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test on both ends of the range of versions; all tests of one version stand together."""
    if "cluster" in metafunc.fixturenames and metafunc.definition.get_closest_marker("oldest_postgres"):
        metafunc.parametrize("cluster", [None, POSTGRES_15], ids=["newest", "15"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The session's PostgreSQL, of the programs that a test's parameter names."""
    programs: Path | None = getattr(request, "param", None)
    external = os.environ.get("TELECONSULT_TEST_DATABASE_URL")
    if external and programs is None:
        yield _external(external)
        return
    folder = cluster_folder()
    settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
    settings["max_wal_size"] = "128MB"  # of memory, perhaps
    server = EmbeddedPostgres(Place(folder, unprivileged_account(), programs, settings))
    try:
        server.prepare()
        server.start()
        server.wait_ready(_sleep)
        server.bootstrap()
        yield Cluster(lambda name: server.url("postgres", name), lambda name: server.url(database=name))
    finally:
        server.stop()
        shutil.rmtree(folder)


def _sleep(seconds: float) -> None:
    """Wait for PostgreSQL's first start; the one wait that no test sees."""
    run(asyncio.sleep(seconds))


def _external(url: str) -> Cluster:
    """Give the product's role a password on a server of somebody else's."""
    parts = urlsplit(url)

    def admin(name: str) -> str:
        return urlunsplit(parts._replace(path=f"/{name}"))

    def login(name: str) -> str:
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{LOGIN_ROLE}:test@{host}", path=f"/{name}"))

    cluster = Cluster(admin, login)
    make = "do $$ begin create role {} {}; exception when duplicate_object then null; end $$"
    run(
        cluster.execute(
            make.format(LOGIN_ROLE, "login password 'test'"),
            make.format(APP_ROLE, "nologin"),
            make.format(WEB_ROLE, "login password 'test'"),
            f"grant {APP_ROLE} to {LOGIN_ROLE}, {WEB_ROLE}",
        )
    )
    return cluster


_names = (f"test_{os.getpid()}_{number}" for number in itertools.count())


def _database(cluster: Cluster, template: str) -> Iterator[str]:
    name = next(_names)
    run(cluster.execute(f"create database {name} owner {LOGIN_ROLE} template {template}"))
    try:
        yield name
    finally:
        run(cluster.execute(f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def migrated_template(cluster: Cluster) -> Iterator[str]:
    """Name of a database with every migration applied, to copy from; nobody connects to it."""
    for name in _database(cluster, "template0"):
        run(upgrade(cluster.login(name)))
        yield name


@pytest.fixture
def database_url(cluster: Cluster, migrated_template: str) -> Iterator[str]:
    """URL of a fresh database with every migration applied, as the product's role; gone after the test."""
    for name in _database(cluster, migrated_template):
        yield cluster.login(name)


@pytest.fixture
def empty_database_url(cluster: Cluster) -> Iterator[str]:
    """URL of a fresh empty database, as the product's role, which owns it; gone after the test."""
    for name in _database(cluster, "template0"):
        yield cluster.login(name)
