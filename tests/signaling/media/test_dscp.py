"""Marks by kind of media (RFC 8837 §5)."""

import pytest

from signaling.media import dscp


@pytest.mark.parametrize(
    ("kind", "source", "mark"),
    [("audio", "microphone", 46), ("audio", "screen", 46), ("video", "camera", 34), ("video", "screen", 26)],
)
def test_speech_goes_before_faces_and_faces_before_screens(kind: str, source: str, mark: int) -> None:
    assert dscp.dscp(kind, source) == mark


def test_the_mark_stands_above_two_bits_of_congestion_notice() -> None:
    assert dscp.traffic_class(46) == 0xB8
