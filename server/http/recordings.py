"""A visit's recordings for its practitioner: the list, and each part as a file that can be sought in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from aiohttp import web

from records.errors import CannotOpen, KeyDestroyed
from records.store.recordings import MediaKey
from server.auth.principals import Staff
from server.datafolder import RECORDINGS
from server.errors import NotFound
from server.http.middleware import REQUEST_ID, staff
from server.keys import CLOCK, DATABASE, SETTINGS
from server.playback import NotPlayable, PlayFile, describe, is_uuid, parse_range

routes = web.RouteTableDef()
# A player asks for many pieces of a file: they are one playing, so one entry of the audit chain.
ONE_PLAYING_S = 600.0
MAX_PLAYINGS = 1_000
PLAYINGS: web.AppKey[dict[tuple[str, UUID], float]] = web.AppKey("playings")


def install(app: web.Application) -> None:
    """Prepare what the routes keep."""
    app[PLAYINGS] = {}


def _id(request: web.Request, name: str) -> UUID:
    found = is_uuid(request.match_info[name])
    if found is None:
        raise NotFound
    return found


def _folder(app: web.Application) -> Path:
    return app[SETTINGS].data_dir / RECORDINGS


@routes.get("/api/visits/{id}/recordings")
async def read(request: web.Request) -> web.StreamResponse:
    """What was recorded of the visit."""
    visit_id, who = _id(request, "id"), staff(request)
    async with request.app[DATABASE].unit(who.actor(request[REQUEST_ID])) as unit:
        found = await unit.recordings.of_visit(visit_id)
        keys = [await unit.recordings.key(visit_id, each.id) for each in found]
    folder = _folder(request.app)
    shown = [await asyncio.to_thread(describe, folder, key, each) for key, each in zip(keys, found, strict=True)]
    return web.json_response({"recordings": shown})


@routes.get("/api/visits/{id}/recordings/{recording}/{part}")
async def play(request: web.Request) -> web.StreamResponse:
    """One part as a media file; a Range opens only the chunks that it needs."""
    part = request.match_info["part"]
    if not part.isascii() or not part.isdigit() or len(part) > 4:
        raise NotFound
    key = await _key(request, staff(request))
    try:
        file = await asyncio.to_thread(PlayFile, _folder(request.app), key, int(part))
    except NotPlayable:
        raise NotFound from None
    try:
        return await _send(request, file)
    finally:
        file.close()


async def _key(request: web.Request, who: Staff) -> MediaKey:
    visit_id, recording_id = _id(request, "id"), _id(request, "recording")
    now, playings = request.app[CLOCK].monotonic(), request.app[PLAYINGS]
    playing = (str(who.account_id), recording_id)
    is_new = now - playings.get(playing, -ONE_PLAYING_S) >= ONE_PLAYING_S
    async with request.app[DATABASE].unit(who.actor(request[REQUEST_ID])) as unit:
        try:
            key = await unit.recordings.key(visit_id, recording_id, is_play=is_new)
        except KeyDestroyed:
            raise NotFound from None
    if is_new:
        if len(playings) >= MAX_PLAYINGS:
            playings.pop(next(iter(playings)))
        playings[playing] = now
    return key


async def _send(request: web.Request, file: PlayFile) -> web.StreamResponse:
    start, end, status = 0, file.size, 200
    asked = request.headers.get("Range")
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Type": "video/x-matroska" if file.is_matroska else "video/webm",
    }
    if asked is not None:
        try:
            wanted = parse_range(asked, file.size)
        except ValueError:
            return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{file.size}"})
        if wanted is not None:
            start, end, status = wanted.start, wanted.end, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = end - start
    await response.prepare(request)
    pieces = file.read(start, end)
    try:
        while (piece := await asyncio.to_thread(_next, pieces)) is not None:
            await response.write(piece)
    except CannotOpen:
        assert request.transport is not None, "the response has begun"
        request.transport.abort()  # a damaged chunk: the player is told by the missing bytes
    except ConnectionResetError:
        pass  # the player sought elsewhere
    return response


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
