"""RTCP is read with checked lengths and written so that it is read back."""

import pytest

from signaling.media import feedback, rtcp
from signaling.media.rtcp import KeyframeRequest, Nack, Remb, ReportBlock, SenderReport

BLOCK = ReportBlock(7, 25, -3, 70000, 12, 99, 65536)
REPORT = SenderReport(5, 0x1122334455667788, 90000, 10, 1000)


class TestReadBack:
    def test_sender_report(self) -> None:
        assert rtcp.parse(rtcp.sender_report(REPORT)) == [REPORT]

    def test_receiver_report_with_negative_loss(self) -> None:
        assert rtcp.parse(rtcp.receiver_report(1, [BLOCK])) == [rtcp.ReceiverReport(1, (BLOCK,))]

    def test_nack_packs_seventeen_numbers_into_one_item(self) -> None:
        numbers = list(range(65530, 65536)) + list(range(11))
        packet = rtcp.nack(1, 2, numbers)
        assert len(packet) == 16
        assert rtcp.parse(packet) == [Nack(2, tuple(numbers))]

    @pytest.mark.parametrize("bitrate", [0, 1, 262143, 300_000, 3_000_000])
    def test_remb(self, bitrate: int) -> None:
        [packet] = rtcp.parse(rtcp.remb(1, bitrate, [2, 3]))
        assert isinstance(packet, Remb)
        assert packet.ssrcs == (2, 3)
        assert packet.bitrate_bps <= bitrate <= packet.bitrate_bps * 1.0001 + 1

    def test_pli_and_fir_ask_for_the_same(self) -> None:
        assert (
            rtcp.parse(rtcp.picture_loss(1, 9)) == rtcp.parse(rtcp.full_intra_request(1, 9, 3)) == [KeyframeRequest(9)]
        )

    def test_compound_with_description_and_bye(self) -> None:
        packets = rtcp.parse(rtcp.receiver_report(1, []) + rtcp.description(1, "relay") + rtcp.bye(4))
        assert packets == [rtcp.ReceiverReport(1, ()), rtcp.Bye((4,))]


class TestBadLengths:
    @pytest.mark.parametrize(
        "data",
        [b"\x80", b"\x00\xc9\x00\x01AAAA", b"\x81\xc8\x00\x01AAAA", b"\x80\xc9\x00\x09AAAA", b"\xa0\xc9\x00\x01AAA\xff",
         b"\x81\xcd\x00\x01AAAA", b"\x8f\xce\x00\x04" + bytes(8) + b"REMB\xff\x00\x00\x00", b"\x80\xca\x00\x00" * 33],
    )  # fmt: skip
    def test_refused(self, data: bytes) -> None:
        with pytest.raises(rtcp.BadRtcp):
            rtcp.parse(data)


ARRIVALS = [(65530, 10.0), (65531, 10.001), (65534, 10.0005), (65536, 10.2), (65537, 10.2), (65560, 11.0)]


class TestTransportFeedback:
    def test_arrivals_and_losses_are_read_back(self) -> None:
        found = feedback.parse(feedback.write(ARRIVALS, 3, 65528))
        times = {sequence: at for sequence, at in found if at is not None}
        assert [n & 0xFFFF for n, _ in ARRIVALS] == list(times)
        assert [sequence for sequence, at in found if at is None][:4] == [65528, 65529, 65532, 65533]
        base = times[65530] - 10.0
        assert all(abs(times[n & 0xFFFF] - base - at) <= feedback.TICK_S for n, at in ARRIVALS)

    @pytest.mark.parametrize(
        "body", [b"", bytes(7), bytes(2) + b"\x00\x05" + bytes(4), bytes(2) + b"\xff\xff" + bytes(9)]
    )
    def test_bad_lengths_are_refused(self, body: bytes) -> None:
        with pytest.raises(feedback.BadFeedback):
            feedback.parse(body)

    def test_wrapped_in_a_packet_it_stays_whole(self) -> None:
        body = feedback.write(ARRIVALS, 3, 65530)
        [packet] = rtcp.parse(rtcp.transport_feedback(1, 2, body))
        assert isinstance(packet, rtcp.TransportFeedback)
        assert feedback.parse(packet.body) == feedback.parse(body)
