"""
Frames into Matroska clusters by PyAV: libavformat alone, no codec.

Only the recorder process imports this (tests/test_architecture.py). `add_mux_stream` makes streams without a codec
context, so there is nothing that could decode or encode.
"""

from collections.abc import Sequence
from fractions import Fraction

import av

from signaling.media.recording.effects import PartTrack
from signaling.media.recording.matroska import Clusters

MILLISECONDS = Fraction(1, 1000)
CLUSTER_MS = 1000  # what a kill can cost, beside the second and a half that frames wait for their order
OPTIONS = {"live": "1", "cluster_time_limit": str(CLUSTER_MS), "flush_packets": "1"}
# libavformat writes a block as it gets it for these two; for others it would look into extradata, which a mux-only
# stream can't have. The header that names the real codecs is ours (matroska.header).
OPAQUE_VIDEO, OPAQUE_AUDIO = "vp8", "opus"


class Muxer:
    """The clusters of one file."""

    def __init__(self, tracks: Sequence[PartTrack]) -> None:
        self._clusters = Clusters()
        self._found: list[bytes] = []
        self._container = av.open(self, "w", format="matroska", options=OPTIONS)
        self._streams = [self._add(track) for track in tracks]

    def _add(self, track: PartTrack) -> av.stream.Stream:
        if track.kind == "audio":
            return self._container.add_mux_stream(OPAQUE_AUDIO, 48000, time_base=MILLISECONDS)
        size = {"width": track.width, "height": track.height}
        return self._container.add_mux_stream(OPAQUE_VIDEO, time_base=MILLISECONDS, **size)

    def write(self, data: bytes) -> int:
        """Take libavformat's output: the file interface that av.open wants."""
        self._found += self._clusters.feed(bytes(data))
        return len(data)

    def put(self, track: int, at_ms: int, data: bytes, *, is_keyframe: bool) -> list[bytes]:
        """Write a frame; return the clusters that became whole."""
        packet = av.Packet(data)
        packet.stream = self._streams[track]
        packet.pts = packet.dts = at_ms
        packet.time_base = MILLISECONDS
        packet.is_keyframe = is_keyframe
        self._container.mux_one(packet)
        return self._take()

    def finish(self) -> list[bytes]:
        """Return the last clusters."""
        self._container.close()
        return self._take()

    def _take(self) -> list[bytes]:
        found, self._found = self._found, []
        return found
