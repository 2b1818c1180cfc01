"""What the patient agreed to: three separate answers, versioned, and the newest of each counts."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


class ConsentScope(enum.Enum):
    """What is asked. Drawn in records/README.md, which a test compares."""

    CONSULTATION = "consultation"  # remote care and its limits; without it there is no visit
    AI = "ai"  # a machine reads the intake and drafts a triage note
    RECORDING = "recording"  # picture and sound are kept


@dataclass(frozen=True, slots=True)
class ConsentStatement:
    """One answer, as it was given."""

    scope: ConsentScope
    given: bool
    text_version: str
    at: datetime


def current(statements: Iterable[ConsentStatement]) -> dict[ConsentScope, ConsentStatement]:
    """Return the newest answer of each scope; statements come oldest first."""
    return {statement.scope: statement for statement in statements}


def permits(statements: Iterable[ConsentStatement], scope: ConsentScope) -> bool:
    """Say whether the newest answer for a scope is yes. No answer is no."""
    answer = current(statements).get(scope)
    return answer is not None and answer.given
