"""Offer and answer without I/O: what is taken from a publisher, what is given to a subscriber (RFC 3264, RFC 9429)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from signaling.media import codecs, sdp
from signaling.media.errors import BadSdp
from signaling.media.exchange import MAX_MESSAGE_BYTES
from signaling.media.sdp import Attribute, Description, Format, Media

PROTOCOL = "UDP/TLS/RTP/SAVPF"
DATA_PROTOCOL = "UDP/DTLS/SCTP"
SCTP_PORT = 5000
DISCARD_PORT = 9  # RFC 8829 §5.2.1: the address stands in the candidates
HOST_PRIORITY = 2130706431  # type preference 126, local preference 65535, component 1 (RFC 8445 §5.1.2)

# What the relay acts on. Never both bandwidth feedbacks: Chromium follows one and starves on the other (media.md §1).
VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc", "goog-remb")
AUDIO_FEEDBACK = ("nack", "transport-cc")


@dataclass(frozen=True, slots=True)
class Terms:
    """The relay's side of one transport."""

    ufrag: str
    password: str = field(repr=False)
    fingerprint: str
    """sha-256 of the relay's certificate."""
    addresses: tuple[tuple[str, int], ...]
    """Candidates in order of preference."""
    session: int
    """o= session id; with `version` it makes the origin."""
    version: int = 1
    has_tcp: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One m-line on which a publisher sends."""

    mid: str
    kind: str
    format: Format
    extensions: dict[str, int]
    ssrcs: tuple[int, ...]
    repairs: dict[int, int]
    rids: tuple[str, ...] = ()
    """Simulcast layers, in the publisher's order."""

    @property
    def has_transport_cc(self) -> bool:
        return "transport-cc" in self.format.feedback and codecs.TRANSPORT_CC in self.extensions


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A track to be sent: whose it is, how it is coded, and the SSRCs that this link uses for it."""

    seat: str
    source: str
    kind: str
    codec: codecs.Codec
    ssrc: int
    rtx_ssrc: int

    @property
    def stream(self) -> str:
        """Camera and microphone share one stream, so that the browser keeps lips and voice together."""
        return self.seat if self.source in ("microphone", "camera") else f"{self.seat}-{self.source}"


@dataclass(frozen=True, slots=True)
class Sent:
    """One m-line on which a subscriber gets a track; `format` has the subscriber's numbers."""

    mid: str
    outgoing: Outgoing
    format: Format
    extensions: dict[str, int]

    @property
    def has_transport_cc(self) -> bool:
        return "transport-cc" in self.format.feedback and codecs.TRANSPORT_CC in self.extensions


def peer_ufrag(description: Description) -> str:
    """Return the peer's ICE user fragment; BadSdp without one."""
    for media in description.media:
        ufrag = description.attribute(media, "ice-ufrag")
        if ufrag is not None and not media.is_rejected:
            if not 4 <= len(ufrag) <= 256:
                raise BadSdp("a=ice-ufrag")
            return ufrag
    raise BadSdp("no a=ice-ufrag")


def peer_password(description: Description) -> str:
    """Return the peer's ICE password; empty without one: then it can not be challenged, and is not less for it."""
    found = (description.attribute(media, "ice-pwd") for media in description.media if not media.is_rejected)
    return next((password for password in found if password is not None and 22 <= len(password) <= 256), "")


def peer_setup(description: Description) -> str:
    """Return the peer's DTLS role: actpass, active or passive (RFC 8842)."""
    for media in description.media:
        setup = description.attribute(media, "setup")
        if setup is not None and not media.is_rejected:
            if setup not in ("actpass", "active", "passive"):
                raise BadSdp("a=setup")
            return setup
    raise BadSdp("no a=setup")


def answer_publisher(offer: Description, terms: Terms) -> tuple[str, tuple[Received, ...]]:
    """Return the answer to a publisher's offer and the m-lines that are taken; others are rejected with port 0."""
    sections: list[Media] = []
    received: list[Received] = []
    setup = "active" if peer_setup(offer) == "passive" else "passive"
    data = data_line(offer)
    for media in offer.media:
        taken = _take(media)
        if media is data:
            sections.append(data_section(media, setup, terms))
            continue
        if taken is None:
            sections.append(rejection(media))
            continue
        if media.direction in ("sendonly", "sendrecv"):
            received.append(taken)
            direction = "recvonly"
        else:
            direction = "inactive"
        shape = SectionTerms(taken.kind, taken.mid, direction, setup, tuple(simulcast(taken.rids)))
        sections.append(section(shape, taken.format, taken.extensions, terms))
    if not received and not any(section.port for section in sections):
        raise BadSdp("nothing in the offer that the relay can take: it needs Opus, VP8, VP9, H.264 or AV1")
    return assemble(sections, terms), tuple(received)


