"""Redundant audio: the bytes of RFC 2198, when it is sent, and how much speech it saves on bursty lines."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.media import red
from signaling.media.red import FAR, NEAR, BadRed, Frame, Protection


class TestPayload:
    VECTOR = bytes.fromhex("ef3c0003ef1e00026f") + b"abc" + b"de" + b"own"  # RFC 2198 §3

    def test_written_as_in_the_rfc(self) -> None:
        assert red.join([Frame(960 * 4, b"abc"), Frame(480 * 4, b"de")], b"own", 111) == self.VECTOR

    def test_read_back(self) -> None:
        assert red.split(self.VECTOR) == ([Frame(3840, b"abc"), Frame(1920, b"de")], b"own")

    @pytest.mark.parametrize(
        "payload",
        [b"", b"\xef", b"\xef\x0f\x00\x03", b"\xef\x0f\x00\x03\x6fab", b"\xef\x00\x00\x01" * 9 + b"\x6f" + bytes(20)],
        ids=["empty", "cut header", "no own header", "cut frame", "too many"],
    )
    def test_lengths_that_do_not_fit_are_refused(self, payload: bytes) -> None:
        with pytest.raises(BadRed):
            red.split(payload)

    @given(
        st.lists(st.builds(Frame, st.integers(0, red.MAX_OFFSET), st.binary(max_size=100)), max_size=8),
        st.binary(max_size=100),
    )
    def test_what_is_joined_is_split_again(self, frames: list[Frame], own: bytes) -> None:
        assert red.split(red.join(frames, own, 111)) == (frames, own)

    @given(st.binary(max_size=200))
    def test_any_bytes_give_frames_or_the_one_error(self, payload: bytes) -> None:
        try:
            frames, own = red.split(payload)
        except BadRed:
            return
        assert len(own) + sum(len(frame.data) for frame in frames) < len(payload)


class TestProtection:
    def test_clean_line_costs_nothing(self) -> None:
        assert {Protection().receive(0.0, step / 4) for step in range(400)} == {()}

    @pytest.mark.parametrize(("loss", "copies"), [(0.03, NEAR), (0.2, FAR)])
    def test_loss_is_answered_within_a_second(self, loss: float, copies: tuple[int, ...]) -> None:
        protection = Protection()
        assert [protection.receive(loss, step / 4) for step in range(4)][-1] == copies

    def test_one_lost_packet_protects_for_half_a_minute_and_no_longer(self) -> None:
        protection = Protection()
        protection.receive(1 / 12, 0.0)
        held = [protection.receive(0.0, step / 4) for step in range(1, 300)]
        assert held[100] == NEAR
        assert held[-1] == ()


def gilbert_elliott(loss: float, burst: float, source: random.Random) -> Iterator[bool]:
    """Yield whether each packet is lost; mean share `loss`, mean run `burst`."""
    leave, enter = 1 / burst, loss / (1 - loss) / burst
    lost = False
    while True:
        lost = source.random() >= leave if lost else source.random() < enter
        yield lost


def played(copies: tuple[int, ...], burst: float, count: int = 50_000) -> float:
    """The share of frames that arrive, themselves or as a copy, at 20 % loss."""
    line = gilbert_elliott(0.2, burst, random.Random(7))
    arrived = [not next(line) for _ in range(count + 8)]
    return sum(any(arrived[n + back] for back in (0, *copies)) for n in range(count)) / count


class TestBurstyLoss:
    """20 % of all packets, in runs: what of the speech is heard."""

    @pytest.mark.parametrize(
        ("copies", "burst", "least", "most"),
        [
            ((), 2.0, 0.79, 0.81),
            (NEAR, 1.25, 0.95, 1.0),
            (NEAR, 2.0, 0.88, 0.92),  # why one copy in the next packet is not enough
            (FAR, 1.25, 0.985, 1.0),
            (FAR, 2.0, 0.96, 1.0),
        ],
    )
    def test_share_of_frames_that_can_be_played(
        self, copies: tuple[int, ...], burst: float, least: float, most: float
    ) -> None:
        assert least <= played(copies, burst) <= most
