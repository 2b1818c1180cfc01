"""Offers of real browsers are read within bounds and answered; the relay's own offers keep their m-lines."""

from pathlib import Path

import pytest

from signaling.media import codecs, negotiation, sdp
from signaling.media.codecs import Codec
from signaling.media.downlink import DownLink
from signaling.media.errors import BadSdp, SdpTooLarge, StaleGeneration
from signaling.media.negotiation import Outgoing, Terms

CHROMIUM = (Path(__file__).parents[2] / "vectors/sdp/chromium_sendonly.sdp").read_bytes().decode()
TERMS = Terms("ufrag123", "p" * 32, "AA:BB", (("192.0.2.1", 8081),), 1)
VP8, OPUS = Codec("VP8", "video", 90000), Codec("opus", "audio", 48000, 2)


def only(text: str, *encodings: str) -> str:
    """The offer with only these payload formats and their rtx in its video section."""
    offer = sdp.parse(text)
    kept = [f for f in sdp.formats(offer.media[1]) if f.codec.name.lower() in encodings]
    numbers = [str(n) for f in kept for n in (f.payload_type, f.rtx) if n is not None]
    line = next(line for line in text.split("\r\n") if line.startswith("m=video"))
    return text.replace(line, " ".join(line.split(" ")[:3] + numbers))


class TestAnswerToAPublisher:
    def test_chromium_gets_opus_and_its_first_video_codec_with_rtx(self) -> None:
        answer, received = negotiation.answer_publisher(sdp.parse(CHROMIUM), TERMS)
        assert [(r.mid, r.format.codec.name) for r in received] == [("0", "opus"), ("1", "VP8")]
        assert received[1].format.rtx == 97
        assert "a=setup:passive" in answer and "a=recvonly" in answer and "a=ice-lite" in answer

    def test_redundant_speech_is_asked_for_by_naming_it_first(self) -> None:
        answer, received = negotiation.answer_publisher(sdp.parse(CHROMIUM), TERMS)
        assert received[0].format.red == 63
        assert sdp.parse(answer).media[0].formats == ("63", "111")
        assert "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" in answer

    @pytest.mark.parametrize(
        "change", [("red/48000/2", "red/8000"), ("63 111/111", "63 111/110"), ("a=fmtp:63 ", "a=x:")]
    )
    def test_redundancy_of_another_codec_is_not_taken(self, change: tuple[str, str]) -> None:
        answer, received = negotiation.answer_publisher(sdp.parse(CHROMIUM.replace(*change)), TERMS)
        assert received[0].format.red is None
        assert sdp.parse(answer).media[0].formats == ("111",)

    def test_transport_wide_feedback_excludes_remb(self) -> None:
        answer, received = negotiation.answer_publisher(sdp.parse(CHROMIUM), TERMS)
        assert received[1].has_transport_cc
        assert "goog-remb" not in answer

    def test_without_transport_wide_feedback_remb_is_taken(self) -> None:
        text = CHROMIUM.replace("transport-cc\r\n", "x-none\r\n").replace(codecs.TRANSPORT_CC, "urn:x")
        _, received = negotiation.answer_publisher(sdp.parse(text), TERMS)
        assert "goog-remb" in received[1].format.feedback

    @pytest.mark.parametrize("codec", ["h264", "vp9", "av1", "vp8"])
    def test_every_codec_of_the_browser_is_taken(self, codec: str) -> None:
        _, received = negotiation.answer_publisher(sdp.parse(only(CHROMIUM, codec)), TERMS)
        assert received[1].format.codec.name.lower() == codec

    def test_unknown_sections_are_refused_one_by_one(self) -> None:
        text = CHROMIUM + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"
        answer = sdp.parse(negotiation.answer_publisher(sdp.parse(text), TERMS)[0])
        assert [m.is_rejected for m in answer.media] == [False, False, True]
        assert ("group", "BUNDLE 0 1") in answer.attributes

    def test_nothing_usable_is_bad_sdp(self) -> None:
        with pytest.raises(BadSdp):
            negotiation.answer_publisher(sdp.parse(CHROMIUM.replace("SAVPF", "SAVP")), TERMS)


class TestAnswerToASubscriber:
    OFFER = CHROMIUM.replace("a=sendonly", "a=recvonly")
    TRACK = Outgoing("s_a", "camera", "video", VP8, 5, 6)

    def test_track_is_announced_with_its_ssrcs(self) -> None:
        answer, sent, free = negotiation.answer_subscriber(sdp.parse(self.OFFER), TERMS, [self.TRACK])
        assert sent[0].format.payload_type == 96
        assert "a=ssrc-group:FID 5 6" in answer
        assert [f.kind for f in free] == ["audio"]

    def test_h264_goes_to_the_payload_type_of_the_same_profile_and_mode(self) -> None:
        main = Codec("H264", "video", 90000, 1, (("packetization-mode", "1"), ("profile-level-id", "4d0020")))
        track = Outgoing("s_a", "camera", "video", main, 5, 6)
        _, sent, _ = negotiation.answer_subscriber(sdp.parse(self.OFFER), TERMS, [track])
        assert codecs.h264_profile(sent[0].format.codec.parameter("profile-level-id")) == "main"
        assert sent[0].format.codec.parameter("packetization-mode") == "1"

    def test_subscriber_that_reads_redundant_speech_may_get_it(self) -> None:
        track = Outgoing("s_a", "microphone", "audio", OPUS, 7, 8)
        answer, sent, _ = negotiation.answer_subscriber(sdp.parse(self.OFFER), TERMS, [track])
        assert sent[0].format.red == 63
        assert sdp.parse(answer).media[0].formats == ("111", "63")


