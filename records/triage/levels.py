"""The five levels, their order, and the tables that map them onto other scales."""

import enum
from collections.abc import Iterable, Mapping


class Level(enum.Enum):
    """How soon a doctor should see the patient; `rank` 0 is the most urgent."""

    EMERGENCY = "emergency"  # now; the emergency number is shown
    URGENT = "urgent"  # the same day
    SEMI_URGENT = "semi-urgent"  # within three days
    ROUTINE = "routine"  # an ordinary appointment
    SELF_CARE = "self-care"  # earned: a listed minor complaint and nothing else

    @property
    def rank(self) -> int:
        """0 (emergency) to 4 (self-care)."""
        return _ORDER.index(self)


_ORDER = tuple(Level)

# The scale of symptom-checker studies: emergency, see a doctor, self-care.
THREE_LEVEL: Mapping[Level, str] = {
    Level.EMERGENCY: "emergency",
    Level.URGENT: "doctor",
    Level.SEMI_URGENT: "doctor",
    Level.ROUTINE: "doctor",
    Level.SELF_CARE: "self-care",
}

# Colours of the WHO/ICRC/MSF interagency tool (three classes).
IITT_COLOUR: Mapping[Level, str] = {
    Level.EMERGENCY: "red",
    Level.URGENT: "yellow",
    Level.SEMI_URGENT: "green",
    Level.ROUTINE: "green",
    Level.SELF_CARE: "green",
}

# China, 2018 expert consensus: I-IV. A deployment may map otherwise, so this is only the default.
CHINA_2018: Mapping[Level, str] = {
    Level.EMERGENCY: "I-II",
    Level.URGENT: "III",
    Level.SEMI_URGENT: "IV",
    Level.ROUTINE: "IV",
    Level.SELF_CARE: "IV",
}

# Ceilings to clinical contact in minutes; consultation.md §3, configurable there.
WAIT_MINUTES: Mapping[Level, int] = {
    Level.EMERGENCY: 0,
    Level.URGENT: 10,
    Level.SEMI_URGENT: 60,
    Level.ROUTINE: 120,
    Level.SELF_CARE: 240,
}


def most_urgent(levels: Iterable[Level], default: Level) -> Level:
    """Return the most urgent of the levels, or the default if there is none."""
    return min(levels, key=lambda level: level.rank, default=default)
