"""Loss repair towards publishers, in virtual time."""

from signaling.media.keyframe import KeyframeThrottle
from signaling.media.nack import MAX_MISSING, NackList


class TestNackList:
    def test_reordering_is_waited_for(self) -> None:
        nacks = NackList()
        nacks.missed([70001], 0.0)
        assert nacks.take(0.005, 0.05) == []
        assert nacks.take(0.013, 0.05) == [70001 & 0xFFFF]

    def test_asked_again_after_a_round_trip(self) -> None:
        nacks = NackList()
        nacks.missed([5], 0.0)
        nacks.take(0.02, 0.1)
        assert nacks.take(0.1, 0.1) == []
        assert nacks.take(0.15, 0.1) == [5]

    def test_given_up_after_a_second(self) -> None:
        nacks = NackList()
        nacks.missed([5], 0.0)
        assert nacks.take(1.1, 0.1) == []
        assert len(nacks) == 0

    def test_arrived_is_not_asked_for(self) -> None:
        nacks = NackList()
        nacks.missed([5, 6], 0.0)
        nacks.arrived(5)
        assert nacks.take(0.02, 0.1) == [6]

    def test_an_outage_wants_a_key_frame_instead(self) -> None:
        nacks = NackList()
        assert not nacks.missed(list(range(MAX_MISSING + 1)), 0.0)
        assert nacks.take(0.1, 0.1) == []


class TestKeyframeThrottle:
    def test_two_wishes_are_asked_almost_at_once_and_the_third_when_four_seconds_are_over(self) -> None:
        throttle = KeyframeThrottle()
        assert [throttle.wanted(t) for t in (0.0, 0.25, 0.5, 3.9)] == [True, False, True, False]
        assert throttle.handle_timer(4.0)

    def test_on_average_one_goes_out_in_two_seconds(self) -> None:
        throttle = KeyframeThrottle()
        asked = 0
        for tick in range(4000):
            asked += throttle.wanted(tick * 0.025)
            throttle.arrived()
        assert asked == 50

    def test_wish_within_the_interval_is_asked_when_it_is_over(self) -> None:
        throttle = KeyframeThrottle()
        throttle.wanted(0.0)
        throttle.arrived()
        assert not throttle.wanted(0.25)
        assert not throttle.handle_timer(0.45)
        assert throttle.handle_timer(0.5)

    def test_nothing_is_asked_once_the_frame_came(self) -> None:
        throttle = KeyframeThrottle()
        throttle.wanted(0.0)
        throttle.arrived()
        assert not throttle.handle_timer(10.0)

    def test_a_dead_encoder_is_not_asked_for_ever(self) -> None:
        throttle = KeyframeThrottle()
        throttle.wanted(0.0)
        assert sum(throttle.handle_timer(float(t)) for t in range(1, 60)) == 5
