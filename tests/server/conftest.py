"""The clinic of tests/server/clinic.py: the application's own HTTP modules, without live rooms and relays."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from records.store.database import Database
from records.store.key_file import create_key_file, load_keyring
from server.auth import passwords
from server.bridge import RelayPool
from server.config import read_settings
from server.http import middleware, pages, recordings
from server.keys import CLOCK, DATABASE, LINE_TESTS, ROOMS, SETTINGS, TRIAGE
from server.line_tests import LineTests
from tests.fakes.rooms import FakeRooms
from tests.fakes.softhsm import make_token
from tests.fakes.triage import FakeTriage
from tests.server.clinic import Clinic, MovableClock

MODULES = (
    "pages", "join", "visit", "session", "queue", "console", "privacy", "recordings", "tickets", "written", "ice",
    "line_tests", "openapi",
)  # fmt: skip


def edge_app(database: Database, data_dir: Path, clock: MovableClock, **settings: str) -> web.Application:
    """Return an application with the rooms of people who are not there."""
    app = web.Application(client_max_size=1024 * 1024)
    app[SETTINGS] = read_settings({"TELECONSULT_DATA_DIR": str(data_dir), **settings})
    app[CLOCK] = clock
    app[DATABASE] = database
    app[ROOMS] = FakeRooms()
    app[TRIAGE] = FakeTriage()
    app[LINE_TESTS] = LineTests(RelayPool([]), clock.monotonic)
    app[pages.FILES] = pages.Files()
    recordings.install(app)
    middleware.install(app)
    for name in MODULES:
        app.add_routes(importlib.import_module(f"server.http.{name}").routes)
    return app


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Database, MovableClock]]:
    """A migrated database with keys, and its clock."""
    key_file = tmp_path / "kek.json"
    create_key_file(key_file)
    clock = MovableClock()
    opened = await Database.open(database_url, load_keyring(key_file), clock=clock)
    yield opened, clock
    await opened.close()


@pytest.fixture
async def clinic(
    database: tuple[Database, MovableClock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Clinic]:
    """A running clinic, whose passwords cost less than in the product (tests/server/test_login.py asks for that)."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    opened, clock = database
    app = edge_app(opened, tmp_path, clock)
    server = TestServer(app)
    await server.start_server(access_log=None)  # as server/web.py does
    made = Clinic(server, app, clock, app[ROOMS])
    yield made
    for client in made.people:
        await client.close()
    await server.close()


TOKEN_LABEL = "clinic"


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a PKCS#11 token: one a process, as its library reads the tokens once. Tests have labels."""
    folder = tmp_path_factory.mktemp("softhsm")
    make_token(folder, TOKEN_LABEL)
    return folder
