"""Everyday wordings: each is heard as its finding, and harmless ones alarm nobody (README "Figures")."""

from collections.abc import Iterator

import pytest

from records.triage.engine import assess
from records.triage.intake import Intake
from records.triage.levels import THREE_LEVEL, Level
from records.triage.rules.loader import pack
from records.triage.story import understand
from tests.triage.train import chief_complaints, lines_of


def _wordings() -> Iterator[tuple[frozenset[str], list[str]]]:
    for line in lines_of("wordings.txt"):
        findings, said = line.split(":", 1)
        yield frozenset(findings.split("/")), [p.strip() for p in said.replace("||", "|").split("|") if p.strip()]


@pytest.mark.parametrize(("findings", "said"), list(_wordings()), ids=lambda value: "-".join(sorted(value))[:40])
def test_a_wording_is_heard_as_its_finding(findings: frozenset[str], said: list[str]) -> None:
    unheard = [
        one
        for one in said
        if not findings & set(understand(Intake.parse({"id": "1", "complaint": one}), pack().lexicon).present)
    ]
    assert unheard == []


@pytest.mark.parametrize("complaint", list(lines_of("harmless.txt")))
def test_a_harmless_sentence_is_no_emergency(complaint: str) -> None:
    assert assess(Intake.parse({"id": "1", "complaint": complaint, "age": 35})).level is not Level.EMERGENCY


@pytest.mark.parametrize(("levels", "complaint"), list(chief_complaints()), ids=lambda value: str(value)[:40])
def test_a_chief_complaint_is_understood_and_gets_a_right_level(levels: tuple[str, ...], complaint: str) -> None:
    note = assess(Intake.parse({"id": "1", "complaint": complaint}))
    assert note.level is not None and THREE_LEVEL[note.level] in levels
    assert note.confidence is not None and not note.confidence.abstained
