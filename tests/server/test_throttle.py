"""Token buckets: so much at once, then so much a second, in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.auth.throttle import Buckets, Rate

RATE = Rate(burst=3, per_s=0.5)
KEY = ("192.0.2.1", "POST", "/api/join")


def test_a_burst_passes_and_the_next_waits() -> None:
    buckets = Buckets()
    assert [buckets.take(KEY, RATE, now=0.0) for _ in range(4)] == [0, 0, 0, 2]


def test_waiting_as_told_is_enough() -> None:
    buckets = Buckets()
    for _ in range(3):
        buckets.take(KEY, RATE, now=0.0)
    assert buckets.take(KEY, RATE, now=2.0) == 0


def test_one_address_does_not_spend_anothers_tokens() -> None:
    buckets = Buckets()
    for _ in range(4):
        buckets.take(KEY, RATE, now=0.0)
    assert buckets.take(("192.0.2.2", "POST", "/api/join"), RATE, now=0.0) == 0


def test_memory_is_bounded_whatever_the_number_of_addresses() -> None:
    buckets = Buckets(limit=10)
    for number in range(1_000):
        buckets.take((str(number),), RATE, now=0.0)
    assert len(buckets) == 10


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets()
    for _ in range(3):
        buckets.take(KEY, RATE, now=100.0)
    assert buckets.take(KEY, RATE, now=50.0) > 0


@given(st.lists(st.floats(min_value=0, max_value=10), max_size=200))
def test_never_more_than_burst_and_refill_pass(steps: list[float]) -> None:
    buckets, now, passed = Buckets(), 0.0, 0
    for step in steps:
        now += step
        passed += buckets.take(KEY, RATE, now) == 0
    assert passed <= RATE.burst + RATE.per_s * now + 1e-6
