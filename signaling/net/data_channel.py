"""
One link's data channel: SCTP by aiortc over the link's DTLS, bounded in everything that a peer decides.

aiortc trusts its peer with memory and raises on some malformed chunks; both end this association here and nothing else.
Its private parts that we stand on are pinned by tests/signaling/net/test_data_channel.py.
"""

import logging
from collections import deque

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from signaling.media.exchange import MAX_MESSAGE_BYTES
from signaling.media.negotiation import SCTP_PORT

log = logging.getLogger(__name__)

CHANNEL_ID = 1  # negotiated by the number (RFC 8831 §6.4): no open handshake to wait for or to forge
MAX_STREAMS = 16  # one is used; a page may have others of its own that nobody reads
MAX_HELD_BYTES = 128 * 1024  # fragments that wait for their rest
MAX_WAITING = 256  # messages that the room has not looked at: four seconds at the highest rate
MAX_UNSENT_BYTES = 64 * 1024  # more waits in the room's log, which all share
RECEIVE_WINDOW = 1024 * 1024  # what aiortc starts with


class DataChannel:
    """The one channel of a link."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._sctp: RTCSctpTransport | None = None
        self._channel: RTCDataChannel | None = None
        self._texts: deque[str | bytes] = deque()
        self.port = SCTP_PORT
        """The peer's."""
        self.is_new = True
        """Nobody was told of the channel yet."""
        self.is_closed = False

    async def open(self) -> None:
        """Begin the association with the peer's SCTP port; ConnectionError when DTLS has ended."""
        self._sctp = RTCSctpTransport(self._dtls, SCTP_PORT)
        self._sctp._inbound_streams_max = MAX_STREAMS
        parameters = RTCDataChannelParameters(label="room", negotiated=True, id=CHANNEL_ID)
        self._channel = RTCDataChannel(self._sctp, parameters)
        self._channel.on("message", self._take)
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE_BYTES * 2), self.port)
        self._dtls._data_receiver = self  # in front of the association, which registered itself

    @property
    def is_open(self) -> bool:
        return not self.is_closed and self._channel is not None and self._channel.readyState == "open"

    @property
    def free_bytes(self) -> int:
        """Return how much may be sent now; a slow peer's rest waits outside."""
        if not self.is_open or self._channel is None or self._sctp is None:
            return 0
        queues = (self._sctp._outbound_queue, self._sctp._sent_queue)
        on_the_way = sum(len(chunk.user_data) for queue in queues for chunk in queue)
        return max(0, MAX_UNSENT_BYTES - self._channel.bufferedAmount - on_the_way)

    def send(self, text: str) -> None:
        """Send a text to an open channel."""
        assert self._channel is not None  # it is open
        self._channel.send(text)

    def take(self) -> list[str | bytes]:
        """Return what came since the last call."""
        found = list(self._texts)
        self._texts.clear()
        return found

    async def close(self) -> None:
        """End the association; what comes afterwards is dropped."""
        if self.is_closed:
            return
        self.is_closed = True
        self._texts.clear()
        if self._sctp is not None:
            await self._sctp.stop()
            self._dtls._data_receiver = self

    async def _handle_data(self, data: bytes) -> None:
        """Take what DTLS decrypted."""
        if self.is_closed or self._sctp is None:
            return
        try:
            await self._sctp._handle_data(data)
        except Exception:  # noqa: BLE001  # the peer's chunks are its own fault: its channel ends and its media goes on
            log.info("data_channel.malformed")
            await self.close()
        if self._is_greedy():
            log.info("data_channel.greedy")
            await self.close()

    def _is_greedy(self) -> bool:
        sctp = self._sctp
        assert sctp is not None  # asked after receiving
        held = RECEIVE_WINDOW - sctp._advertised_rwnd
        streams = max(len(sctp._inbound_streams), len(sctp._data_channels), len(sctp._data_channel_inbound_reset))
        return held > MAX_HELD_BYTES or streams > MAX_STREAMS or len(self._texts) >= MAX_WAITING

    def _take(self, text: str | bytes) -> None:
        if len(self._texts) < MAX_WAITING:
            self._texts.append(text)
