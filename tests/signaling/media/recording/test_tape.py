"""signaling/media/recording/README.md "Files", "Time", "Gaps": whole recordings in virtual time, seeded."""

import random
from collections.abc import Iterable
from typing import TypeVar

import pytest

from signaling.media.recording import wire
from signaling.media.recording.effects import AskKeyframe, ClosePart, Effect, Gap, OpenPart, Write
from signaling.media.recording.payload import OPUS_SILENCE
from signaling.media.recording.tape import Tape
from tests.signaling.media.recording.publisher import Arrival, Publisher, captured_ms

START = 100.0
T = TypeVar("T")


def recorded(arrivals: Iterable[Arrival], until_s: float, tape: Tape | None = None) -> list[Effect]:
    """Everything the tape does with these messages, ticked every 100 ms."""
    tape, effects, tick = tape or Tape(START), list[Effect](), START
    for at, message in sorted(arrivals, key=lambda item: item[0]):
        while tick < at:
            effects += tape.handle_timer(tick)
            tick += 0.1
        tape.receive(message)
    while tick < START + until_s:
        effects += tape.handle_timer(tick)
        tick += 0.1
    return effects + tape.cut(tick)


def call(person: Publisher, seconds: float) -> list[Arrival]:
    return [*person.announce(), *person.reports(seconds), *person.sound(0, seconds), *person.picture(0, seconds)]


def of(kind: type[T], effects: list[Effect]) -> list[T]:
    return [effect for effect in effects if isinstance(effect, kind)]


def errors_ms(effects: list[Effect], track: int) -> list[int]:
    """How far each frame of a track stands from when it was captured."""
    found = []
    for write in of(Write, effects):
        captured = captured_ms(write.data)
        if write.track == track and captured is not None:
            found.append(write.at_ms - captured)
    return found


class TestFiles:
    """One file a seat."""

    def test_sound_and_picture_of_a_seat_are_one_file(self) -> None:
        effects = recorded(call(Publisher(), 5), 8)
        (opened,) = of(OpenPart, effects)
        assert [(t.kind, t.codec, t.width, t.height) for t in opened.tracks] == [
            ("audio", "opus", 0, 0),
            ("video", "VP8", 640, 480),
        ]
        assert len(of(ClosePart, effects)) == 1

    def test_two_seats_are_two_files(self) -> None:
        other = Publisher("s_b", seed=2, tracks={"microphone": 3, "camera": 4})
        effects = recorded([*call(Publisher(), 3), *call(other, 3)], 6)
        assert {opened.seat for opened in of(OpenPart, effects)} == {"s_a", "s_b"}

    def test_a_screen_is_a_file_of_its_own(self) -> None:
        screen = wire.Track(9, "s_a", "screen", "video", "VP8", 90000, 96)
        pictures = [(at, wire.Packet(9, 0, m.arrived_at, m.data)) for at, m in Publisher(seed=4).picture(0, 3)]
        effects = recorded([*call(Publisher(), 3), (START, screen), *pictures], 6)
        assert sorted(len(opened.tracks) for opened in of(OpenPart, effects)) == [1, 2]

    def test_a_camera_that_comes_later_begins_another_file(self) -> None:
        person = Publisher(tracks={"microphone": 1})
        later = Publisher(seed=1)
        camera = [(START + 6, m) for _, m in later.announce() if m.source == "camera"]
        effects = recorded(
            [*person.announce(), *person.reports(10), *person.sound(0, 10), *camera, *later.picture(6, 10)], 12
        )
        assert [len(opened.tracks) for opened in of(OpenPart, effects)] == [1, 2]
        assert max(captured_ms(write.data) or 0 for write in of(Write, effects) if write.track == 0) > 9900

    def test_a_page_that_was_loaded_again_goes_on_in_its_file(self) -> None:
        before, after = Publisher(), Publisher(seed=3, tracks={"microphone": 3, "camera": 4})
        ends = [(START + 4, wire.End(1)), (START + 4, wire.End(2))]
        again = [(START + 5, m) for _, m in after.announce()]
        media = [*after.sound(5, 9), *after.picture(5, 9), *after.reports(9)[8:]]
        effects = recorded([*call(before, 4), *ends, *again, *media], 12)
        assert len(of(OpenPart, effects)) == 1
        assert ("silent", 0) in [(gap.cause, gap.track) for gap in of(Gap, effects)]

    def test_a_seat_quiet_for_ten_seconds_closes_its_file(self) -> None:
        person = Publisher()
        effects = recorded([*call(person, 3), *person.sound(20, 23), *person.picture(20, 23), *person.reports(23)], 26)
        assert len(of(OpenPart, effects)) == 2
        assert of(ClosePart, effects)[0].end_ms < 6000
        assert of(OpenPart, effects)[1].start_ms >= 19_900

    def test_a_source_without_frames_makes_no_file(self) -> None:
        assert of(OpenPart, recorded(Publisher().announce(), 5)) == []


class TestTime:
    """Placed by sender reports."""

    @pytest.mark.parametrize("seed", range(5))
    def test_lips_and_voice_stay_within_40_ms(self, seed: int) -> None:
        person = Publisher(seed=seed, video_delay_s=0.4, jitter_s=0.1)
        effects = recorded(call(person, 20), 24)
        sound, picture = errors_ms(effects, 0), errors_ms(effects, 1)
        assert len(sound) > 900 and len(picture) > 550
        assert max(abs(a - b) for a in (min(sound), max(sound)) for b in (min(picture), max(picture))) <= 40

    def test_a_sound_card_that_runs_fast_stays_in_step_for_ten_minutes(self) -> None:
        person = Publisher(clock_rate_error=2e-4)
        media = [*person.announce(), *person.reports(600), *person.sound(0, 600)]
        sound = errors_ms(recorded(media, 604), 0)
        assert max(sound) - min(sound) <= 40

    def test_without_reports_the_arrival_places_a_track(self) -> None:
        effects = recorded(call(Publisher(has_reports=False), 6), 10)
        assert len(errors_ms(effects, 0)) == 300

    def test_times_never_go_back(self) -> None:
        effects = recorded(call(Publisher(jitter_s=0.5), 10), 14)
        for track in (0, 1):
            times = [write.at_ms for write in of(Write, effects) if write.track == track]
            assert times == sorted(set(times))


