"""signaling/media/recording/README.md "Container": what PyAV writes plays, prefixes too, and can be sought."""

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import pytest

from signaling.media.recording import matroska
from signaling.media.recording.effects import OpenPart, PartTrack, Write
from signaling.media.recording.payload import OPUS_SILENCE, assemble
from signaling.media.recording.picture import describe, opus_private
from signaling.net.muxer import Muxer
from tests.signaling.media.recording.publisher import Publisher
from tests.signaling.media.recording.test_tape import call, of, recorded

AUDIO = PartTrack("audio", "opus", "microphone", private=opus_private())


def clusters(tracks: tuple[PartTrack, ...], writes: list[tuple[int, int, bytes, bool]]) -> list[bytes]:
    muxer, found = Muxer(tracks), list[bytes]()
    for track, at_ms, data, is_keyframe in writes:
        found += muxer.put(track, at_ms, data, is_keyframe=is_keyframe)
    return found + muxer.finish()


def encoded(name: str) -> Iterator[bytes]:
    """Two seconds of pictures by a real encoder, as access units."""
    encoder = av.CodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 320, 180, "yuv420p", Fraction(1, 15)
    encoder.gop_size, encoder.max_b_frames = 15, 0
    for number in range(30):
        frame = av.VideoFrame(320, 180, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes((number * 8,)) * plane.buffer_size)
        frame.pts = number
        for packet in encoder.encode(frame):
            yield bytes(packet)
    for packet in encoder.encode(None):
        yield bytes(packet)


def as_payload(codec: str, unit: bytes) -> list[bytes]:
    """One RTP payload of an access unit, as large as it is."""
    match codec:
        case "vp8":
            return [b"\x10" + unit]
        case "vp9":
            return [bytes((0x0C | (0x40 if unit[0] & 4 else 0),)) + unit]
        case "h264":
            return [nal.rstrip(b"\0") for nal in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
    elements, at = b"", 0
    while at < len(unit):
        size, body = unit[at + 1], at + 2
        if size & 0x80:
            size, body = (size & 0x7F) | unit[at + 2] << 7, at + 3
        obu = bytes((unit[at] & ~2,)) + unit[body : body + size]
        length = len(obu)
        head = bytes((length,)) if length < 128 else bytes((length & 0x7F | 0x80, length >> 7))
        elements += head + obu
        at = body + size
    return [b"\x00" + elements]


class TestContainer:
    """Streamable: a header, then clusters of a second."""

    TRACKS = (AUDIO, PartTrack("video", "VP8", "camera", 640, 480))

    def writes(self) -> list[tuple[int, int, bytes, bool]]:
        found = [(0, ms, OPUS_SILENCE, True) for ms in range(0, 5000, 20)]
        found += [(1, ms, b"\x10" * 400, ms % 2000 == 0) for ms in range(0, 5000, 40)]
        return sorted(found, key=lambda each: (each[1], each[0]))

    def test_a_prefix_of_whole_clusters_opens(self) -> None:
        found = clusters(self.TRACKS, self.writes())
        data = matroska.header(self.TRACKS) + b"".join(found[:3])
        with av.open(io.BytesIO(data), "r") as container:
            assert [stream.type for stream in container.streams] == ["audio", "video"]
            assert max(packet.pts for packet in container.demux() if packet.pts is not None) >= 2900

    def test_a_cluster_spans_a_second(self) -> None:
        spans = [[block.at_ms for block in matroska.blocks(each)] for each in clusters(self.TRACKS, self.writes())]
        assert max(max(span) - min(span) for span in spans) <= 1000

    def test_frames_come_back_as_they_were_written(self) -> None:
        back = [block for each in clusters(self.TRACKS, self.writes()) for block in matroska.blocks(each)]
        assert [(b.track, b.at_ms, b.data, b.is_keyframe) for b in back] == self.writes()

    def test_the_player_gets_duration_and_cues(self) -> None:
        found = clusters(self.TRACKS, self.writes())
        offsets, cues = 0, []
        for each in found:
            cues.append(matroska.Cue(matroska.blocks(each)[0].at_ms, offsets))
            offsets += len(each)
        data = matroska.playable(matroska.header(self.TRACKS), 5000, offsets, cues) + b"".join(found)
        with av.open(io.BytesIO(data), "r") as container:
            assert container.duration == 5_000_000
            container.seek(4_000_000)
            first = next(iter(container.demux(video=0)))
            assert first.pts is not None and 2000 <= first.pts <= 4000

    def test_no_stream_has_a_codec(self) -> None:
        muxer = Muxer(self.TRACKS)
        assert [stream.codec_context for stream in muxer._streams] == [None, None]
        muxer.put(0, 0, OPUS_SILENCE, is_keyframe=True)
        muxer.finish()


class TestCodecs:
    """What a real encoder made goes through payload format and container, and decodes to the same pictures."""

    @pytest.mark.parametrize(
        ("codec", "encoder"), [("vp8", "libvpx"), ("vp9", "libvpx-vp9"), ("h264", "libx264"), ("av1", "libsvtav1")]
    )
    def test_decodes_afterwards(self, codec: str, encoder: str) -> None:
        pictures = [assemble(codec, as_payload(codec, unit)) for unit in encoded(encoder)]
        assert pictures[0].is_keyframe
        size = describe(codec, pictures[0].data)
        tracks = (PartTrack("video", codec, "camera", size.width, size.height, size.private),)
        writes = [(0, 66 * n, picture.data, picture.is_keyframe) for n, picture in enumerate(pictures)]
        data = matroska.header(tracks) + b"".join(clusters(tracks, writes))
        with av.open(io.BytesIO(data), "r") as container:
            frames = list(container.decode(video=0))
        assert len(frames) == 30
        assert (frames[0].width, frames[0].height) == (320, 180)


class TestExport:
    """Issue 3: placed by sender reports; sound and picture in step within 40 ms when demuxed."""

    def test_a_recorded_call_is_in_step(self) -> None:
        effects = recorded(call(Publisher(video_delay_s=0.4, jitter_s=0.1), 12), 15)
        (opened,) = of(OpenPart, effects)
        writes = [(w.track, w.at_ms - opened.start_ms, w.data, w.is_keyframe) for w in of(Write, effects)]
        data = matroska.header(opened.tracks) + b"".join(clusters(opened.tracks, writes))
        errors: dict[int, list[int]] = {0: [], 1: []}
        with av.open(io.BytesIO(data), "r") as container:
            for packet in container.demux():
                body = bytes(packet)
                if packet.pts is None or body == OPUS_SILENCE:
                    continue
                at = 1 if packet.stream.type == "audio" else (10 if packet.is_keyframe else 1)
                errors[packet.stream.index].append(packet.pts - int.from_bytes(body[at : at + 4], "big"))
        assert len(errors[0]) > 590 and len(errors[1]) > 350
        assert max(errors[0] + errors[1]) - min(errors[0] + errors[1]) <= 40
