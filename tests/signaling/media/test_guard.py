"""security.md §9: what a datagram is, before any library sees it."""

import pytest

from signaling.media.guard import Datagram, classify, is_plausible_dtls

RECORD = b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x00"
ROWS = [
    (b"", Datagram.JUNK), (bytes(2049), Datagram.JUNK), (bytes(19), Datagram.JUNK),
    (b"\x00\x01" + bytes(18), Datagram.STUN),
    (RECORD, Datagram.DTLS), (RECORD[:12], Datagram.JUNK), (b"\x80\x60" + bytes(10), Datagram.RTP),
    (b"\x80\x60" + bytes(9), Datagram.JUNK), (b"\x80\xc9" + bytes(6), Datagram.RTCP), (b"\x80\xc9\x00", Datagram.JUNK),
    (b"\x50" + bytes(40), Datagram.JUNK), (b"\xff" * 40, Datagram.JUNK), (b"\x10" * 40, Datagram.JUNK),
]  # fmt: skip


@pytest.mark.parametrize(("data", "kind"), ROWS)
def test_class_of_a_datagram(data: bytes, kind: Datagram) -> None:
    assert classify(data) is kind


class TestDtlsRecord:
    def test_handshake_record_passes(self) -> None:
        assert is_plausible_dtls(RECORD)
        assert is_plausible_dtls(RECORD + RECORD)

    def test_plaintext_alert_does_not(self) -> None:
        assert not is_plausible_dtls(b"\x15" + RECORD[1:])

    def test_encrypted_alert_passes(self) -> None:
        assert is_plausible_dtls(b"\x15\xfe\xfd\x00\x01" + RECORD[5:])

    @pytest.mark.parametrize(
        "data", [RECORD[:-1], RECORD + b"\x16", b"\x16\x03\x03" + RECORD[3:], b"\x14" + b"\xfe\xfd" + bytes(10)]
    )
    def test_inconsistent_records_do_not(self, data: bytes) -> None:
        assert not is_plausible_dtls(data)
