"""The console's queue, once and as a stream."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from aiohttp import web

from records.errors import RecordsError
from server.auth.principals import Staff
from server.board import Listener
from server.http.middleware import REQUEST_ID, staff
from server.http.state import BOARD, NAMES
from server.queue_rows import document
from server.visits import services

routes = web.RouteTableDef()

AT_MOST_EVERY_S = 1.0
# A comment now and then keeps proxies from closing an idle stream and finds a reader that has gone.
BEAT_S = 10.0
# A console that takes longer to read a few kB is gone or overwhelmed; it connects again and gets the newest state.
SEND_TIMEOUT_S = 10.0


@routes.get("/api/queue")
async def queue(request: web.Request) -> web.StreamResponse:
    """Who waits, in the order to be seen in."""
    who = staff(request)
    return web.json_response(await document(services(request.app), who, request[REQUEST_ID], request.app[NAMES]))


@routes.get("/api/queue/stream", allow_head=False)
async def stream(request: web.Request) -> web.StreamResponse:
    """
    The same as server-sent events: at once, then on change. Only the newest state is ever sent: nothing queues up.
    """
    who = staff(request)
    with request.app[BOARD].listen(who.session_id) as listener:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        with suppress(TimeoutError, ConnectionError):  # the reader is slow or gone; EventSource comes back by itself
            await _follow(request, response, who, listener)
    return response


async def _follow(request: web.Request, response: web.StreamResponse, who: Staff, listener: Listener) -> None:
    sent = ""
    listener.news.set()
    while not listener.is_over:
        if listener.news.is_set():
            listener.news.clear()
            rows = await _document(request, who)
            if rows is not None and rows != sent:
                await _send(response, f"event: queue\ndata: {rows}\n\n")
                sent = rows
        await asyncio.sleep(AT_MOST_EVERY_S)
        try:
            async with asyncio.timeout(BEAT_S):
                await listener.news.wait()
        except TimeoutError:
            await _send(response, ": beat\n\n")


async def _document(request: web.Request, who: Staff) -> str | None:
    try:
        rows = await document(services(request.app), who, request[REQUEST_ID], request.app[NAMES])
    except RecordsError:
        return None
    return json.dumps(rows, ensure_ascii=False)


async def _send(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await response.write(text.encode())
