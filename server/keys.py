"""What the routes find in the application, each under a typed key. server/app.py fills them; tests put fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from records.store.database import Database
    from server.bridge import RelayPool
    from server.clock import Clock
    from server.config import Settings
    from server.intake import Triage
    from server.line_tests import LineTests
    from server.rooms import Rooms

SETTINGS: web.AppKey[Settings] = web.AppKey("settings")
DATABASE: web.AppKey[Database] = web.AppKey("database")
ROOMS: web.AppKey[Rooms] = web.AppKey("rooms")
RELAYS: web.AppKey[RelayPool] = web.AppKey("relays")
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
LINE_TESTS: web.AppKey[LineTests] = web.AppKey("line_tests")
TRIAGE: web.AppKey[Triage] = web.AppKey("triage")
