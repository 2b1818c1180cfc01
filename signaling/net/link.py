"""One media link: its ICE agent, its DTLS association and its peer in the packet plane."""

import asyncio
import logging
import secrets
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal

from aiortc.rtcdtlstransport import RTCCertificate

from signaling.media import ice, stun
from signaling.media.ice import Consent, Credentials, IceLite
from signaling.media.negotiation import Terms
from signaling.media.reports import LinkStatus
from signaling.net.data_channel import DataChannel
from signaling.net.dtls import DtlsAssociation, DtlsPipe, HandshakeFailed, fingerprint
from signaling.net.path_watch import PathWatch
from signaling.net.plane import Plane
from signaling.net.port import Address
from signaling.net.srtp import Keys

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every link of a relay shares."""

    plane: Plane
    """Or the native one, which has the same interface."""
    certificate: RTCCertificate
    addresses: tuple[Address, ...]
    tasks: asyncio.TaskGroup
    has_tcp: bool = False
    news: set["Link"] = field(default_factory=set)
    """Links with progress that web has not been told."""
    tcp_addresses: Set[Address] = frozenset()
    """Those of the port's peers that come by the TCP bridge."""
    moving: set["Link"] = field(default_factory=set)
    """Links that took another path and have not been heard there yet."""
    channels: str = ""
    """The folder where recorders listen: the control socket's."""


@dataclass(frozen=True, slots=True)
class LinkName:
    room: str
    seat: str
    link: str


def new_credentials() -> Credentials:
    """Return a fresh ufrag (32 bits, to route by) and password (128 bits, RFC 8445 §5.3)."""
    return Credentials(secrets.token_hex(4), secrets.token_hex(16))


@dataclass(slots=True)
class Progress:
    """What happened on a link and web has not been told yet."""

    states: list[LinkStatus] = field(default_factory=list)


