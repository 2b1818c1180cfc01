"""The active speaker, in virtual time, a quarter second a step."""

from signaling.media.speaker import SpeakerDetector

LOUD, LOUDER, NOISE = 95.0, 110.0, 40.0


def run(detector: SpeakerDetector, levels: dict[str, float], start: float, seconds: float) -> list[str | None]:
    changes = []
    for step in range(int(seconds * 4)):
        if detector.receive(levels, start + step / 4):
            changes.append(detector.speaker)
    return changes


class TestSpeaker:
    def test_first_voice_is_taken_soon(self) -> None:
        assert run(SpeakerDetector(), {"a": LOUD, "b": NOISE}, 0, 2) == ["a"]

    def test_noise_is_nobody(self) -> None:
        assert run(SpeakerDetector(), {"a": NOISE, "b": NOISE}, 0, 10) == []

    def test_a_cough_does_not_take_over(self) -> None:
        detector = SpeakerDetector()
        run(detector, {"a": LOUD}, 0, 5)
        assert run(detector, {"a": LOUD, "b": LOUDER}, 5, 0.5) == []

    def test_a_louder_voice_takes_over_and_equal_ones_do_not_flap(self) -> None:
        detector = SpeakerDetector()
        run(detector, {"a": LOUD}, 0, 5)
        assert run(detector, {"a": LOUD, "b": LOUD + 3}, 5, 20) == []
        assert run(detector, {"a": LOUD, "b": LOUDER}, 25, 5) == ["b"]

    def test_silence_ends_the_turn_after_four_seconds(self) -> None:
        detector = SpeakerDetector()
        run(detector, {"a": LOUD}, 0, 5)
        assert run(detector, {}, 5, 3) == []
        assert run(detector, {}, 8, 4) == [None]
