"""The server's door to the triage engine: it may fail or hang, the patient goes on (triage.md §8)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.note import Note
from server import intake as intakes
from server.app import embedded_triage
from server.intake import EmbeddedTriage

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WORDS = Intake(id="1", complaint="crushing chest pain and cold sweat", lang="en", age_years=61)


def broken(*_: object) -> Note:
    raise ZeroDivisionError("crushing chest pain")


class TestFaults:
    """A fault of the engine is logged by its kind, never with the patient's words."""

    async def test_a_failing_engine_gives_no_note(self, caplog: pytest.LogCaptureFixture) -> None:
        port = EmbeddedTriage(broken, broken)  # type: ignore[arg-type]  # it raises before it could return
        assert await port.assess(WORDS, NOW) is None
        assert await port.flags(WORDS) == ()
        assert [vars(record)["error"] for record in caplog.records] == ["ZeroDivisionError", "ZeroDivisionError"]
        assert "chest" not in caplog.text
        port.close()

    async def test_an_engine_that_hangs_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(intakes, "ASSESS_TIMEOUT_S", 0.05)
        gate = threading.Event()

        def hangs(intake: Intake, now: datetime) -> Note:
            gate.wait(10)
            return Note(intake.id, "en", Level.ROUTINE, "late")

        port = EmbeddedTriage(lambda intake: (), hangs)
        assert await port.assess(WORDS, NOW) is None
        gate.set()
        port.close()


class TestSecondReader:
    """A second reader sees the engine's note and gives one back."""

    async def test_its_note_is_the_one_that_is_kept(self) -> None:
        class Raising:
            async def review(self, intake: Intake, note: Note) -> Note:
                return Note(note.id, note.lang, Level.EMERGENCY, "second reader")

        engine = Note("1", "en", Level.ROUTINE, "engine")
        port = EmbeddedTriage(lambda intake: (), lambda intake, now: engine, Raising())
        found = await port.assess(WORDS, NOW)
        assert found is not None
        assert found["level"] == "emergency"
        port.close()


class TestRealEngine:
    """The engine that is part of this program."""

    async def test_chest_pain_with_sweat_is_an_emergency_while_typing_and_in_the_note(self) -> None:
        port = embedded_triage()
        assert Level.EMERGENCY in {flag.level for flag in await port.flags(WORDS)}
        found = await port.assess(WORDS, NOW)
        assert found is not None
        assert found["level"] == "emergency"
        port.close()
