"""What triage asks of the outside: a second reader. The engine needs none; a shell may plug one in."""

from collections.abc import Sequence
from typing import Any, Protocol

from records.triage.intake import Intake
from records.triage.note import Note


class SentenceEncoder(Protocol):
    """Sentence vectors of unit length; English and Chinese in one space. The engine runs without one."""

    def encode(self, texts: Sequence[str]) -> Any:
        """Return one row of 512 numbers for each text."""
        ...


class SecondReader(Protocol):
    """A language model, or anything else, that reads an intake after the engine."""

    async def review(self, intake: Intake, note: Note) -> Note:
        """
        Return the note with the reader's verified additions.

        The level of the result is never below that of `note`. Any failure gives `note` back with a limit
        `language-model-…` that says why; this method does not raise for the model's faults.
        """
        ...
