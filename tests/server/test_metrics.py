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
