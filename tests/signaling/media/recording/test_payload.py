"""signaling/media/recording/README.md "Frames": RTP payloads into frames, by hand-made literals of each format."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.recording.bits import BadPayload
from signaling.media.recording.payload import FORMATS, OPUS_SILENCE, assemble, opus_duration_ms
from signaling.media.recording.picture import describe, opus_private

VP8_KEY = bytes.fromhex("5003009d012a8002e001") + b"data"  # 640 x 480
# Of 320 x 180 pictures by x264 (192 lines, cropped) and SVT-AV1.
H264_SPS = bytes.fromhex("6764000dacd941419f9e10000003001000000303c0f1429960")
H264_PPS = bytes.fromhex("68ebe3cb22c0")
AV1_SEQUENCE = bytes.fromhex("0a0b000000043cfecc6af98040")


class TestVp8:
    """RFC 7741"""

    def test_descriptors_are_taken_off(self) -> None:
        first, second = b"\x90\xe0\x80\x05\x01\x40" + VP8_KEY, b"\x80\x80\x05" + b"more"
        picture = assemble("VP8", [first, second])
        assert (picture.data, picture.is_keyframe) == (VP8_KEY + b"more", True)

    def test_a_delta_frame_is_no_key_frame(self) -> None:
        assert not assemble("vp8", [b"\x10\x01rest"]).is_keyframe

    def test_a_frame_without_its_start_is_refused(self) -> None:
        with pytest.raises(BadPayload):
            assemble("vp8", [b"\x00rest"])

    def test_a_key_frame_tells_its_size(self) -> None:
        found = describe("vp8", VP8_KEY)
        assert (found.width, found.height, found.private) == (640, 480, b"")


class TestVp9:
    """RFC 9628"""

    KEY = bytes.fromhex("824983420027f01df000")  # profile 0, 640 x 480

    def test_one_layer_is_one_frame(self) -> None:
        picture = assemble("vp9", [b"\x88\x05" + self.KEY, b"\x84\x05" + b"more"])
        assert (picture.data, picture.is_keyframe) == (self.KEY + b"more", True)

    def test_two_layers_are_a_superframe(self) -> None:
        low, high = b"\xac\x05\x00\x07low", b"\xec\x05\x02\x07high"
        data = assemble("vp9", [low, high]).data
        assert data == b"low" + b"high" + bytes.fromhex("d90300000004000000d9")

    def test_a_picture_without_its_end_is_refused(self) -> None:
        with pytest.raises(BadPayload):
            assemble("vp9", [b"\x88\x05" + self.KEY])

    def test_a_key_frame_tells_its_size(self) -> None:
        found = describe("vp9", self.KEY)
        assert (found.width, found.height) == (640, 480)


class TestH264:
    """RFC 6184"""

    def test_single_aggregated_and_fragmented_units_get_their_lengths(self) -> None:
        stap = b"\x78" + b"".join(len(u).to_bytes(2, "big") + u for u in (H264_SPS, H264_PPS))
        fragments = [b"\x7c\x85idr", b"\x7c\x05-go", b"\x7c\x45-end"]
        picture = assemble("h264", [stap, *fragments, b"\x61single"])
        units = [H264_SPS, H264_PPS, b"\x65idr-go-end", b"\x61single"]
        assert picture.data == b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
        assert picture.is_keyframe

    def test_a_fragment_without_its_end_is_refused(self) -> None:
        with pytest.raises(BadPayload):
            assemble("h264", [b"\x7c\x85idr", b"\x61single"])

    def test_a_key_frame_tells_size_and_parameter_sets(self) -> None:
        frame = assemble("h264", [H264_SPS, H264_PPS, b"\x65idr"]).data
        found = describe("h264", frame)
        assert (found.width, found.height) == (320, 180)
        assert found.private == (
            b"\x01\x64\x00\x0d\xff\xe1" + len(H264_SPS).to_bytes(2, "big") + H264_SPS + b"\x01\x00\x06" + H264_PPS
        )


class TestAv1:
    """RTP payload format for AV1 1.0"""

    # Without size fields, as the payload format sends them.
    SEQUENCE = b"\x08" + AV1_SEQUENCE[2:]

    def test_obus_get_their_sizes_and_temporal_delimiters_go(self) -> None:
        payload = b"\x08" + b"\x01\x10" + bytes((len(self.SEQUENCE),)) + self.SEQUENCE + b"\x05\x30abcd"
        picture = assemble("av1", [payload])
        assert (picture.data, picture.is_keyframe) == (AV1_SEQUENCE + b"\x32\x04abcd", True)

    def test_a_fragment_over_two_packets_is_put_together(self) -> None:
        assert assemble("av1", [b"\x50\x30ab", b"\x90cd"]).data == b"\x32\x04abcd"

    def test_a_missing_fragment_is_refused(self) -> None:
        with pytest.raises(BadPayload):
            assemble("av1", [b"\x90cd"])

    def test_a_sequence_header_tells_size_and_set_up(self) -> None:
        found = describe("av1", AV1_SEQUENCE + b"\x32\x04abcd")
        assert (found.width, found.height) == (320, 180)
        assert found.private == b"\x81\x00\x0c\x00" + AV1_SEQUENCE


class TestOpus:
    """RFC 6716, RFC 7587, RFC 7845"""

    @pytest.mark.parametrize(
        ("packet", "ms"),
        [
            (b"\x08", 20),
            (b"\x18", 60),
            (b"\x60", 10),
            (b"\xe0", 2.5),
            (b"\xf8\xff\xfe", 20),
            (b"\x01", 20),
            (b"\x0b\x03", 60),
        ],
    )
    def test_durations(self, packet: bytes, ms: float) -> None:
        assert opus_duration_ms(packet) == ms

    def test_over_120_ms_is_refused(self) -> None:
        with pytest.raises(BadPayload):
            opus_duration_ms(b"\x1b\x03")

    def test_silence_is_20_ms(self) -> None:
        assert opus_duration_ms(OPUS_SILENCE) == 20

    def test_a_track_is_stereo_at_48_khz_without_pre_skip(self) -> None:
        assert opus_private() == bytes.fromhex("4f707573486561640102000080bb0000000000")


class TestHostile:
    """Whatever comes, BadPayload is the only error."""

    @pytest.mark.parametrize("codec", sorted(FORMATS))
    @given(payloads=st.lists(st.binary(max_size=40), max_size=4))
    def test_any_payloads_make_a_frame_or_are_refused(self, codec: str, payloads: list[bytes]) -> None:
        with suppress(BadPayload):
            picture = assemble(codec, payloads)
            assert picture.data
            if codec != "opus":
                describe(codec, picture.data)

    @pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "av1"])
    @given(start=st.sampled_from([VP8_KEY, TestVp9.KEY, H264_SPS, AV1_SEQUENCE]), tail=st.binary(max_size=40),
           place=st.integers(0, 300), bit=st.integers(0, 7))  # fmt: skip
    def test_damaged_key_frames_are_described_or_refused(
        self, codec: str, start: bytes, tail: bytes, place: int, bit: int
    ) -> None:
        frame = bytearray(len(start).to_bytes(4, "big") * (codec == "h264") + start + tail)
        frame[place % len(frame)] ^= 1 << bit
        with suppress(BadPayload):
            found = describe(codec, bytes(frame))
            assert 0 < found.width <= 65536 and 0 < found.height <= 65536
