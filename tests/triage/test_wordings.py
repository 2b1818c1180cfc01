"""Everyday wordings: each is heard as its finding, and harmless ones alarm nobody (README "Figures")."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from records.triage.engine import assess
from records.triage.intake import Intake
from records.triage.levels import Level
from records.triage.rules.loader import pack
from records.triage.story import understand

CASES = Path(__file__).parent / "cases"


def _lines(name: str) -> Iterator[str]:
    for line in (CASES / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _wordings() -> Iterator[tuple[frozenset[str], list[str]]]:
    for line in _lines("wordings.txt"):
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


@pytest.mark.parametrize("complaint", list(_lines("harmless.txt")))
def test_a_harmless_sentence_is_no_emergency(complaint: str) -> None:
    assert assess(Intake.parse({"id": "1", "complaint": complaint, "age": 35})).level is not Level.EMERGENCY