def data_line(offer: Description) -> Media | None:
    """Return the m-line of an offer that carries data channels (RFC 8841), if one does."""
    lines = [media for media in offer.media if media.kind == "application" and media.protocol == DATA_PROTOCOL]
    fitting = (media for media in lines if not media.is_rejected and media.formats == ("webrtc-datachannel",))
    return next((media for media in fitting if sdp.is_number(media.first("sctp-port") or "", 65535)), None)


def data_port(offer: Description) -> int | None:
    """Return the SCTP port of an offer's data channels, None without any."""
    line = data_line(offer)
    return int(line.first("sctp-port") or 0) if line is not None else None


def data_section(media: Media, setup: str, terms: Terms) -> Media:
    """Return the answer that takes data channels, on the bundled transport."""
    attributes = [
        *transport(terms, setup),
        ("mid", media.mid),
        ("sctp-port", str(SCTP_PORT)),
        ("max-message-size", str(MAX_MESSAGE_BYTES)),
        *candidates(terms),
    ]
    return Media(media.kind, DISCARD_PORT, media.protocol, media.formats, tuple(attributes))


def transport(terms: Terms, setup: str) -> list[Attribute]:
    """Return what each section says of the one transport."""
    return [
        ("ice-ufrag", terms.ufrag),
        ("ice-pwd", terms.password),
        ("fingerprint", f"sha-256 {terms.fingerprint}"),
        ("setup", setup),
    ]


def simulcast(rids: Sequence[str]) -> list[Attribute]:
    """Return the lines that take a publisher's layers (RFC 8851, RFC 8853); none for fewer than two."""
    if len(rids) < 2:
        return []
    return [*(("rid", f"{rid} recv") for rid in rids), ("simulcast", "recv " + ";".join(rids))]


def _take(media: Media) -> Received | None:
    """Choose the first codec of a browser's own order that is forwarded: its first choice is what it sends best."""
    if media.is_rejected or media.kind not in ("audio", "video") or media.protocol != PROTOCOL:
        return None
    chosen = next((f for f in sdp.formats(media) if codecs.is_forwarded(f.codec)), None)
    if chosen is None:
        return None
    extensions = sdp.extension_ids(media)
    wanted = {*codecs.EXTENSIONS_OF_KIND[media.kind], codecs.RID, codecs.REPAIRED_RID}
    kept = {uri: number for uri, number in extensions.items() if uri in wanted}
    chosen = _with_feedback(chosen, media.kind, kept)
    announced = sdp.sources(media)
    rids = sdp.simulcast_rids(media) if codecs.RID in kept else ()
    return Received(media.mid, media.kind, chosen, kept, announced.ssrcs, announced.repairs, rids)


def _with_feedback(chosen: Format, kind: str, extensions: dict[str, int]) -> Format:
    """Keep the feedback that we give, with transport-cc or REMB and never both; drops the loser's extension too."""
    known = VIDEO_FEEDBACK if kind == "video" else AUDIO_FEEDBACK
    kept = [value for value in chosen.feedback if value in known]
    if "transport-cc" in kept and codecs.TRANSPORT_CC in extensions:
        kept = [value for value in kept if value != "goog-remb"]
        extensions.pop(codecs.ABS_SEND_TIME, None)
    else:
        kept = [value for value in kept if value != "transport-cc"]
        extensions.pop(codecs.TRANSPORT_CC, None)
    return replace(chosen, feedback=tuple(kept))


def answer_subscriber(
    offer: Description, terms: Terms, tracks: Sequence[Outgoing]
) -> tuple[str, tuple[Sent, ...], tuple[Received, ...]]:
    """
    Return the answer to a recvonly offer (WHEP), which tracks go where, and the m-lines left free.

    Each track takes the first free m-line of its kind that lists its codec. A free m-line is answered with its first
    forwarded codec, so that a track that comes later can be sent there without a new offer.
    """
    sections: list[Media] = []
    sent: list[Sent] = []
    free: list[Received] = []
    left = list(tracks)
    setup = "active" if peer_setup(offer) == "passive" else "passive"
    for media in offer.media:
        taken = _take(media)
        if taken is None or media.direction not in ("recvonly", "sendrecv"):
            sections.append(rejection(media))
            continue
        for uri in (codecs.RID, codecs.REPAIRED_RID):
            taken.extensions.pop(uri, None)
        match = _match(media, left)
        chosen, extras = taken.format, list[Attribute]()
        if match is None:
            free.append(taken)
        else:
            outgoing, chosen = match
            left.remove(outgoing)
            chosen = _with_feedback(chosen, media.kind, taken.extensions)
            sent.append(Sent(media.mid, outgoing, chosen, taken.extensions))
            extras = announce(outgoing, chosen)
        shape = SectionTerms(media.kind, media.mid, "sendonly", setup, tuple(extras))
        sections.append(section(shape, chosen, taken.extensions, terms))
    if not sent and not free:
        raise BadSdp("nothing in the offer to receive: it needs a recvonly m-line with a known codec")
    return assemble(sections, terms), tuple(sent), tuple(free)


