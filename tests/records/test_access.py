"""records/README.md "Access": every cell of actor, purpose, action, object and relation."""

import itertools
from uuid import UUID

import pytest

from records.access import Action, Context, Decision, Grade, Object, decide, needs_relation, place_grade
from records.actors import Actor, ActorKind, Purpose

CONTEXTS = [Context(*flags) for flags in itertools.product((False, True), repeat=3)]
CELLS = list(itertools.product(Purpose, Action, Object, CONTEXTS))


def actor(kind: ActorKind, purpose: Purpose = Purpose.TREAT, reason: str | None = None) -> Actor:
    return Actor(UUID(int=1), kind, "actor-1", purpose, "request-1", reason=reason)


def permitted(kind: ActorKind, reason: str | None = None) -> list[tuple[Purpose, Action, Object, Context]]:
    return [cell for cell in CELLS if decide(actor(kind, cell[0], reason), *cell[1:]).permit]


class TestPatient:
    """One visit, and in it never the staff's side."""

    def test_nothing_outside_the_own_visit(self) -> None:
        assert [cell for cell in permitted(ActorKind.PATIENT) if not cell[3].own_visit] == []

    def test_what_may_be_read(self) -> None:
        assert {cell[2] for cell in permitted(ActorKind.PATIENT) if cell[1] is Action.READ} == {
            Object.PATIENT, Object.VISIT, Object.PLACE, Object.CONSENT, Object.INTAKE, Object.NOTE, Object.CHAT,
            Object.READING,
        }  # fmt: skip

    def test_what_may_be_written(self) -> None:
        assert {cell[2] for cell in permitted(ActorKind.PATIENT) if cell[1] is Action.WRITE} == {
            Object.VISIT, Object.PLACE, Object.CONSENT, Object.INTAKE, Object.CHAT,
            Object.READING,
        }  # fmt: skip

    def test_a_reason_breaks_no_glass(self) -> None:
        assert permitted(ActorKind.PATIENT, "please") == permitted(ActorKind.PATIENT)


class TestPractitioner:
    """The queue is everyone's; the record follows care; writing it follows treatment."""

    def test_without_relation_only_the_queue_bookings_and_links(self) -> None:
        cells = {(cell[1], cell[2]) for cell in permitted(ActorKind.PRACTITIONER) if cell[3] == Context()}
        assert cells == {
            (Action.READ, Object.QUEUE), (Action.WRITE, Object.QUEUE), (Action.WRITE, Object.PATIENT),
            (Action.READ, Object.LINK), (Action.WRITE, Object.LINK),
        }  # fmt: skip

    @pytest.mark.parametrize("object_", [Object.NOTE, Object.TRIAGE_DECISION, Object.PLACE])
    def test_only_the_treating_one_writes(self, object_: Object) -> None:
        cells = [cell for cell in permitted(ActorKind.PRACTITIONER) if cell[1:3] == (Action.WRITE, object_)]
        assert cells and all(cell[3].treating for cell in cells)

    def test_an_own_visit_of_a_link_opens_nothing(self) -> None:
        assert not decide(actor(ActorKind.PRACTITIONER), Action.READ, Object.NOTE, Context(own_visit=True)).permit

    @pytest.mark.parametrize("object_", [Object.ACCOUNT, Object.CLIENT, Object.SETTING, Object.KEY])
    def test_administration_is_not_for_practitioners(self, object_: Object) -> None:
        assert [cell for cell in permitted(ActorKind.PRACTITIONER, "reason") if cell[2] is object_] == []


class TestBreakGlass:
    """Staff, purpose BTG, a reason: reading, flagged."""

    def test_reads_and_is_flagged(self) -> None:
        subject = actor(ActorKind.PRACTITIONER, Purpose.BTG, "unconscious")
        assert decide(subject, Action.READ, Object.NOTE, Context()) == Decision(True, "break glass", broke_glass=True)

    @pytest.mark.parametrize("reason", [None, ""])
    def test_not_without_a_reason(self, reason: str | None) -> None:
        subject = actor(ActorKind.PRACTITIONER, Purpose.BTG, reason)
        assert not decide(subject, Action.READ, Object.NOTE, Context()).permit

    def test_never_writes(self) -> None:
        subject = actor(ActorKind.PRACTITIONER, Purpose.BTG, "unconscious")
        assert not decide(subject, Action.WRITE, Object.NOTE, Context()).permit

    def test_is_not_flagged_for_what_is_in_care_anyway(self) -> None:
        subject = actor(ActorKind.PRACTITIONER, Purpose.BTG, "unconscious")
        assert not decide(subject, Action.READ, Object.NOTE, Context(in_care=True)).broke_glass

    @pytest.mark.parametrize("kind", [ActorKind.PATIENT, ActorKind.DEVICE, ActorKind.SERVICE])
    def test_is_for_practitioners_only(self, kind: ActorKind) -> None:
        subject = actor(kind, Purpose.BTG, "unconscious")
        assert not decide(subject, Action.READ, Object.NOTE, Context()).permit


class TestOthers:
    """Devices see their visit, services the record that their scopes name, the system everything."""

    def test_device(self) -> None:
        assert {cell[1:3] for cell in permitted(ActorKind.DEVICE)} == {(Action.READ, Object.VISIT)}
        assert all(cell[3].own_visit for cell in permitted(ActorKind.DEVICE))

    def test_service(self) -> None:
        assert {cell[2] for cell in permitted(ActorKind.SERVICE)} == {Object.PATIENT, Object.AUDIT, Object.RESOURCE}

    def test_system(self) -> None:
        assert permitted(ActorKind.SYSTEM) == CELLS

    @pytest.mark.parametrize("kind", [ActorKind.PATIENT, ActorKind.PRACTITIONER, ActorKind.DEVICE])
    def test_people_and_devices_erase_nothing(self, kind: ActorKind) -> None:
        assert [cell for cell in permitted(kind, "reason") if cell[1] is Action.ERASE] == []

    def test_denial_names_the_missing_condition(self) -> None:
        assert decide(actor(ActorKind.PATIENT), Action.READ, Object.NOTE, Context()).reason == "not own visit"


class TestNeedsRelation:
    """The context is asked for exactly where it can change the answer."""

    @pytest.mark.parametrize("kind", ActorKind)
    def test_agrees_with_the_decision(self, kind: ActorKind) -> None:
        for purpose, action, object_ in itertools.product(Purpose, Action, Object):
            answers = {decide(actor(kind, purpose), action, object_, context).permit for context in CONTEXTS}
            assert needs_relation(actor(kind, purpose), action, object_) == (len(answers) > 1)


class TestPlaceGrade:
    """Exact for care, coarser for operations, nothing for what is not listed."""

    @pytest.mark.parametrize(("kind", "purpose", "grade"), [
        (ActorKind.PRACTITIONER, Purpose.TREAT, Grade.EXACT), (ActorKind.PRACTITIONER, Purpose.OPERAT, Grade.DISTRICT),
        (ActorKind.SERVICE, Purpose.HRESCH, Grade.CITY), (ActorKind.DEVICE, Purpose.TREAT, Grade.NONE),
        (ActorKind.PRACTITIONER, Purpose.HRESCH, Grade.NONE),
    ])  # fmt: skip
    def test_grade(self, kind: ActorKind, purpose: Purpose, grade: Grade) -> None:
        assert place_grade(actor(kind, purpose)) is grade
