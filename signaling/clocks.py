"""The clocks of a visit: how long a loss or a ring lasts, and what is due when. README "Drop"."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

RECONNECTING_S = 5.0  # facts/consultation.md §7: the last picture stays for so long
QUEUE_GRACE_S = 20.0  # a reload takes 2-5 s, a phone that changes cells up to 15 s
CLAIM_GRACE_S = 20.0  # the same for the practitioner's tab; the 60 s lease is the backstop
LEASE_RENEWAL_S = 20.0  # three tries within a lease of 60 s

DropStep = Literal["wait", "audio", "phone", "decide"]
UnansweredStep = Literal["ring-again", "phone", "release"]
Step = TypeVar("Step", DropStep, UnansweredStep)

# facts/consultation.md §7
DROP_STEPS: tuple[tuple[float, DropStep], ...] = ((5.0, "wait"), (20.0, "audio"), (60.0, "phone"), (300.0, "decide"))
# facts/consultation.md §4, from the ring
UNANSWERED_STEPS: tuple[tuple[float, UnansweredStep], ...] = (
    (120.0, "ring-again"),
    (300.0, "phone"),
    (600.0, "release"),
)


@dataclass(slots=True)
class Ladder(Generic[Step]):
    """Steps that fall due one after another since a moment; each is told once."""

    steps: tuple[tuple[float, Step], ...]
    since: float
    told: int = 0

    def due(self, now: float) -> list[Step]:
        """Return the steps that fell due and were not told yet, and count them as told."""
        reached = sum(1 for after_s, _ in self.steps if now >= self.since + after_s)
        steps = [name for _, name in self.steps[self.told : reached]]
        self.told = max(self.told, reached)
        return steps

    def next_at(self) -> float | None:
        """Return when the next step falls due; None after the last."""
        if self.told >= len(self.steps):
            return None
        return self.since + self.steps[self.told][0]


def earliest(*deadlines: float | None) -> float | None:
    """Return the first of the deadlines that exist."""
    return min((deadline for deadline in deadlines if deadline is not None), default=None)
