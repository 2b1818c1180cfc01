"""RTP headers are read with checked lengths; sequence arithmetic survives every wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media import frames, rtp

HEADER = bytes.fromhex("9060ffff000003e800000007")
BLOCK = rtp.extension_block([(1, b"0"), (3, b"\x01\x02")])


class TestHeader:
    def test_fields_and_extensions(self) -> None:
        packet = HEADER + BLOCK + b"payload"
        header = rtp.parse_header(packet)
        assert (header.sequence, header.timestamp, header.ssrc, header.payload_type) == (65535, 1000, 7, 96)
        assert packet[header.payload_at : header.payload_end] == b"payload"
        assert [(n, packet[a : a + s]) for n, a, s in rtp.extensions(packet, header)] == [(1, b"0"), (3, b"\x01\x02")]

    def test_two_byte_extensions(self) -> None:
        packet = HEADER + b"\x10\x00\x00\x01" + b"\x14\x01\xaa\x00" + b"x"
        assert rtp.find_extension(packet, rtp.parse_header(packet), 20) == b"\xaa"

    @pytest.mark.parametrize(
        "packet",
        [b"", HEADER[:11], b"\x40" + HEADER[1:], b"\x8f" + HEADER[1:], HEADER + b"\xbe\xde\x00\xff",
         b"\xa0" + HEADER[1:] + b"abc\xff", b"\xa0" + HEADER[1:] + b"abc\x00"],
    )  # fmt: skip
    def test_lengths_that_do_not_fit_are_refused(self, packet: bytes) -> None:
        with pytest.raises(rtp.BadRtp):
            rtp.parse_header(packet)

    def test_garbage_elements_end_the_list_and_raise_nothing(self) -> None:
        packet = HEADER + b"\xbe\xde\x00\x01" + b"\x1f\x00\xff\xff" + b"x"
        assert list(rtp.extensions(packet, rtp.parse_header(packet))) == []


@pytest.mark.parametrize(
    ("near", "sequence", "extended"),
    [(65536 + 65535, 0, 131072), (131072, 65535, 131071), (70000, 70000 & 0xFFFF, 70000), (65536, 40000, 40000)],
)
def test_extend_takes_the_nearest(near: int, sequence: int, extended: int) -> None:
    assert rtp.extend(sequence, near) == extended


@pytest.mark.parametrize(
    ("codec", "payload", "starts"),
    [
        ("VP8", "9080800010", True), ("VP8", "9080800011", False), ("VP8", "8080800010", False), ("VP8", "1000", True),
        ("H264", "65", True), ("H264", "67", True), ("H264", "41", False), ("H264", "7c85", True),
        ("H264", "7c45", False),
        ("H264", "78000267420004650000aa", True), ("VP9", "8c8001", True), ("VP9", "cc8001", False),
        ("AV1", "18", True),
        ("AV1", "10", False), ("VP8", "90", False), ("H264", "", False), ("opus", "78", True),
    ],
)  # fmt: skip
def test_key_frames_are_known_by_their_first_bytes(codec: str, payload: str, starts: bool) -> None:
    assert frames.starts_keyframe(codec, bytes.fromhex(payload)) is starts


@pytest.mark.parametrize(
    ("payload", "height"),
    [
        ("101000009d012a80026801", 360),  # no extended descriptor
        ("9080051000009d012a80026801", 360),  # X, and a picture number of one byte
        ("90e0812307201000009d012a4001b4c0", 180),  # every field; the upper bits scale, no more
        ("101100009d012a80026801", None),  # no key frame
        ("101000009d012a800268", None),  # cut
        ("101000009d012b80026801", None),  # another start code
        ("", None),
    ],
)
def test_height_of_a_vp8_key_frame(payload: str, height: int | None) -> None:
    assert frames.picture_height("VP8", bytes.fromhex(payload)) == height


@given(payload=st.binary(max_size=40), codec=st.sampled_from(["VP8", "VP9", "H264", "AV1", "opus"]))
def test_any_bytes_have_a_height_or_none(payload: bytes, codec: str) -> None:
    height = frames.picture_height(codec, payload)
    assert height is None or 0 < height <= 0x3FFF
