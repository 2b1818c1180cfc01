"""A tile's height becomes the layer that just fills it, with two layers as with three."""

from dataclasses import dataclass

import pytest

from signaling.media.codecs import Codec
from signaling.media.layers import PAUSED
from signaling.media.negotiation import Outgoing, Sent
from signaling.media.sdp import Format
from signaling.net.allocator import picture_of
from signaling.net.publication import Subscription

VP8 = Codec("VP8", "video", 90000)


@dataclass
class FakeLayer:
    """What the ladder looks at."""

    rate_bps: float


def subscription(source: str = "camera", **changes: object) -> Subscription:
    sent = Sent("1", Outgoing("s_a", source, "video", VP8, 5, 6), Format(96, VP8), {})
    return Subscription(sent, **changes)  # type: ignore[arg-type]  # the test's own fields


class TestTiles:
    @pytest.mark.parametrize(
        ("layers", "height", "most"),
        [
            (3, None, 2),
            (3, 720, 2),
            (3, 361, 2),
            (3, 360, 1),
            (3, 180, 0),
            (3, 90, 0),
            (2, 720, 1),
            (2, 360, 0),
            (2, 90, 0),
            (1, 90, 0),
            (3, 2160, 2),
        ],
    )
    def test_height_of_a_tile(self, layers: int, height: int | None, most: int) -> None:
        found = [FakeLayer(100_000.0 * 3**rank) for rank in range(layers)]
        assert picture_of(subscription(max_height=height), found).most == most  # type: ignore[arg-type]  # fakes

    def test_hidden_tile_is_paused_and_a_screen_goes_first(self) -> None:
        hidden = picture_of(subscription("screen", is_paused=True), [FakeLayer(1.0)])  # type: ignore[list-item]  # fakes
        assert (hidden.most, hidden.priority) == (PAUSED, -1)
