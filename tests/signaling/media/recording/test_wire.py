"""signaling/media/recording/wire.py: the channel's messages."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.recording import wire

MESSAGES = {
    wire.Packet(7, 3, 2.5, b"rtp"): "01" "0007" "00000003" "4004000000000000" "727470",
    wire.Report(7, 1 << 40, 90000, 2.5): "02" "0007" "0000010000000000" "00015f90" "4004000000000000",
    wire.End(7): "04" "0007",
    wire.Ask(7): "05" "0007",
}  # fmt: skip
CAMERA = wire.Track(1, "s_a", "camera", "video", "VP8", 90000, 96)


class TestMessages:
    """One message a datagram."""

    @pytest.mark.parametrize("message", MESSAGES)
    def test_bytes(self, message: wire.Message) -> None:
        assert wire.encode(message).hex() == MESSAGES[message]

    @pytest.mark.parametrize("message", [*MESSAGES, CAMERA])
    def test_are_read_as_they_were_written(self, message: wire.Message) -> None:
        assert wire.parse(wire.encode(message)) == message

    @given(st.binary(max_size=60))
    def test_any_bytes_are_a_message_or_are_refused(self, data: bytes) -> None:
        with suppress(wire.BadMessage):
            wire.parse(data)

    @given(st.integers(0, 200), st.binary(min_size=1, max_size=3))
    def test_a_damaged_track_is_a_message_or_is_refused(self, place: int, damage: bytes) -> None:
        data = bytearray(wire.encode(CAMERA))
        data[place % len(data) : place % len(data) + len(damage)] = damage
        with suppress(wire.BadMessage):
            wire.parse(bytes(data))