class Link:
    """One transport between a seat's client and the relay."""

    def __init__(self, name: LinkName, around: Surroundings, now: float) -> None:
        self.name = name
        self.peer = around.plane.table.open_peer()
        self.peer.link = self
        self.ice = IceLite(new_credentials(), now)
        self.progress = Progress(["connecting"])
        around.news.add(self)
        self.ssrc = secrets.randbits(32) or 1
        """Our own SSRC in RTCP to this peer."""
        self.peer.ssrc = self.ssrc
        self.path_watch = PathWatch()
        self.keys: Keys | None = None
        """Of the finished handshake."""
        self.report_at = 0.0
        """When the next RTCP report is due."""
        self._around = around
        self._session, self._version = secrets.randbits(40), 0
        self._pipe = DtlsPipe(self._send)
        self._dtls = DtlsAssociation(around.certificate, self._pipe)
        self._fingerprints: list[tuple[str, str]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_secure = False
        self.data: DataChannel | None = None
        """The client's data channel, when it offered one."""
        self._told: LinkStatus = "connecting"

    # Signalling

    def terms(self) -> Terms:
        """Return our side for the next description."""
        self._version += 1
        newest = self.ice.pending or self.ice.current
        around = self._around
        prints = fingerprint(around.certificate)
        return Terms(
            newest.ufrag, newest.password, prints, around.addresses, self._session, self._version, around.has_tcp
        )

    def restart_ice(self, now: float) -> Credentials:
        """Begin a new ICE generation and return its credentials; the old one works until the new has a path."""
        credentials = new_credentials()
        self.ice.restart(credentials, now)
        return credentials

    def is_same_peer(self, fingerprints: list[tuple[str, str]]) -> bool:
        """Return whether these may be the fingerprints of the peer that this link was made with."""
        return not self._fingerprints or sorted(self._fingerprints) == sorted(fingerprints)

    def set_peer(self, fingerprints: list[tuple[str, str]], *, is_client: bool, data_port: int | None = None) -> None:
        """
        Learn the peer's certificate and start the handshake; later calls change nothing.

        `data_port`: the peer's SCTP port, with which a data channel is opened as soon as there are keys.
        """
        if data_port is not None:
            self._take_data(data_port)
        if not self._fingerprints:
            self._fingerprints = fingerprints
            self._task = self._around.tasks.create_task(self._secure(is_client))

    # Datagrams

    def receive_check(self, data: bytes, request: stun.Request, address: Address, now: float) -> None:
        """Answer a STUN check that names one of our ufrags."""
        self.carry_out(self.ice.receive_check(data, request, address, now), now)

    def receive_dtls(self, data: bytes) -> None:
        """Take a DTLS record from a bound address."""
        self._pipe.receive(data)

    def handle_timer(self, now: float) -> None:
        """Let consent and generations run out; media counts as a sign of life."""
        heard = self.peer.heard_at
        self.path_watch.observe(heard, now)
        if heard > now - 1.0:
            self.carry_out(self.ice.heard(heard), now)
        self.carry_out(self.ice.handle_timer(now), now)

    @property
    def is_secure(self) -> bool:
        """Keys are there: media flows."""
        return self._is_secure

    @property
    def is_closed(self) -> bool:
        return self.ice.state is Consent.CLOSED

    @property
    def protocol(self) -> Literal["udp", "tcp"]:
        """How the selected path comes."""
        return "tcp" if self.peer.address in self._around.tcp_addresses else "udp"

    def state(self) -> LinkStatus:
        """Return the state as web is told it: connected needs the keys too."""
        if self.ice.state is Consent.CONNECTED and not self._is_secure:
            return "connecting"
        return self.ice.state.value

    def close(self) -> None:
        """End the link: closing alert, paths freed, plane forgets the peer."""
        self.carry_out(self.ice.close(), 0.0)
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._around.plane.table.close_peer(self.peer)
        self.peer.link = None  # else the two hold each other until the collector looks

    # Inside

    def carry_out(self, effects: list[ice.Effect], now: float) -> None:
        """Do what the link's ICE agent asks for."""
        plane = self._around.plane
        for effect in effects:
            match effect:
                case ice.Respond(address, data):
                    plane.send(address, data)
                case ice.Bind(address):
                    plane.table.bind(address, self.peer)
                case ice.Unbind(address):
                    plane.table.bind(address, None)
                case ice.Select(address, cause):
                    self._select(address, cause, now)
                case ice.Announce():
                    self._announce()

    def _select(self, address: Address, cause: ice.SelectCause, now: float) -> None:
        self.peer.address = address
        if cause == "first":
            return
        self.path_watch.select(cause, self.peer.heard_at, now)
        self._around.moving.add(self)

    def _announce(self) -> None:
        state = self.state()
        if state != self._told:
            self._told = state
            self.progress.states.append(state)
            self._around.news.add(self)

    def _send(self, data: bytes) -> None:
        if self.ice.selected is not None:
            self._around.plane.send(self.ice.selected, data)

    def _take_data(self, port: int) -> None:
        if self.data is None:
            self.data = self._dtls.data_channel()
            self.data.port = port
            if self._is_secure:
                self._around.tasks.create_task(self._open_data(self.data))

    async def _open_data(self, data: DataChannel) -> None:
        try:
            await data.open()
        except ConnectionError:
            await data.close()  # the link ended meanwhile

    async def _secure(self, is_client: bool) -> None:
        try:
            keys = await self._dtls.handshake(is_client=is_client, fingerprints=self._fingerprints)
            self.peer.secure(keys)
            self.keys = keys
            self._is_secure = True
            self._announce()
            if self.data is not None:
                await self._open_data(self.data)
            await self._dtls.ended()
        except HandshakeFailed:
            log.info("link.handshake_failed", extra={"link": self.name.link})  # closed below, which web is told
        except Exception:  # noqa: BLE001  # outermost frame: one peer's handshake must not end the other calls
            log.exception("link.handshake_crashed", extra={"link": self.name.link})
        finally:
            if self.data is not None:
                await self.data.close()
            await self._dtls.close()
        self.carry_out(self.ice.close(), 0.0)
