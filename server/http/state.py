"""What the routes of this package keep between calls: the password threads, the console streams, the
audit check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from server.auth.passwords import Passwords
from server.board import Board
from server.keys import CLOCK, DATABASE, SETTINGS
from server.oversight import AuditCheck
from server.queue_rows import PractitionerNames

PASSWORDS = web.AppKey("passwords", Passwords)
BOARD = web.AppKey("board", Board)
NAMES = web.AppKey("names", PractitionerNames)
AUDIT_CHECK = web.AppKey("audit check", AuditCheck)


async def run(app: web.Application) -> AsyncIterator[None]:
    """Make them when the application starts, after the database, and end them with it."""
    app[PASSWORDS] = Passwords()
    app[NAMES] = PractitionerNames()
    app[BOARD] = board = Board(app[DATABASE])
    app[AUDIT_CHECK] = AuditCheck(app[DATABASE], app[CLOCK], app[SETTINGS].data_dir)
    looking = asyncio.create_task(board.run(), name="board")
    yield
    await app[AUDIT_CHECK].close()
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    app[PASSWORDS].close()
