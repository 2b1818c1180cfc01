"""What doctors make of the notes: overrides by direction, level and group, and drift, as plain figures."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from records.triage.levels import Level


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One doctor's decision on one note. `group` is open data such as "zh/65+": never anything that identifies."""

    noted: Level
    decided: Level
    group: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One Prometheus sample."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def line(self) -> str:
        """Return the sample in the text exposition format."""
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in self.labels)
        return f"{self.name}{{{labels}}} {self.value:g}" if labels else f"{self.name} {self.value:g}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def direction(row: DecisionRow) -> str:
    """Return accepted, raised (the note was too low) or lowered (too high)."""
    if row.decided is row.noted:
        return "accepted"
    return "raised" if row.decided.rank < row.noted.rank else "lowered"


def is_severe_under_triage(row: DecisionRow) -> bool:
    """Whether the doctor saw two or more levels of urgency that the note missed; each such case is reviewed."""
    return row.noted.rank - row.decided.rank >= 2


def figures(rows: Iterable[DecisionRow]) -> list[Figure]:
    """Return counters of decisions by direction, level and group, and of severe under-triage."""
    kept = list(rows)
    counted = Counter((direction(row), row.noted.value, row.group) for row in kept)
    found = [
        Figure("teleconsult_triage_decisions_total", (("direction", way), ("level", level), ("group", group)), count)
        for (way, level, group), count in sorted(counted.items())
    ]
    severe = Counter(row.group for row in kept if is_severe_under_triage(row))
    found += [
        Figure("teleconsult_triage_severe_under_total", (("group", group),), count)
        for group, count in sorted(severe.items())
    ]
    return found + _rates(kept)


def _rates(rows: Sequence[DecisionRow]) -> list[Figure]:
    by_group: dict[str, list[DecisionRow]] = {}
    for row in rows:
        by_group.setdefault(row.group, []).append(row)
    return [
        Figure(
            "teleconsult_triage_override_ratio",
            (("direction", way), ("group", group)),
            sum(direction(row) == way for row in members) / len(members),
        )
        for group, members in sorted(by_group.items())
        for way in ("raised", "lowered")
    ]


# A class that one side lacks would make the index infinite; half a case in a thousand stands in for it.
_FLOOR = 0.0005


def population_stability(reference: Mapping[str, int], current: Mapping[str, int]) -> float:
    """
    Return the population stability index between two counts by class (levels, concepts, languages).

    Below 0.1 is stable, 0.1 to 0.25 worth a look, above 0.25 a change of population. Empty input gives 0.
    """
    before, now = sum(reference.values()), sum(current.values())
    if not before or not now:
        return 0.0
    index = 0.0
    for name in set(reference) | set(current):
        a = max(reference.get(name, 0) / before, _FLOOR)
        b = max(current.get(name, 0) / now, _FLOOR)
        index += (b - a) * math.log(b / a)
    return index


def drift(reference: Mapping[str, Mapping[str, int]], current: Mapping[str, Mapping[str, int]]) -> list[Figure]:
    """Return the stability index of each dimension ("level", "language", "concept") as gauges."""
    return [
        Figure(
            "teleconsult_triage_drift_psi", (("dimension", name),), population_stability(counts, current.get(name, {}))
        )
        for name, counts in sorted(reference.items())
    ]
