"""Seats of devices: WHIP publishers (RFC 9725), each its own seat, and WHEP receivers, which share one."""

import hashlib
import re

from signaling import effects as e
from signaling.errors import EncryptionUnsupported, NotAdmitted, RelayRefused
from signaling.inputs import DeviceOffer, LinkAnswered, LinkRefused
from signaling.links import Link
from signaling.seats import Seat, Seats
from signaling.states import MediaLinkState, Presence, Role


class Devices:
    """The device links of one consultation."""

    def __init__(self, visit: str, seats: Seats) -> None:
        self._visit, self._seats = visit, seats

    def offer(self, offer: DeviceOffer, *, is_open: bool, is_encrypted: bool = False) -> list[e.Effect]:
        """Seat a device and pass its offer on; the same link again is a restart."""
        if is_encrypted:
            refusal = EncryptionUnsupported(Role.DEVICE.value)
            return [e.DeviceRefused(offer.link, refusal.code, refusal.detail)]
        if not is_open:
            return [e.DeviceRefused(offer.link, NotAdmitted.code, NotAdmitted().detail)]
        seat = self._seat(offer)
        link = seat.links.setdefault(offer.link, Link(offer.link, "up" if offer.kind == "whip" else "down"))
        if offer.kind == "whep":
            return [e.RelaySubscribeOffer(seat.id, link.id, offer.sdp)]
        link.generation += 1
        sources, role = sources_of(offer.sdp), seat.role.value
        return [e.RelayPublish(seat.id, link.id, link.generation, offer.sdp, sources, role=role)]

    def owns(self, link: str) -> bool:
        """Tell whether the link is a device's."""
        return any(link in seat.links for seat in self._seats if seat.role is Role.DEVICE)

    def receive_result(self, result: LinkAnswered | LinkRefused) -> list[e.Effect]:
        """Answer the device's request with what the relay said."""
        if isinstance(result, LinkRefused):
            self.forget(result.link)
            return [e.DeviceRefused(result.link, result.code, RelayRefused(result.code).detail)]
        for seat in self._seats:
            link = seat.links.get(result.link)
            if link is not None and link.direction == "up":
                seat.sources = tuple(sorted({track.source for track in result.tracks}))
        self._seats.is_changed = True
        return [e.DeviceAnswered(result.link, result.sdp)]

    def leave(self, link: str) -> list[e.Effect]:
        """End a device's link, whether this process knows it or an earlier one made it."""
        self.forget(link)
        return [e.RelayCloseLink(link)]

    def link_moved(self, link: str, state: MediaLinkState) -> None:
        """Follow a device's link; one that closed is forgotten with its seat."""
        if state is MediaLinkState.CLOSED:
            self.forget(link)

    def forget(self, link: str) -> None:
        """Forget a link, and its seat when that was the last one."""
        for seat in list(self._seats):
            if seat.role is Role.DEVICE and seat.links.pop(link, None) is not None and not seat.links:
                self._seats.drop(seat.id)

    def _seat(self, offer: DeviceOffer) -> Seat:
        name = device_seat(self._visit, "receivers" if offer.kind == "whep" else offer.link)
        if name not in self._seats:
            display = "receiver" if offer.kind == "whep" else "device"
            self._seats.add_device(Seat(name, Role.DEVICE, display, presence=Presence.PRESENT))
        return self._seats[name]


# A seat has each source once. A camera with sound is the usual device; the rest is for a scope beside it.
_NAMES = {"audio": ("microphone", "device"), "video": ("device", "second_camera", "camera", "screen")}
_MEDIA = re.compile(r"^m=(audio|video) |^a=mid:(\S{1,64})", re.MULTILINE)


def sources_of(sdp: str) -> dict[str, str]:
    """Return mid -> source for a device's offer, each source once; media lines beyond the names are left out."""
    free = {kind: list(names) for kind, names in _NAMES.items()}
    found: dict[str, str] = {}
    kind: str | None = None
    for media, mid in _MEDIA.findall(sdp):
        if media:
            kind = media
        elif kind is not None:
            name = next((name for name in free[kind] if name not in found.values()), None)
            if name is not None:
                found[mid] = name
            kind = None
    return found


def device_seat(visit: str, name: str) -> str:
    """Return the seat of a device: the same after a restart of web, so that its links at the relay still fit."""
    return "s_" + hashlib.sha256(f"{visit}/device/{name}".encode()).hexdigest()[:12]
