"""records/README.md "Sealed streams": chunks that are written as they come and opened one by one."""

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.crypto import stream
from records.crypto.format import Context
from records.crypto.stream import Head, Kind, Opener, Sealer, parse_head
from records.errors import CannotOpen

KEY, SALT = bytes(range(32)), bytes(range(32, 64))
PLACE = Context(UUID(int=1), UUID(int=2), "recording", "r/0", "media")

# Published with the format: this program's own first bytes of KEY, SALT and PLACE; another writer must make the same.
HEADER_VECTOR = "54530101" + SALT.hex() + "5c59f8949308d139464a92f7f95f0076"
CHUNK_VECTOR = "0100000000000000000000000014ca6f075168ce511311af82d2a42cdd5874063bee"


def sealed() -> tuple[bytes, list[bytes]]:
    """A stream of a header, two media chunks and its end."""
    sealer = Sealer(KEY, PLACE, 1, SALT)
    chunks = [
        sealer.seal(Kind.HEADER, b"head"),
        sealer.seal(Kind.MEDIA, b"first", (0, 2000), is_seekable=True),
        sealer.seal(Kind.MEDIA, b"second", (2000, 4000)),
        sealer.seal(Kind.END, b"", (0, 4000)),
    ]
    return sealer.header, chunks


def opened(number: int, chunk: bytes, place: Context = PLACE, key: bytes = KEY) -> bytes:
    head = parse_head(chunk[: stream.HEAD_BYTES])
    return Opener(key, place, sealed()[0]).open(number, head, chunk[stream.HEAD_BYTES :])


class TestFormat:
    """The bytes are published."""

    def test_file_header(self) -> None:
        assert sealed()[0].hex() == HEADER_VECTOR

    def test_first_chunk(self) -> None:
        assert sealed()[1][0].hex() == CHUNK_VECTOR

    def test_chunks_open_in_any_order(self) -> None:
        chunks = sealed()[1]
        assert [opened(n, chunks[n]) for n in (2, 0, 1, 3)] == [b"second", b"head", b"first", b""]

    def test_a_head_tells_times_and_whether_playing_may_begin(self) -> None:
        head = parse_head(sealed()[1][1][: stream.HEAD_BYTES])
        assert (head.kind, head.start_ms, head.end_ms, head.plain_bytes) == (Kind.MEDIA, 0, 2000, 5)
        assert head.is_seekable and not head.is_final

    @pytest.mark.parametrize("suite", [1, 2, 3])
    def test_every_tenants_suite_seals_streams(self, suite: int) -> None:
        sealer = Sealer(KEY, PLACE, suite, SALT)
        chunk = sealer.seal(Kind.MEDIA, b"sound")
        head = parse_head(chunk[: stream.HEAD_BYTES])
        assert Opener(KEY, PLACE, sealer.header).open(0, head, chunk[stream.HEAD_BYTES :]) == b"sound"

    @given(st.binary(max_size=40))
    def test_any_bytes_are_a_head_or_are_refused(self, data: bytes) -> None:
        with suppress(CannotOpen):
            assert parse_head(data).encode() == data


class TestRefused:
    """One failure, one vector."""

    def test_a_chunk_in_anothers_place(self) -> None:
        with pytest.raises(CannotOpen):
            opened(1, sealed()[1][2])

    def test_a_chunk_of_another_file_under_the_same_key(self) -> None:
        other = Sealer(KEY, PLACE, 1, bytes(32))
        other.seal(Kind.HEADER, b"head")
        with pytest.raises(CannotOpen):
            opened(1, other.seal(Kind.MEDIA, b"first", (0, 2000), is_seekable=True))

    def test_a_file_moved_to_another_recording(self) -> None:
        with pytest.raises(CannotOpen):
            opened(0, sealed()[1][0], Context(UUID(int=1), UUID(int=2), "recording", "other/0", "media"))

    def test_a_file_moved_to_another_patient(self) -> None:
        with pytest.raises(CannotOpen):
            opened(0, sealed()[1][0], Context(UUID(int=1), UUID(int=3), "recording", "r/0", "media"))

    @pytest.mark.parametrize("place", [0, 1, 2, 6, 10, 13, stream.HEAD_BYTES, stream.HEAD_BYTES + 12])
    def test_a_flipped_bit(self, place: int) -> None:
        chunk = bytearray(sealed()[1][1])
        chunk[place] ^= 1
        with pytest.raises(CannotOpen):
            opened(1, bytes(chunk))

    def test_a_chunk_cut_off(self) -> None:
        with pytest.raises(CannotOpen):
            opened(1, sealed()[1][1][:-1])

    def test_a_last_chunk_that_pretends_to_be_a_middle_one(self) -> None:
        chunk = bytearray(sealed()[1][3])
        chunk[1] &= ~stream.FINAL
        with pytest.raises(CannotOpen):
            opened(3, bytes(chunk))

    def test_a_middle_chunk_that_pretends_to_be_the_last(self) -> None:
        chunk = bytearray(sealed()[1][2])
        chunk[1] |= stream.FINAL
        with pytest.raises(CannotOpen):
            opened(2, bytes(chunk))

    def test_another_key_by_the_commitment_before_the_cipher_runs(self) -> None:
        with pytest.raises(CannotOpen):
            Opener(bytes(32), PLACE, sealed()[0])

    @pytest.mark.parametrize("place", [0, 2, 3, 4, 36])
    def test_a_damaged_file_header(self, place: int) -> None:
        header = bytearray(sealed()[0])
        header[place] ^= 0x10
        with pytest.raises(CannotOpen):
            Opener(KEY, PLACE, bytes(header))

    def test_a_length_over_the_bound(self) -> None:
        with pytest.raises(CannotOpen):
            parse_head(Head(Kind.MEDIA, 0, 0, stream.MAX_CHUNK_BYTES + 1).encode())
