"""/whip and /whep: media devices by HTTP with Bearer tokens (RFC 9725; draft-ietf-wish-whep). One request, one link."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from aiohttp import web
from multidict import CIMultiDict

from records.errors import LinkExpired, LinkRevoked, LinkUnknown
from records.store.tokens import token_hash
from server.device_sessions import Holder
from server.errors import BodyTooLarge, NotFound, ServerError, TooManyRequests
from server.keys import CLOCK, DATABASE, RELAYS, ROOMS, SETTINGS
from server.rooms import TooManyRooms
from server.turn import turn_of
from server.visit_store import room_actor
from signaling import effects as e
from signaling import inputs as i
from signaling.codec import MAX_SDP_BYTES
from signaling.net.control import RelayError

routes = web.RouteTableDef()

SDP_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
LINK = re.compile(r"l_[0-9a-f]{12}")
_UFRAG = re.compile(r"^a=ice-ufrag:(\S{4,256})\r?$", re.MULTILINE)
_PASSWORD = re.compile(r"^a=ice-pwd:(\S{22,256})\r?$", re.MULTILINE)
_FRAGMENT_LINE = re.compile(r"^a=(?:ice-ufrag|ice-pwd|candidate|end-of-candidates).*$", re.MULTILINE)

Kind = Literal["whip", "whep"]


class BearerNeeded(ServerError):
    """The Authorization header has no token of this visit (RFC 6750 §3)."""

    code = "device-token-needed"
    status = 401
    detail = "Send Authorization: Bearer with the device token of this visit."

    @property
    def headers(self) -> Mapping[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="teleconsult", error="invalid_token"'}


class SdpNeeded(ServerError):
    """The body is not SDP."""

    code = "sdp-needed"
    status = 415
    detail = "Send Content-Type: application/sdp."

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Accept-Post": SDP_TYPE}


class FragmentNeeded(ServerError):
    """The body is no trickle fragment (RFC 8840)."""

    code = "sdp-fragment-needed"
    status = 415
    detail = "Send Content-Type: application/trickle-ice-sdpfrag."

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Accept-Patch": FRAGMENT_TYPE}


class SdpNotAcceptable(ServerError):
    """The client does not take SDP."""

    code = "sdp-not-acceptable"
    status = 406
    detail = "The answer is application/sdp; accept it."


class SdpTooLong(BodyTooLarge):
    """The description is over 32 KiB."""

    code = "sdp-too-large"
    detail = "A session description has 32 KiB at most."


class EtagNeeded(ServerError):
    """PATCH came without If-Match (RFC 9725 §4.3.1)."""

    code = "if-match-required"
    status = 428
    detail = 'Send If-Match with the ETag of the session, or "*" for an ICE restart.'


class EtagStale(ServerError):
    """The ICE session was restarted since."""

    code = "stale-session"
    status = 412
    detail = "The ICE session has another ETag by now."


class DeviceProblem(ServerError):
    """The visit or the relay refused the device."""

    code = "device-refused"

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code  # type: ignore[misc]  # one class for the relay's own codes


@routes.options("/whip/{visit_id}")
@routes.options("/whep/{visit_id}")
async def describe(request: web.Request) -> web.Response:
    """Say what a POST takes (RFC 9725 §4.2)."""
    return web.Response(status=204, headers={"Accept-Post": SDP_TYPE, "Allow": "OPTIONS, POST"})


@routes.post("/whip/{visit_id}")
async def publish(request: web.Request) -> web.Response:
    """Begin publishing."""
    return await _begin(request, "whip")


@routes.post("/whep/{visit_id}")
async def receive(request: web.Request) -> web.Response:
    """Begin receiving."""
    return await _begin(request, "whep")


@routes.patch("/whip/{visit_id}/{link}")
@routes.patch("/whep/{visit_id}/{link}")
async def patch(request: web.Request) -> web.Response:
    """Trickle candidates (204), or restart ICE (200 with the relay's new fragment)."""
    visit_id, link = await _authorised(request, _kind(request)), _link(request)
    _require_type(request, FRAGMENT_TYPE, FragmentNeeded)
    fragment = await _body(request)
    session = request.app[ROOMS].devices.get(link)
    if session is None:
        raise NotFound
    match = request.headers.get("If-Match")
    if match is None:
        raise EtagNeeded
    if match == "*":
        return await _restart(request, visit_id, i.DeviceOffer(_kind(request), link, session.offer), fragment)
    if match != session.etag:
        raise EtagStale
    try:
        await request.app[RELAYS].client_of(str(visit_id)).add_candidates(str(visit_id), link, fragment)
    except RelayError as refusal:
        raise _problem(e.DeviceRefused(link, refusal.code, refusal.detail)) from None
    return web.Response(status=204, headers={"ETag": session.etag})


@routes.delete("/whip/{visit_id}/{link}")
@routes.delete("/whep/{visit_id}/{link}")
async def end(request: web.Request) -> web.Response:
    """End the session; ending it twice is ending it once."""
    visit_id, link = await _authorised(request, _kind(request)), _link(request)
    request.app[ROOMS].devices.forget(link)
    room = await request.app[ROOMS].room(visit_id)
    await room.device_left(link)
    return web.Response(status=200)


async def _begin(request: web.Request, kind: Kind) -> web.Response:
    visit_id = await _authorised(request, kind)
    _require_type(request, SDP_TYPE, SdpNeeded)
    if not _accepts_sdp(request.headers.get("Accept", "*/*")):
        raise SdpNotAcceptable
    offer = await _body(request)
    link = f"l_{secrets.token_hex(6)}"
    answer = await _negotiate(request, visit_id, i.DeviceOffer(kind, link, offer))
    headers = CIMultiDict(
        {
            "Content-Type": SDP_TYPE,
            "Location": f"/{kind}/{visit_id}/{link}",
            "ETag": request.app[ROOMS].devices.remember(link, offer, Holder(visit_id, _hash(request))).etag,
            "Accept-Patch": FRAGMENT_TYPE,
        }
    )
    for server in turn_of(request.app[SETTINGS]).ice_servers(request.app[CLOCK].now(), link).link_headers():
        headers.add("Link", server)
    return web.Response(status=201, text=answer, headers=headers)


async def _restart(request: web.Request, visit_id: UUID, old: i.DeviceOffer, fragment: str) -> web.Response:
    """Give the relay the old offer with the new credentials, and the device the relay's part of the answer."""
    ufrag, password = _UFRAG.search(fragment), _PASSWORD.search(fragment)
    if ufrag is None or password is None:
        raise DeviceProblem(400, "bad-sdp", "An ICE restart has a=ice-ufrag and a=ice-pwd.")
    offer = _UFRAG.sub(lambda _: f"a=ice-ufrag:{ufrag[1]}\r", old.sdp)
    offer = _PASSWORD.sub(lambda _: f"a=ice-pwd:{password[1]}\r", offer)
    answer = await _negotiate(request, visit_id, i.DeviceOffer(old.kind, old.link, offer))
    lines = dict.fromkeys(line.rstrip("\r") for line in _FRAGMENT_LINE.findall(answer))
    session = request.app[ROOMS].devices.remember(old.link, offer)
    text = "".join(f"{line}\r\n" for line in lines)
    return web.Response(status=200, text=text, headers={"Content-Type": FRAGMENT_TYPE, "ETag": session.etag})


async def _negotiate(request: web.Request, visit_id: UUID, offer: i.DeviceOffer) -> str:
    try:
        room = await request.app[ROOMS].room(visit_id)
    except TooManyRooms:
        raise TooManyRequests(1) from None
    answer = await room.device(offer)
    if isinstance(answer, e.DeviceRefused):
        raise _problem(answer)
    return answer.sdp


_STATUS = {
    "bad-sdp": 400,
    "sdp-too-large": 413,
    "e2ee-not-supported": 409,  # a device has no keys of the call
    "not-admitted": 409,  # clients try again: the visit is not open yet
    "room-full": 503,
    "draining": 503,
    "relay-lost": 503,
    "busy": 503,
    "no-such-link": 404,
    "no-such-room": 404,
}


def _problem(refused: e.DeviceRefused) -> DeviceProblem:
    code = refused.code.replace("_", "-")
    return DeviceProblem(_STATUS.get(code, 502), code, refused.detail)


async def _authorised(request: web.Request, kind: Kind) -> UUID:
    """Return the visit that the token is for. Raises BearerNeeded, or NotFound for a token of another visit."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BearerNeeded
    try:
        async with request.app[DATABASE].unit(room_actor("device")) as unit:
            visit_id, token_kind = await unit.links.check_device_token(token.strip())
    except (LinkUnknown, LinkRevoked, LinkExpired):
        raise BearerNeeded from None
    if str(visit_id) != request.match_info["visit_id"].lower() or token_kind != kind:
        raise NotFound
    return visit_id


def _hash(request: web.Request) -> bytes:
    """Return the hash of the request's token, by which its session lives."""
    return token_hash(request.headers["Authorization"].partition(" ")[2].strip())


def _kind(request: web.Request) -> Kind:
    return "whip" if request.path.startswith("/whip/") else "whep"


def _link(request: web.Request) -> str:
    link = request.match_info["link"]
    if LINK.fullmatch(link) is None:
        raise NotFound
    return link


def _require_type(request: web.Request, wanted: str, refusal: type[ServerError]) -> None:
    if request.content_type != wanted:
        raise refusal


def _accepts_sdp(accept: str) -> bool:
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return bool(ranges & {SDP_TYPE, "application/*", "*/*", ""})


async def _body(request: web.Request) -> str:
    """Return the SDP or fragment. Raises SdpTooLong before reading more than 32 KiB."""
    if (request.content_length or 0) > MAX_SDP_BYTES:
        raise SdpTooLong
    raw = await request.content.read(MAX_SDP_BYTES + 1)
    while len(raw) <= MAX_SDP_BYTES and (more := await request.content.read(MAX_SDP_BYTES + 1 - len(raw))):
        raw += more
    if len(raw) > MAX_SDP_BYTES:
        raise SdpTooLong
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise DeviceProblem(400, "bad-sdp", "A session description is UTF-8 text.") from None
