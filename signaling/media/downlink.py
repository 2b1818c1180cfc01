"""
A down link's m-lines: the relay offers, tracks come and go, mids stay, a freed m-line is used again. Pure.

Offers are numbered. One is open at a time; a change meanwhile marks the link dirty and makes the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from signaling.media import codecs, sdp
from signaling.media.codecs import Codec
from signaling.media.errors import BadSdp, StaleGeneration
from signaling.media.negotiation import (
    VIDEO_FEEDBACK,
    Outgoing,
    SectionTerms,
    Sent,
    Terms,
    announce,
    assemble,
    section,
)
from signaling.media.reports import Track
from signaling.media.sdp import Format

# The client's answer has as many m-lines as our offer: 16 seats with camera and microphone, and some screens.
MAX_SLOTS = 40
OPUS = Codec("opus", "audio", 48000, 2, (("minptime", "10"), ("useinbandfec", "1")))
VP8 = Codec("VP8", "video", 90000)
# An offer with both slots idle lets the transport connect before anybody publishes.
IDLE_CODEC = {"audio": OPUS, "video": VP8}
OPUS_PAYLOAD_TYPE, RED_PAYLOAD_TYPE = 111, 63
VIDEO_PAYLOAD_TYPES = (*range(96, 111, 2), *range(112, 127, 2))  # each with its rtx above it
FEEDBACK = {"video": tuple(v for v in VIDEO_FEEDBACK if v != "goog-remb"), "audio": ("transport-cc",)}


@dataclass(slots=True)
class Slot:
    """One m-line. Idle without a track."""

    mid: str
    kind: str
    track: Outgoing | None = None


class DownLink:
    """The m-lines of one subscriber, and the offer that is out."""

    def __init__(self) -> None:
        self._slots = [Slot("0", "audio"), Slot("1", "video")]
        self._numbers: dict[tuple[str, str], tuple[Codec, int]] = {}
        self.generation = 0
        self.is_open = False
        """An offer waits for its answer."""
        self.is_dirty = True
        """The tracks differ from those of the last offer."""

    def set_tracks(self, tracks: Sequence[Outgoing]) -> None:
        """Put these tracks into the slots; those that stay keep theirs."""
        keys = {(t.seat, t.source, t.ssrc) for t in tracks}
        present = set()
        for slot in self._slots:
            if slot.track is None:
                continue
            key = (slot.track.seat, slot.track.source, slot.track.ssrc)
            if key in keys:
                present.add(key)
            else:
                slot.track, self.is_dirty = None, True
        for track in tracks:
            if (track.seat, track.source, track.ssrc) not in present:
                self._place(track)

    def _place(self, track: Outgoing) -> None:
        slot = next((s for s in self._slots if s.track is None and s.kind == track.kind), None)
        if slot is None:
            if len(self._slots) >= MAX_SLOTS:
                return  # the room's own limit of seats is lower; a track beyond this is not shown
            slot = Slot(str(len(self._slots)), track.kind)
            self._slots.append(slot)
        slot.track, self.is_dirty = track, True

    def offer(self, terms: Terms) -> str:
        """Return the next offer and take it for the open one; `generation` has its number."""
        self.generation += 1
        self.is_open, self.is_dirty = True, False
        sections = []
        for slot in self._slots:
            codec = slot.track.codec if slot.track else IDLE_CODEC[slot.kind]
            chosen = self._format(codec)
            extras = announce(slot.track, chosen) if slot.track else []
            direction = "sendonly" if slot.track else "inactive"
            extensions = {uri: codecs.EXTENSIONS[uri] for uri in codecs.EXTENSIONS_OF_KIND[slot.kind]}
            shape = SectionTerms(slot.kind, slot.mid, direction, "actpass", tuple(extras))
            sections.append(section(shape, chosen, extensions, terms))
        return assemble(sections, terms)

    def tracks(self) -> tuple[Track, ...]:
        """Return what the offer's m-lines carry."""
        return tuple(
            Track(slot.mid, slot.track.seat, slot.kind, slot.track.source)  # type: ignore[arg-type]  # kind is audio or video
            for slot in self._slots
            if slot.track is not None
        )

    def parse_answer(self, text: str, generation: int) -> sdp.Description:
        """Return the client's answer to the open offer; StaleGeneration, or BadSdp when its m-lines are not ours."""
        if generation != self.generation or not self.is_open:
            raise StaleGeneration(f"offer {generation} is not the open one, {self.generation}")
        answer = sdp.parse(text, max_media=len(self._slots))
        if len(answer.media) != len(self._slots):
            raise BadSdp("the answer has other m-lines than the offer")
        return answer

    def take_answer(self, answer: sdp.Description) -> tuple[Sent, ...]:
        """Close the open offer and return the tracks that the client receives, with the formats it agreed to."""
        self.is_open = False
        sent = []
        for slot, media in zip(self._slots, answer.media, strict=True):
            if slot.track is None or media.is_rejected or media.direction not in ("recvonly", "sendrecv"):
                continue
            track = slot.track
            chosen = next((f for f in sdp.formats(media) if codecs.is_same(track.codec, f.codec)), None)
            if chosen is not None:
                sent.append(Sent(slot.mid, track, chosen, sdp.extension_ids(media)))
        return tuple(sent)

    def _format(self, codec: Codec) -> Format:
        """One payload type means one codec in the whole bundle (RFC 9143 §9.1)."""
        key = (codec.name.lower(), codec.fmtp)
        if codec.kind == "audio":
            return Format(OPUS_PAYLOAD_TYPE, codec, FEEDBACK["audio"], red=RED_PAYLOAD_TYPE)
        if key not in self._numbers:
            number = VIDEO_PAYLOAD_TYPES[len(self._numbers) % len(VIDEO_PAYLOAD_TYPES)]
            self._numbers[key] = (codec, number)
        number = self._numbers[key][1]
        return Format(number, codec, FEEDBACK["video"], number + 1)