class TestDownLink:
    CAMERA = Outgoing("s_a", "camera", "video", VP8, 5, 6)
    MICROPHONE = Outgoing("s_a", "microphone", "audio", OPUS, 7, 8)

    def answer_to(self, text: str) -> str:
        """A client that receives everything."""
        lines = text.replace("a=setup:actpass", "a=setup:active").replace("a=sendonly", "a=recvonly").split("\r\n")
        return "\r\n".join(line for line in lines if not line.startswith(("a=ssrc", "a=msid:")))

    def test_first_offer_connects_before_anybody_publishes(self) -> None:
        offer = sdp.parse(DownLink().offer(TERMS))
        assert [(m.kind, m.direction) for m in offer.media] == [("audio", "inactive"), ("video", "inactive")]

    def test_track_takes_the_idle_line_and_gives_it_back(self) -> None:
        link = DownLink()
        link.set_tracks([self.CAMERA])
        assert [(t.mid, t.seat) for t in link.tracks()] == [("1", "s_a")]
        link.set_tracks([])
        link.set_tracks([Outgoing("s_b", "camera", "video", VP8, 9, 10)])
        assert [(t.mid, t.seat) for t in link.tracks()] == [("1", "s_b")]
        assert len(sdp.parse(link.offer(TERMS)).media) == 2

    def test_accepted_answer_tells_the_clients_numbers(self) -> None:
        link = DownLink()
        link.set_tracks([self.CAMERA, self.MICROPHONE])
        answer = link.parse_answer(self.answer_to(link.offer(TERMS)), 1)
        sent = {s.mid: s for s in link.take_answer(answer)}
        assert (sent["0"].format.payload_type, sent["1"].format.payload_type) == (111, 96)
        assert sent["1"].has_transport_cc

    def test_answer_to_a_replaced_offer_is_stale(self) -> None:
        link = DownLink()
        first = self.answer_to(link.offer(TERMS))
        link.offer(TERMS)
        with pytest.raises(StaleGeneration):
            link.parse_answer(first, 1)

    def test_answer_with_other_lines_is_bad(self) -> None:
        link = DownLink()
        text = self.answer_to(link.offer(TERMS))
        with pytest.raises(BadSdp):
            link.parse_answer(text[: text.index("m=video")], 1)

    def test_one_payload_type_means_one_codec(self) -> None:
        link = DownLink()
        h264 = Codec("H264", "video", 90000, 1, (("profile-level-id", "42e01f"), ("packetization-mode", "1")))
        link.set_tracks([self.CAMERA, Outgoing("s_b", "camera", "video", h264, 11, 12)])
        offer = sdp.parse(link.offer(TERMS))
        numbers = [f.payload_type for m in offer.media if m.kind == "video" for f in sdp.formats(m)]
        assert len(numbers) == len(set(numbers)) == 2


class TestBounds:
    @pytest.mark.parametrize(
        "text",
        ["v=0\r\n" + "a=x\r\n" * 7000, "v=0\r\n" + "m=audio 9 RTP/AVP 0\r\n" * 13, "v=0\r\n" + "a=ssrc:1 x\r\n" * 65,
         "v=0\r\n" + "a=candidate:1\r\n" * 41, "v=0" + "x" * 40_000, "v=0\n" + "\n" * 2000],
    )  # fmt: skip
    def test_too_much_is_refused_before_parsing(self, text: str) -> None:
        with pytest.raises(SdpTooLarge):
            sdp.parse(text)

    @pytest.mark.parametrize(
        "text", ["", "hello", "v=0\r\nm=audio\r\n", "v=0\r\nm=audio x RTP/AVP 0\r\n", "v=0\r\nmm\r\n"]
    )
    def test_nonsense_is_bad_sdp(self, text: str) -> None:
        with pytest.raises(BadSdp):
            sdp.parse(text)

    @pytest.mark.parametrize(
        ("profile", "name"),
        [("42e01f", "constrained_baseline"), ("42001f", "baseline"), ("4d001f", "main"), ("64001f", "high"),
         ("640c1f", "constrained_high"), ("zz", None), ("f4001f", None), ("", "constrained_baseline")],
    )  # fmt: skip
    def test_h264_profiles(self, profile: str, name: str | None) -> None:
        assert codecs.h264_profile(profile) == name
