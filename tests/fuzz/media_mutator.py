"""
Seeded mutations against every parser of the media plane: only the parser's own error may come out.

    python -m tests.fuzz.media_mutator --count 1000000 --seed 1      prints runs and rate for each parser
"""

import argparse
import contextlib
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from signaling.media import feedback, frames, guard, negotiation, rtcp, rtp, sdp, stun
from signaling.media.codecs import Codec
from signaling.media.downlink import DownLink
from signaling.media.errors import BadRequest, BadSdp
from signaling.media.recording import wire as recording_wire
from signaling.media.recording.bits import BadPayload
from signaling.media.recording.payload import FORMATS, assemble
from signaling.media.recording.picture import describe
from signaling.net import wire
from signaling.net.native_plane import native_library

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "sdp"
TERMS = negotiation.Terms("ufrag123", "p" * 32, "AA:BB", (("192.0.2.1", 8081),), 1)
CAMERA = negotiation.Outgoing("s_a", "camera", "video", Codec("VP8", "video", 90000), 5, 6)
ARRIVALS = [(10, 1.0), (11, 1.001), (14, 1.2), (30, 1.21)]
REPORT = rtcp.SenderReport(5, 1 << 40, 90000, 10, 1000)
BLOCK = rtcp.ReportBlock(7, 25, -3, 70000, 12, 99, 65536)

