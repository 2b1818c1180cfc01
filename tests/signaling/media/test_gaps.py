"""The silence of changes of path: buckets and percentiles."""

from signaling.media.gaps import GAP_BUCKETS_S, GapLog, percentile


class TestHistogram:
    def test_a_gap_falls_into_the_bucket_that_it_does_not_exceed(self) -> None:
        log = GapLog()
        for gap_s in (0.05, 0.4, 0.5, 11.0):
            log.note("restart", "up", gap_s)
        (row,) = log.histogram()
        found = dict(zip((*GAP_BUCKETS_S, None), row.counts, strict=True))
        assert {bound: count for bound, count in found.items() if count} == {0.05: 1, 0.5: 2, None: 1}

    def test_causes_and_directions_are_counted_apart(self) -> None:
        log = GapLog()
        for cause, direction in (("restart", "up"), ("restart", "down"), ("rebinding", "up")):
            log.note(cause, direction, 0.3)
        assert [(row.cause, row.direction) for row in log.histogram()] == [
            ("rebinding", "up"),
            ("restart", "down"),
            ("restart", "up"),
        ]


class TestPercentiles:
    def test_nearest_rank(self) -> None:
        ordered = [float(n) for n in range(1, 21)]
        assert [percentile(ordered, p) for p in (50, 95, 99)] == [10.0, 19.0, 20.0]

    def test_they_are_told_in_milliseconds_by_direction(self) -> None:
        log = GapLog()
        log.note("restart", "down", 0.25)
        assert log.percentiles_ms() == {"down_p50": 250.0, "down_p95": 250.0, "down_p99": 250.0}
