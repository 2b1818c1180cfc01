"""A triage engine of two words: "chest pain" is an emergency, everything else is routine. May be told to fail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from records.triage.flags import Flag
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.note import Note
from records.triage.story import Quote

WORDS = "chest pain"


class FakeTriage:
    """Stands in for server.intake.EmbeddedTriage."""

    def __init__(self) -> None:
        self.is_failing = False

    async def flags(self, intake: Intake) -> tuple[Flag, ...]:
        return self._flags(intake)

    def _flags(self, intake: Intake) -> tuple[Flag, ...]:
        at = intake.complaint.find(WORDS)
        if at < 0:
            return ()
        quote = Quote("chest_pain", "complaint", WORDS, at, at + len(WORDS))
        return (Flag("chest-pain", Level.EMERGENCY, "test", "Chest pain", ("emergency",), (quote,)),)

    async def assess(self, intake: Intake, now: datetime) -> Mapping[str, Any] | None:
        if self.is_failing:
            return None
        flags = self._flags(intake)
        level = Level.EMERGENCY if flags else Level.ROUTINE
        return Note(intake.id, intake.lang or "en", level, "test", flags, assessed_at=now.isoformat()).to_json()

    def close(self) -> None:
        pass
