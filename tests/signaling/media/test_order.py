"""Which of a simulcast's layers is the upper one: by what they say themselves, else by their rates, and steadily."""

from signaling.media.layers import LEARN_AFTER_S, TURN_AFTER_S, Order


def told(order: Order, first_bps: float, last_bps: float, start: float, seconds: float) -> bool:
    """What the order says after so long of these rates."""
    for tick in range(round(seconds * 4) + 1):
        order.receive(first_bps, last_bps, start + tick / 4)
    return order.is_highest_first


class TestOrder:
    def test_lowest_first_until_something_speaks_against_it(self) -> None:
        assert not told(Order(), 400e3, 250e3, 0.0, 60.0)

    def test_highest_first_is_learned_within_a_second(self) -> None:
        order = Order()
        assert not told(order, 900e3, 150e3, 0.0, LEARN_AFTER_S - 0.25)
        assert told(order, 900e3, 150e3, LEARN_AFTER_S - 0.25, 0.5)

    def test_an_upper_layer_that_starves_for_seconds_stays_the_upper_one(self) -> None:
        order = Order()
        told(order, 150e3, 900e3, 0.0, 5.0)
        assert not told(order, 200e3, 50e3, 5.0, TURN_AFTER_S - 0.25)
        assert not told(order, 150e3, 900e3, 20.0, 1.0)

    def test_a_layer_that_begins_is_not_the_lower_one_for_its_first_packets(self) -> None:
        assert not told(Order(), 150e3, 20e3, 0.0, LEARN_AFTER_S - 0.25)
