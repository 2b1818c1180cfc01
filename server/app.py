"""The web application: settings in, everything wired, every route of server/http added."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from aiohttp import ClientSession, web

from records.store.database import Database
from records.triage.engine import assess, partial_flags
from records.triage.intake import Intake
from records.triage.note import Note
from records.triage.ports import SecondReader
from server import key_service
from server.adapters.language_model import Endpoint, LanguageModelClient
from server.adapters.sentence_encoder import shared_encoder
from server.bridge import RelayPool
from server.clock import Clock
from server.config import Settings
from server.datafolder import RECORDINGS
from server.housekeeping import Housekeeping
from server.http import health, middleware, pages, recordings
from server.http.smart_services import smart_context
from server.intake import EmbeddedTriage
from server.keys import CLOCK, DATABASE, LINE_TESTS, RELAYS, ROOMS, SETTINGS, TRIAGE
from server.line_tests import LineTests
from server.recording import Recorders
from server.recording_store import DatabaseRecordings
from server.rooms import Rooms, Wiring
from server.turn import turn_of
from server.visit_store import DatabaseVisits
from signaling.inputs import RoomFacts

ROUTE_MODULES = (
    "health", "pages", "join", "visit", "session", "queue", "console", "privacy", "recordings", "tickets", "written",
    "ice", "websocket", "whip", "fhir", "line_tests", "token", "openapi",
)  # fmt: skip
# Every JSON body of ours is far smaller (middleware.py refuses them earlier); a FHIR bundle is the largest.
MAX_BODY_BYTES = 1024 * 1024


def build_app(settings: Settings, *, clock: Clock | None = None) -> web.Application:
    """Return the application; it opens the database and the relays when it starts, and closes them when it stops."""
    assert settings.database_url is not None, "the supervisor fills in the embedded database's address"
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[SETTINGS] = settings
    app[CLOCK] = clock or Clock()
    app[pages.FILES] = pages.Files()
    # What follows stands on what is before.
    app.cleanup_ctx.extend([_database, _triage, _rooms, _line_tests, _housekeeping, smart_context])
    app.on_shutdown.append(_send_pages_away)
    middleware.install(app)
    health.install(app)
    recordings.install(app)
    for name in ROUTE_MODULES:
        if importlib.util.find_spec(f"server.http.{name}") is not None:
            app.add_routes(importlib.import_module(f"server.http.{name}").routes)
    return app


async def _database(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    assert settings.database_url is not None, "checked by build_app"
    async with key_service.keyring(settings) as keyring:
        app[DATABASE] = await Database.open(settings.database_url, keyring, clock=app[CLOCK])
        app[DATABASE].fhir_base = f"{settings.public_url}/fhir"
        yield
        await app[DATABASE].close()


def embedded_triage(second: SecondReader | None = None) -> EmbeddedTriage:
    """Return the engine that is part of this program, with a thread of its own."""

    encoder = shared_encoder()

    def note(intake: Intake, now: datetime) -> Note:
        # A note does not wait for the encoder: on a busy machine it loads for longer than a note may take.
        return assess(intake, now=now, encoder=encoder if encoder.is_loaded else None)

    return EmbeddedTriage(partial_flags, note, second)


async def _triage(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with AsyncExitStack() as stack:
        second = None
        if settings.llm_url is not None:
            session = await stack.enter_async_context(ClientSession())
            endpoint = Endpoint(settings.llm_url, settings.llm_model, settings.llm_key)
            second = LanguageModelClient(endpoint, session, app[CLOCK].monotonic)
        app[TRIAGE] = triage = embedded_triage(second)
        triage.warm_up()
        yield
        triage.close()


async def _rooms(app: web.Application) -> AsyncIterator[None]:
    """Run the rooms, which run the relay connections; a crash in them ends web, which the supervisor starts again."""
    settings = app[SETTINGS]
    app[RELAYS] = RelayPool(settings.relay_sockets)
    facts = RoomFacts(emergency_number=settings.emergency_number)
    store = DatabaseVisits(app[DATABASE])
    control = Path(settings.relay_sockets[0]).parent if settings.relay_sockets else settings.data_dir
    store_of_recordings = DatabaseRecordings(app[DATABASE], app[CLOCK])
    recorders = Recorders(store_of_recordings, settings.data_dir / RECORDINGS, control)
    app[ROOMS] = rooms = Rooms(Wiring(store, app[RELAYS], app[CLOCK], facts, turn_of(settings), recorders))
    started = asyncio.Event()
    task = asyncio.create_task(rooms.run(started), name="rooms")
    task.add_done_callback(_ends_web(app))
    await started.wait()
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _line_tests(app: web.Application) -> AsyncIterator[None]:
    app[LINE_TESTS] = tests = LineTests(app[RELAYS], app[CLOCK].monotonic)
    task = asyncio.create_task(tests.run(), name="line tests")
    task.add_done_callback(_ends_web(app))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _send_pages_away(app: web.Application) -> None:
    """Close the pages' sockets with 1001 while their handlers can still say so; runs before any context ends."""
    await app[ROOMS].close()


async def _housekeeping(app: web.Application) -> AsyncIterator[None]:
    chores = Housekeeping(app[DATABASE], app[SETTINGS].data_dir, app[CLOCK].now())
    task = asyncio.create_task(chores.run(), name="housekeeping")
    task.add_done_callback(_ends_web(app))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


FAILED: web.AppKey[asyncio.Event] = web.AppKey("failed")
"""Set when a task that web cannot do without has crashed."""


def _ends_web(app: web.Application) -> Callable[[asyncio.Task[None]], None]:
    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and FAILED in app:
            app[FAILED].set()

    return ended
