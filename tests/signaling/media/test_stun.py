"""Binding requests are read strictly, proven by password, and answered so that aioice (another one's code) agrees."""

import pytest
from aioice import stun as theirs

from signaling.media import stun

PASSWORD = b"x" * 22
TRANSACTION = bytes(range(12))


def request(**changes: bool) -> bytes:
    return stun.binding_request(TRANSACTION, "ours:theirs", PASSWORD, nominate=changes.get("nominate", True))


class TestRequest:
    def test_own_request_is_read_back(self) -> None:
        parsed = stun.parse_request(request())
        assert (parsed.transaction_id, parsed.username, parsed.is_nominating) == (TRANSACTION, "ours:theirs", True)

    def test_request_of_aioice_is_authentic(self) -> None:
        message = theirs.Message(theirs.Method.BINDING, theirs.Class.REQUEST)
        message.attributes["USERNAME"] = "ours:theirs"
        message.attributes["PRIORITY"] = 1
        message.add_message_integrity(PASSWORD)
        data = bytes(message)
        assert stun.is_authentic(data, stun.parse_request(data), PASSWORD)

    def test_wrong_password_is_not_authentic(self) -> None:
        data = request()
        assert not stun.is_authentic(data, stun.parse_request(data), b"y" * 22)

    def test_without_use_candidate_nothing_is_nominated(self) -> None:
        assert not stun.parse_request(request(nominate=False)).is_nominating

    @pytest.mark.parametrize("at", range(0, 84, 3))  # FINGERPRINT, which is optional, begins at 84
    def test_any_flipped_bit_is_refused(self, at: int) -> None:
        data = bytearray(request())
        data[at] ^= 0x10
        with pytest.raises(stun.BadStun):
            parsed = stun.parse_request(bytes(data))
            assert stun.is_authentic(bytes(data), parsed, PASSWORD)
            pytest.fail("a changed request was accepted")

    @pytest.mark.parametrize("cut", range(0, 92, 7))
    def test_cut_request_is_refused(self, cut: int) -> None:
        with pytest.raises(stun.BadStun):
            stun.parse_request(request()[:cut])

    def test_attribute_after_the_integrity_is_not_believed(self) -> None:
        data = request(nominate=False)[:-8] + b"\x00\x25\x00\x00"  # USE-CANDIDATE instead of FINGERPRINT
        data = data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]
        assert not stun.parse_request(data).is_nominating

    def test_response_is_not_a_request(self) -> None:
        with pytest.raises(stun.BadStun):
            stun.parse_request(stun.binding_response(TRANSACTION, ("192.0.2.1", 9), PASSWORD))


class TestResponse:
    @pytest.mark.parametrize("address", [("192.0.2.7", 40000), ("2001:db8::7", 40000)])
    def test_aioice_reads_the_address_and_the_integrity(self, address: tuple[str, int]) -> None:
        data = stun.binding_response(TRANSACTION, address, PASSWORD)
        message = theirs.parse_message(data)
        assert message.check_message_integrity(PASSWORD)
        assert message.attributes["XOR-MAPPED-ADDRESS"] == address

    def test_is_not_longer_than_a_request(self) -> None:
        assert len(stun.binding_response(TRANSACTION, ("2001:db8::7", 4), PASSWORD)) <= len(request())
