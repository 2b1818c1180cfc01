"""Totals of a packet plane."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Monotonic totals of one plane."""

    datagrams: int = 0
    packets_in: int = 0
    packets_out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