SEEDS: dict[str, list[bytes]] = {
    "stun": [stun.binding_request(bytes(range(12)), "ours:theirs", b"p" * 22, nominate=True)],
    "dtls": [b"\x16\xfe\xfd" + bytes(8) + b"\x00\x04abcd" + b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x02xy"],
    "rtp": [
        bytes.fromhex("b160ffff000003e80000000700000001")
        + rtp.extension_block([(1, b"0"), (3, b"\1\2")])
        + b"abc\x02"
    ],
    "rtcp": [
        rtcp.sender_report(REPORT) + rtcp.description(5, "relay")
        + rtcp.nack(1, 2, [3, 4, 9]) + rtcp.remb(1, 3000, [7]),
        rtcp.receiver_report(1, [BLOCK]) + rtcp.picture_loss(1, 2) + rtcp.full_intra_request(1, 2, 3) + rtcp.bye(4),
    ],
    "feedback": [feedback.write(ARRIVALS, 1, 8)],
    "sdp": [path.read_bytes() for path in sorted(VECTORS.glob("*.sdp"))],
    "control": [wire.encode({"id": 1, "type": "publish", "room": "r", "sources": {"0": "microphone"}})[4:]],
    "payload": [bytes.fromhex("9080800010"), bytes.fromhex("78000267420004650000aa"), bytes.fromhex("ac8001ff")],
    "recorded": [
        bytes.fromhex("9080800010009d012a8002e001"),
        bytes.fromhex("880582498342000027f01df000"),
        bytes.fromhex("7800196764000dacd941419f9e10000003001000000303c0f1429960000668ebe3cb22c0"),
        bytes.fromhex("5808000000043cfecc6af980"),
        bytes.fromhex("0b0302"),
    ],
    "channel": [
        recording_wire.encode(recording_wire.Packet(7, 3, 2.5, b"rtp")),
        recording_wire.encode(recording_wire.Report(7, 1 << 40, 90000, 2.5)),
        recording_wire.encode(recording_wire.Track(1, "s_a", "camera", "video", "VP8", 90000, 96)),
    ],
}


def parse_rtp(data: bytes) -> None:
    header = rtp.parse_header(data)
    for _, start, size in rtp.extensions(data, header):
        assert header.extension_at <= start and start + size <= header.payload_at
    assert rtp.FIXED_HEADER_BYTES <= header.payload_at <= header.payload_end <= len(data)


def parse_sdp(data: bytes) -> None:
    offer = sdp.parse(data.decode("utf-8", "replace"))
    negotiation.peer_ufrag(offer)
    negotiation.peer_setup(offer)
    sdp.fingerprints(offer)
    for answer in (negotiation.answer_publisher, answer_subscriber, answer_offer):
        with contextlib.suppress(BadSdp):
            answer(offer, TERMS)


def answer_subscriber(offer: sdp.Description, terms: negotiation.Terms) -> None:
    negotiation.answer_subscriber(offer, terms, [CAMERA])


def answer_offer(answer: sdp.Description, terms: negotiation.Terms) -> None:
    """The text as a client's answer to our own offer of one camera."""
    link = DownLink()
    link.set_tracks([CAMERA])
    link.offer(terms)
    link.take_answer(link.parse_answer(sdp.write(list(answer.attributes), list(answer.media), "-"), 1))


def parse_payload(data: bytes) -> None:
    """Both implementations agree on what starts a key frame."""
    for number, codec in enumerate(("vp8", "vp9", "h264", "av1"), start=1):
        ours = frames.starts_keyframe(codec, data)
        assert ours == bool(native_library().relay_starts_keyframe(number, data, len(data))), (codec, data.hex())


def parse_feedback(data: bytes) -> None:
    """The kernel reads the same bytes without harm."""
    native_library().relay_note_feedback(KERNEL_PEER, data, len(data), 1.0)
    feedback.parse(data)


def parse_recorded(data: bytes) -> None:
    """A payload of every recorded codec, alone and in two halves, into a frame and its description."""
    for codec in FORMATS:
        for payloads in ([data], [data[: len(data) // 2], data[len(data) // 2 :]]):
            with contextlib.suppress(BadPayload):
                frame = assemble(codec, payloads)
                if codec != "opus":
                    describe(codec, frame.data)


KERNEL_PEER = native_library().relay_open_peer()
PARSERS: dict[str, tuple[Callable[[bytes], object], tuple[type[Exception], ...]]] = {
    "stun": (stun.parse_request, (stun.BadStun,)),
    "dtls": (guard.is_plausible_dtls, ()),
    "rtp": (parse_rtp, (rtp.BadRtp,)),
    "rtcp": (rtcp.parse, (rtcp.BadRtcp,)),
    "feedback": (parse_feedback, (feedback.BadFeedback,)),
    "sdp": (parse_sdp, (BadSdp,)),
    "control": (wire.decode, (BadRequest,)),
    "payload": (parse_payload, ()),
    "recorded": (parse_recorded, ()),
    "channel": (recording_wire.parse, (recording_wire.BadMessage,)),
}
# One SDP costs a hundred times a datagram; the bars are 10^6 datagrams and 10^5 SDPs (issue 3).
SHARE = {"sdp": 0.1}


def mutate(source: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return the data with one to four changes: flips, cuts, repeats, insertions, splices, extreme numbers."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(changed) + 1)
        match source.randrange(7):
            case 0 if changed:
                changed[at % len(changed)] ^= 1 << source.randrange(8)
            case 1:
                del changed[at : at + source.randrange(1, 9)]
            case 2:
                changed[at:at] = source.randbytes(source.randrange(1, 9))
            case 3:
                changed[at:at] = changed[max(0, at - 64) : at] * source.randrange(1, 4)
            case 4:
                other = source.choice(others)
                changed[at:] = other[source.randrange(len(other) + 1) :]
            case 5:
                changed[at : at + 2] = source.choice((b"\xff\xff", b"\x00\x00", b"\x7f\xff", b"\x80\x00"))
            case _:
                changed = changed[:at]
    return bytes(changed[:40_000])


def run(name: str, count: int, seed: int) -> int:
    """Mutate and parse; returns how many were accepted. Anything but the parser's own error is raised."""
    parse, expected = PARSERS[name]
    source, accepted = random.Random(f"{seed}:{name}"), 0
    for _ in range(count):
        data = mutate(source, source.choice(SEEDS[name]), SEEDS[name])
        try:
            parse(data)
            accepted += 1
        except expected:
            continue
    return accepted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="datagrams a parser; a tenth of it for SDP")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(PARSERS))
    options = parser.parse_args()
    for name in [options.only] if options.only else PARSERS:
        count = int(options.count * SHARE.get(name, 1))
        start = time.monotonic()
        accepted = run(name, count, options.seed)
        seconds = time.monotonic() - start
        print(f"{name:9} {count:9} mutations, {accepted:8} accepted, {count / seconds:9.0f}/s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
