"""Prometheus' text format, written by hand: counters, gauges and histograms without a library."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Each label set is a row for ever; a label that grows with visits or people would be a leak of both memory and data.
MAX_LABEL_SETS = 500
# Seconds: from a cached answer to the bar that security.md §12 sets (p99 60 ms), and what a person takes for broken.
LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

Labels = tuple[tuple[str, str], ...]


@dataclass
class Metric:
    """A family of rows with one name."""

    name: str
    kind: str
    """counter or gauge."""
    meaning: str
    rows: dict[Labels, float] = field(default_factory=dict)

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Count."""
        key = self._key(labels)
        self.rows[key] = self.rows.get(key, 0.0) + amount

    def set(self, value: float, **labels: str) -> None:
        """Say what is now."""
        self.rows[self._key(labels)] = value

    def _key(self, labels: Mapping[str, str]) -> Labels:
        key = tuple(sorted(labels.items()))
        return key if key in self.rows or len(self.rows) < MAX_LABEL_SETS else (("overflow", "true"),)

    def lines(self) -> Iterable[str]:
        """Return the rows as text."""
        yield from _head(self.name, self.meaning, self.kind)
        for labels, value in sorted(self.rows.items()):
            yield f"{self.name}{_braces(labels)} {_number(value)}"


@dataclass
class Histogram:
    """How long something takes."""

    name: str
    meaning: str
    buckets: tuple[float, ...] = LATENCY_BUCKETS_S
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.buckets) + 1)

    def observe(self, value: float) -> None:
        """Add one measurement."""
        self.counts[bisect_left(self.buckets, value)] += 1
        self.total += value

    def lines(self) -> Iterable[str]:
        """Return the cumulative buckets, sum and count."""
        yield from _head(self.name, self.meaning, "histogram")
        seen = 0
        for bound, count in zip((*self.buckets, math.inf), self.counts, strict=True):
            seen += count
            yield f'{self.name}_bucket{{le="{_number(bound)}"}} {seen}'
        yield f"{self.name}_sum {_number(self.total)}"
        yield f"{self.name}_count {seen}"


@dataclass
class Buckets:
    """A histogram with labels that another process counts: each scrape replaces its rows."""

    name: str
    meaning: str
    bounds: tuple[float, ...]
    rows: dict[Labels, tuple[tuple[int, ...], float]] = field(default_factory=dict)

    def replace(self, counts: tuple[int, ...], total: float, **labels: str) -> None:
        """Say what one label set has counted since its start: by bucket, not cumulative, the last one above all."""
        key = tuple(sorted(labels.items()))
        if len(counts) == len(self.bounds) + 1 and (key in self.rows or len(self.rows) < MAX_LABEL_SETS):
            self.rows[key] = (counts, total)

    def lines(self) -> Iterable[str]:
        """Return the cumulative buckets, sum and count of each label set."""
        yield from _head(self.name, self.meaning, "histogram")
        for labels, (counts, total) in sorted(self.rows.items()):
            seen = 0
            for bound, count in zip((*self.bounds, math.inf), counts, strict=True):
                seen += count
                yield f"{self.name}_bucket{_braces((*labels, ('le', _number(bound))))} {seen}"
            yield f"{self.name}_sum{_braces(labels)} {_number(total)}"
            yield f"{self.name}_count{_braces(labels)} {seen}"


class Registry:
    """Every metric of a process."""

    def __init__(self) -> None:
        self._families: dict[str, Metric | Histogram | Buckets] = {}

    def counter(self, name: str, meaning: str) -> Metric:
        """Return the counter of this name; the same one for every caller. Names end in _total."""
        return self._metric(name, "counter", meaning)

    def gauge(self, name: str, meaning: str) -> Metric:
        """Return the gauge of this name."""
        return self._metric(name, "gauge", meaning)

    def histogram(self, name: str, meaning: str) -> Histogram:
        """Return the histogram of this name, in seconds."""
        found = self._families.setdefault(name, Histogram(name, meaning))
        assert isinstance(found, Histogram), "a name has one kind"
        return found

    def buckets(self, name: str, meaning: str, bounds: tuple[float, ...]) -> Buckets:
        """Return the labelled histogram of this name, in seconds."""
        found = self._families.setdefault(name, Buckets(name, meaning, bounds))
        assert isinstance(found, Buckets), "a name has one kind"
        return found

    def _metric(self, name: str, kind: str, meaning: str) -> Metric:
        assert _NAME.fullmatch(name), "metric names are ours"
        found = self._families.setdefault(name, Metric(name, kind, meaning))
        assert isinstance(found, Metric), "a name has one kind"
        assert found.kind == kind, "a name has one kind"
        return found

    def text(self) -> str:
        """Return everything in Prometheus' text format."""
        return "\n".join(line for family in self._families.values() for line in family.lines()) + "\n"


def _head(name: str, meaning: str, kind: str) -> Iterable[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) else repr(value)
