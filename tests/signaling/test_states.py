"""README "States of a visit": the table, the picture, and what follows from them."""

import re
from pathlib import Path

import pytest

from signaling.errors import WrongState
from signaling.states import OPEN, OVER, TRANSITIONS, Trigger, VisitState, next_state, sources_of

README = (Path(__file__).parents[2] / "signaling" / "README.md").read_text(encoding="utf-8")
README = README.partition("## Recording")[0]  # a recording has its own picture


def picture() -> set[tuple[str, str, str]]:
    """Return the edges of the README's picture, with the ones that it gives in words."""
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (\w+)$", README, re.MULTILINE))
    voids = {(s.value, "entered_in_error", "void") for s in VisitState if s is not VisitState.ENTERED_IN_ERROR}
    return drawn | voids


class TestPicture:
    """The README's picture is the table."""

    def test_picture_and_table_have_the_same_edges(self) -> None:
        table = {(s.value, to.value, t.value) for s, row in TRANSITIONS.items() for t, to in row.items()}
        assert picture() == table

    def test_every_state_has_a_row(self) -> None:
        assert set(TRANSITIONS) == set(VisitState)

    def test_every_trigger_is_used(self) -> None:
        assert {trigger for row in TRANSITIONS.values() for trigger in row} == set(Trigger)


class TestRules:
    """What the table must never allow."""

    def test_drop_is_never_an_exit_by_itself(self) -> None:
        exits = {t for t, to in TRANSITIONS[VisitState.DROPPED].items() if to in OVER}
        assert exits == {Trigger.END, Trigger.DISCONTINUE, Trigger.TRANSFER, Trigger.VOID}

    def test_patient_cannot_leave_a_call_that_has_begun(self) -> None:
        assert all(Trigger.LEAVE not in TRANSITIONS[state] for state in OPEN)

    def test_wrong_trigger_names_state_and_trigger(self) -> None:
        with pytest.raises(WrongState, match="completed does not take claim"):
            next_state(VisitState.COMPLETED, Trigger.CLAIM)

    def test_sources_of_a_claim(self) -> None:
        assert sources_of(Trigger.CLAIM) == {VisitState.WAITING, VisitState.AWAY, VisitState.EMERGENCY}

    def test_nothing_leads_out_of_entered_in_error(self) -> None:
        assert TRANSITIONS[VisitState.ENTERED_IN_ERROR] == {}