def _match(media: Media, tracks: Sequence[Outgoing]) -> tuple[Outgoing, Format] | None:
    offered = sdp.formats(media)
    for track in tracks:
        for candidate in offered:
            if track.kind == media.kind and codecs.is_same(track.codec, candidate.codec):
                return track, candidate
    return None


def announce(outgoing: Outgoing, chosen: Format) -> list[Attribute]:
    """Return msid and ssrc lines of a track, with RTX where a payload type for it was agreed."""
    attributes = [("msid", f"{outgoing.stream} {outgoing.seat}-{outgoing.source}")]
    ssrcs = [outgoing.ssrc]
    if chosen.rtx is not None:
        ssrcs.append(outgoing.rtx_ssrc)
        attributes.append(("ssrc-group", f"FID {outgoing.ssrc} {outgoing.rtx_ssrc}"))
    return attributes + [("ssrc", f"{ssrc} cname:{outgoing.seat}") for ssrc in ssrcs]


@dataclass(frozen=True, slots=True)
class SectionTerms:
    """What differs between the m-lines of one description."""

    kind: str
    mid: str
    direction: str
    setup: str
    extras: tuple[Attribute, ...] = ()


def section(shape: SectionTerms, chosen: Format, extensions: dict[str, int], terms: Terms) -> Media:
    """Return one m-line on the bundled transport."""
    number = str(chosen.payload_type)
    attributes: list[Attribute] = [
        ("rtcp", "9 IN IP4 0.0.0.0"),
        *transport(terms, shape.setup),
        ("mid", shape.mid),
        (shape.direction, ""),
        ("rtcp-mux", ""),
        ("rtcp-rsize", ""),
        *(("extmap", f"{number} {uri}") for uri, number in extensions.items()),
        ("rtpmap", f"{number} {chosen.codec.encoding}"),
        *((("fmtp", f"{number} {chosen.codec.fmtp}"),) if chosen.codec.fmtp else ()),
        *(("rtcp-fb", f"{number} {value}") for value in chosen.feedback),
    ]
    numbers = [number]
    if chosen.rtx is not None:
        numbers.append(str(chosen.rtx))
        attributes += [
            ("rtpmap", f"{chosen.rtx} rtx/{chosen.codec.clock_rate}"),
            ("fmtp", f"{chosen.rtx} apt={number}"),
        ]
    if chosen.red is not None:
        # A browser sends redundantly only when that stands first in the answer (libwebrtc, webrtc_voice_engine.cc).
        numbers.insert(0 if shape.direction == "recvonly" else 1, str(chosen.red))
        attributes += [
            ("rtpmap", f"{chosen.red} red/{chosen.codec.clock_rate}/{chosen.codec.channels}"),
            ("fmtp", f"{chosen.red} {number}/{number}"),
        ]
    attributes += [*shape.extras, *candidates(terms)]
    return Media(shape.kind, DISCARD_PORT, PROTOCOL, tuple(numbers), tuple(attributes))


def candidates(terms: Terms) -> list[Attribute]:
    """Return the relay's host candidates, complete at once."""
    lines = []
    for place, (address, port) in enumerate(terms.addresses):
        priority = HOST_PRIORITY - (place << 8)
        lines.append(("candidate", f"{place + 1} 1 udp {priority} {address} {port} typ host"))
    if terms.has_tcp:  # RFC 6544: lower than every UDP candidate
        for place, (address, port) in enumerate(terms.addresses):
            priority = HOST_PRIORITY - (1 << 24) - (place << 8)
            lines.append(("candidate", f"{place + 51} 1 tcp {priority} {address} {port} typ host tcptype passive"))
    return [*lines, ("end-of-candidates", "")]


def rejection(media: Media) -> Media:
    """Return the answer that refuses an m-line."""
    attributes = [("mid", media.mid)] if media.mid else []
    return Media(media.kind, 0, media.protocol, media.formats, (*attributes, ("inactive", "")))


def assemble(sections: Sequence[Media], terms: Terms) -> str:
    """Return the whole description around its sections."""
    mids = " ".join(media.mid for media in sections if media.port)
    attributes = [("group", f"BUNDLE {mids}"), ("ice-lite", ""), ("msid-semantic", "WMS *")]
    return sdp.write(attributes, list(sections), f"- {terms.session} {terms.version} IN IP4 127.0.0.1")
