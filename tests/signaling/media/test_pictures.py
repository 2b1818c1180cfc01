"""signaling/media/pictures.py: picture numbers are found, and go on where another layer's ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media.pictures import NONE, PictureNumbers, Places, locate

WIDE = "90e0" "fffe" "ff" "20" "00"  # VP8: picture 32766 in 15 bits, TL0PICIDX 255, layer 0, a key frame


class TestPlaces:
    @pytest.mark.parametrize(
        ("codec", "payload", "places"),
        [
            ("VP8", "10" "00", NONE),  # no extended descriptor
            ("VP8", "9080" "05" "00", Places(picture=2)),
            ("VP8", "9080" "8005" "00", Places(picture=2, is_wide=True)),
            ("VP8", "9040" "07" "00", Places(level=2)),
            ("VP8", WIDE, Places(picture=2, is_wide=True, level=4)),
            ("VP8", "90e0" "fffe", NONE),  # cut before TL0PICIDX
            ("VP8", "9080" "80", NONE),  # cut in the number
            ("VP8", "90", NONE),
            ("VP9", "88" "05" "00", Places(picture=1)),
            ("VP9", "a8" "8005" "00" "07" "00", Places(picture=1, is_wide=True, level=4)),
            ("VP9", "b8" "8005" "00" "07" "00", Places(picture=1, is_wide=True)),  # flexible: no TL0PICIDX
            ("H264", WIDE, NONE),
            ("opus", WIDE, NONE),
        ],
    )
    def test_descriptor(self, codec: str, payload: str, places: Places) -> None:
        assert locate(codec, bytes.fromhex(payload)) == places

    @given(payload=st.binary(max_size=12), codec=st.sampled_from(["VP8", "VP9", "AV1"]))
    def test_any_bytes_keep_their_length(self, payload: bytes, codec: str) -> None:
        numbers = PictureNumbers(picture_offset=7, level_offset=9)
        assert len(numbers.renumber(codec, payload, is_newest=True)) == len(payload)


class TestFollowing:
    def test_another_layers_numbers_are_the_next_ones_over_every_wrap(self) -> None:
        old, new = PictureNumbers(), PictureNumbers()
        old.renumber("VP8", bytes.fromhex("90e0" "ffff" "ff" "20" "01"), is_newest=True)
        new.follow(old)
        first = bytes.fromhex("90e0" "8123" "10" "20" "00")
        new.begin("VP8", first)
        assert new.renumber("VP8", first, is_newest=True).hex() == "90e08000002000"
        second = bytes.fromhex("90e0" "8124" "11" "20" "01")
        assert new.renumber("VP8", second, is_newest=True).hex() == "90e08001012001"

    def test_a_first_stream_keeps_its_own_numbers(self) -> None:
        numbers = PictureNumbers(follows=True)
        numbers.begin("VP8", bytes.fromhex(WIDE))
        assert numbers.renumber("VP8", bytes.fromhex(WIDE), is_newest=True).hex() == WIDE

    def test_what_is_sent_again_has_the_same_numbers_and_moves_none(self) -> None:
        numbers = PictureNumbers(picture_offset=1, last_picture=5)
        numbers.renumber("VP8", bytes.fromhex("9080" "02" "01"), is_newest=False)
        assert numbers.last_picture == 5
