"""The web process: serves the application on a socket that the supervisor keeps open."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket

from aiohttp import web

from server.app import FAILED, build_app
from server.config import Settings
from server.http.connections import LOOPBACK, Runner
from server.processes import forbid_dumps, settle_memory

log = logging.getLogger("teleconsult.web")

# A page's calls take milliseconds; sockets are told to come back. The supervisor waits five seconds longer.
SHUTDOWN_S = 8.0
# A proxy in front keeps connections for 60-75 s; ours must outlive its, or it sends into a closed one.
KEEPALIVE_S = 90.0
MAX_LINE_BYTES = 8_190
MAX_HEADER_BYTES = 16_380


async def serve(settings: Settings, listening: socket.socket) -> int:
    """Serve until SIGTERM or SIGINT; 1 when a task that web cannot do without has crashed."""
    forbid_dumps(hide_memory=True)
    stop, failed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = build_app(settings)
    app[FAILED] = failed
    runner = Runner(
        app,
        uncounted=(*LOOPBACK, *settings.trusted_proxies),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=KEEPALIVE_S,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_HEADER_BYTES,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        settle_memory()
        log.info("web.ready")
        await _either(stop, failed)
    finally:
        await runner.cleanup()
    log.info("web.stopped")
    return 1 if failed.is_set() else 0


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
