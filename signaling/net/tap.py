"""A room's tap: which streams go to its recorder, their sender reports, and the key frames it asks for."""

import re

from signaling.media.errors import BadRequest, NoSuchRecorder
from signaling.media.recording import wire
from signaling.media.rtcp import SenderReport
from signaling.net.channel import Channel, ChannelLost
from signaling.net.link import Surroundings
from signaling.net.plane import Plane
from signaling.net.publication import Layer, Publication
from signaling.net.records import Stream
from signaling.net.reporter import Reporter
from signaling.net.room import Room

MAX_TRACK = 0xFFFF
BETTER = 1.5  # layers differ by two to four times in rate; a still picture lets them come close
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.tap")


class Tap:
    """
    One recorded room's way to its recorder.

    Of a simulcast source the best layer that is being sent goes there. `follow` keeps up with the room, every 250 ms.
    """

    def __init__(self, channel: Channel, plane: Plane, reporter: Reporter) -> None:
        self.channel = channel
        self._plane, self._reporter = plane, reporter
        self._tracks: dict[Stream, int] = {}
        self._layers: dict[int, Layer] = {}
        self._told: dict[int, SenderReport] = {}
        self._last = 0

    def follow(self, room: Room, now: float) -> None:
        """Tap what the room publishes now, and answer the recorder. Raises ChannelLost when it is gone."""
        wanted = [layer for each in room.publications() if (layer := self._choose(each, now)) is not None]
        streams = {layer.stream for layer in wanted}
        for stream in [stream for stream in self._tracks if stream not in streams]:
            self._end(stream)
        for layer in wanted:
            if layer.stream not in self._tracks:
                self._begin(layer)
            self._report(layer)
        for message in self.channel.take():
            layer_asked = self._layers.get(message.track) if isinstance(message, wire.Ask) else None
            if layer_asked is not None:
                self._reporter.want_keyframe(layer_asked, now)

    def close(self) -> None:
        """Tap nothing more and hang up."""
        for stream in list(self._tracks):
            self._end(stream)
        self.channel.close()

    def _choose(self, publication: Publication, now: float) -> Layer | None:
        """Return the dearest layer that is being sent; one that is tapped stays until another is clearly better."""
        ranked = publication.ranked(now)
        if not ranked:
            return None
        current = next((layer for layer in ranked if layer.stream in self._tracks), None)
        is_good = current is not None and ranked[-1].rate_bps < BETTER * current.rate_bps
        return current if is_good else ranked[-1]

    def _begin(self, layer: Layer) -> None:
        if self._last == MAX_TRACK:
            return
        codec, publication = layer.publication.received.format.codec, layer.publication
        track = wire.Track(
            self._last + 1,
            publication.seat,
            publication.source,
            publication.received.kind,
            codec.name,
            codec.clock_rate,
            layer.stream.terms.payload_type,
        )
        if not self.channel.send(track):
            return  # no room for the moment: the next look does it
        self._last = track.track
        self._tracks[layer.stream], self._layers[track.track] = track.track, layer
        self._plane.table.tap(layer.stream, self.channel, track.track)

    def _report(self, layer: Layer) -> None:
        number, report = self._tracks.get(layer.stream), layer.sender_report
        if number is None or report is None or self._told.get(number) is report:
            return
        if self.channel.send(wire.Report(number, report.ntp, report.timestamp, layer.reported_at)):
            self._told[number] = report

    def _end(self, stream: Stream) -> None:
        number = self._tracks.pop(stream)
        self._plane.table.tap(stream, None)
        self._layers.pop(number, None)
        self._told.pop(number, None)
        self.channel.send(wire.End(number))


class Taps:
    """The taps of one relay, by room."""

    def __init__(self, around: Surroundings, reporter: Reporter) -> None:
        self._around, self._reporter = around, reporter
        self._taps: dict[str, Tap] = {}

    def open(self, room: Room, name: str, now: float) -> None:
        """Record a room to the recorder of this socket name; again is again. Raises NoSuchRecorder."""
        if not NAME.fullmatch(name):
            raise BadRequest("channel: the name of a recorder's socket")
        self.close(room.name)
        try:
            tap = Tap(Channel(f"{self._around.channels}/{name}"), self._around.plane, self._reporter)
        except ChannelLost:
            raise NoSuchRecorder(name) from None
        self._taps[room.name] = tap
        self.follow(room, now)

    def is_recorded(self, room_name: str) -> bool:
        """Tell whether a room's media goes to a recorder: then every layer has an audience."""
        return room_name in self._taps

    def close(self, room_name: str) -> None:
        """Record a room no more; none is no error."""
        tap = self._taps.pop(room_name, None)
        if tap is not None:
            tap.close()

    def follow(self, room: Room, now: float) -> None:
        """Keep up with a room; nothing when it is not recorded."""
        tap = self._taps.get(room.name)
        if tap is None:
            return
        try:
            tap.follow(room, now)
        except ChannelLost:
            self.close(room.name)
