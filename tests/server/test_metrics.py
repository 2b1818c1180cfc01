"""README "Health": /metrics is Prometheus' text format."""

from __future__ import annotations

from server.metrics import MAX_LABEL_SETS, Registry


class TestText:
    def test_a_counter_counts_for_each_set_of_labels(self) -> None:
        registry = Registry()
        registry.counter("calls_total", "Calls.").add(route="/a")
        registry.counter("calls_total", "Calls.").add(2, route="/a")
        assert registry.text() == '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{route="/a"} 3\n'

    def test_a_gauge_says_what_is_now(self) -> None:
        registry = Registry()
        registry.gauge("rooms", "Rooms.").set(3)
        registry.gauge("rooms", "Rooms.").set(1.5)
        assert registry.text().endswith("rooms 1.5\n")

    def test_a_histogram_is_cumulative(self) -> None:
        registry = Registry()
        latency = registry.histogram("latency_seconds", "Latency.")
        for value in (0.003, 0.02, 7.0):
            latency.observe(value)
        text = registry.text()
        assert 'latency_seconds_bucket{le="0.005"} 1\n' in text
        assert 'latency_seconds_bucket{le="0.025"} 2\n' in text
        assert 'latency_seconds_bucket{le="+Inf"} 3\n' in text
        assert "latency_seconds_count 3\n" in text

    def test_a_labels_value_is_escaped(self) -> None:
        registry = Registry()
        registry.gauge("g", "G.").set(1, x='a"b\\c\nd')
        assert 'g{x="a\\"b\\\\c\\nd"} 1' in registry.text()

    def test_a_label_cannot_grow_without_bound(self) -> None:
        registry = Registry()
        counter = registry.counter("c_total", "C.")
        for number in range(MAX_LABEL_SETS + 50):
            counter.add(x=str(number))
        assert len(counter.rows) == MAX_LABEL_SETS + 1
        assert counter.rows[(("overflow", "true"),)] == 50

    def test_a_labelled_histogram_takes_the_counts_of_another_process(self) -> None:
        registry = Registry()
        gaps = registry.buckets("gap_seconds", "Gaps.", (0.5, 1.0))
        gaps.replace((2, 1, 1), 4.5, relay="0")
        gaps.replace((3, 1, 1), 4.75, relay="0")
        text = registry.text()
        assert 'gap_seconds_bucket{relay="0",le="0.5"} 3\n' in text
        assert 'gap_seconds_bucket{relay="0",le="+Inf"} 5\n' in text
        assert 'gap_seconds_sum{relay="0"} 4.75\ngap_seconds_count{relay="0"} 5\n' in text

    def test_counts_of_another_shape_are_left(self) -> None:
        registry = Registry()
        registry.buckets("gap_seconds", "Gaps.", (0.5, 1.0)).replace((1, 1), 1.0)
        assert "_count" not in registry.text()