class TestGaps:
    """What is missing is marked; sound has no holes."""

    def test_dtx_is_filled_with_silence_and_not_marked(self) -> None:
        person = Publisher(tracks={"microphone": 1})
        sound = [*person.sound(0, 2), *person.sound(2.4, 2.42), *person.sound(2.8, 2.82), *person.sound(3.2, 5)]
        effects = recorded([*person.announce(), *person.reports(5), *sound], 8)
        times = [write.at_ms for write in of(Write, effects)]
        assert max(b - a for a, b in zip(times, times[1:], strict=False)) <= 40
        assert sum(write.data == OPUS_SILENCE for write in of(Write, effects)) >= 50
        assert of(Gap, effects) == []

    def test_lost_sound_is_marked_and_filled(self) -> None:
        person = Publisher(tracks={"microphone": 1})
        sound = person.sound(0, 5)
        effects = recorded([*person.announce(), *person.reports(5), *sound[:100], *sound[110:]], 8)
        (gap,) = of(Gap, effects)
        assert gap.cause == "network"
        assert abs(gap.until_ms - gap.since_ms - 200) <= 20

    def test_after_a_lost_picture_nothing_is_written_until_a_key_frame(self) -> None:
        person = Publisher()
        media = call(person, 8)
        lost = [item for item in media if not (102.0 < item[0] < 102.2 and _is_of(item, 2))]
        effects = recorded(lost, 11)
        (gap,) = [gap for gap in of(Gap, effects) if gap.track == 1]
        after = [write for write in of(Write, effects) if write.track == 1 and write.at_ms >= gap.until_ms]
        assert gap.cause == "network" and after[0].is_keyframe

    def test_a_packet_that_is_repaired_in_time_is_no_loss(self) -> None:
        media, late = [], random.Random(5)
        for at, message in call(Publisher(), 6):
            is_late = isinstance(message, wire.Packet) and late.random() < 0.1
            delay = late.uniform(0.1, 0.6) if is_late else 0.0
            repaired = wire.Packet(message.track, 0, at + delay, message.data) if is_late else message
            media.append((at + delay, repaired))
        effects = recorded(media, 9)
        assert of(Gap, effects) == []
        assert (len(errors_ms(effects, 0)), len(errors_ms(effects, 1))) == (300, 180)

    def test_what_the_channel_dropped_is_told_as_such(self) -> None:
        person = Publisher(tracks={"microphone": 1})
        sound = person.sound(0, 5)
        after = [(at, wire.Packet(1, 10, m.arrived_at, m.data)) for at, m in sound[110:]]
        effects = recorded([*person.announce(), *person.reports(5), *sound[:100], *after], 8)
        assert [gap.cause for gap in of(Gap, effects)] == ["channel"]

    @pytest.mark.parametrize("seed", range(20))
    def test_whatever_is_lost_sound_plays_on_without_holes(self, seed: int) -> None:
        chance, kept = random.Random(seed), []
        rate = chance.choice((0.02, 0.2, 0.6))
        for item in call(Publisher(seed=seed), 6):
            if not isinstance(item[1], wire.Packet) or chance.random() > rate:
                kept.append(item)
        effects = recorded(kept, 10)
        times = [write.at_ms for write in of(Write, effects) if write.track == 0]
        assert times and max(b - a for a, b in zip(times, times[1:], strict=False)) <= 60

    def test_key_frames_are_asked_for_at_first_and_every_ten_seconds(self) -> None:
        person = Publisher()
        media = [*person.announce(), *person.reports(25), *person.sound(0, 25), *person.picture(0, 25, key_every=9999)]
        asked = [effect.track for effect in recorded(media, 26) if isinstance(effect, AskKeyframe)]
        assert set(asked) == {2} and len(asked) > 10


def _is_of(item: Arrival, track: int) -> bool:
    return isinstance(item[1], wire.Packet) and item[1].track == track


class TestAnotherRelay:
    """A relay dies or hands the room on: the next one numbers its tracks anew, and the page's clocks begin anew."""

    def test_what_the_next_relay_brings_is_recorded_with_a_gap_before_it(self) -> None:
        tape = Tape(START)
        before, after = Publisher(), Publisher(seed=2)
        after._wall = before._wall  # the same person's computer
        effects: list[Effect] = []
        for at, message in sorted(call(before, 3), key=lambda item: item[0]):
            tape.receive(message)
            effects += tape.handle_timer(at)
        tape.lose_relay()
        second = after.sound(6, 11) + after.picture(6, 11) + [one for one in after.reports(11) if one[0] >= START + 6]
        announced = [(START + 5.9, message) for _, message in after.announce()]
        effects += recorded(announced + second, 14, tape)
        assert max(write.at_ms for write in of(Write, effects)) > 10_500
        (sound, picture) = of(Gap, effects)
        for gap in (sound, picture):
            assert gap.since_ms == pytest.approx(3000, abs=200) and gap.until_ms == pytest.approx(6000, abs=200)
