"""README "Drop": every clock, in virtual time."""

import pytest

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.media.reports import LinkState
from signaling.states import Presence, Role, VisitState
from tests.fakes.visit import DOCTOR, PATIENT, VISIT, FakeVisit, track


def in_consult() -> FakeVisit:
    visit = FakeVisit(VisitState.IN_CONSULT)
    visit.both_arrive()
    visit.forget()
    return visit


def with_media(visit: FakeVisit) -> str:
    """Give the patient a connected up link; return its id."""
    visit.say(PATIENT, m.Publish(1, "v=0", {"0": "camera"}))
    (publish,) = visit.done(e.RelayPublish)
    visit.relay(i.LinkAnswered(publish.link, 1, "answer", (track(PATIENT, "camera"),)))
    visit.relay(LinkState(VISIT, publish.link, PATIENT, "connected"))
    visit.forget()
    return publish.link


def presences(visit: FakeVisit, seat: str) -> list[Presence]:
    """Return how the doctor saw a seat, in order."""
    views = [view for told in visit.told(DOCTOR, m.SeatsChanged) for view in told.seats]
    return [view.presence for view in views if view.seat == seat]


class TestLoss:
    """From reconnecting to the practitioner's decision."""

    def test_presence_is_reconnecting_at_once_and_away_after_5_s(self) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        assert presences(visit, PATIENT) == [Presence.RECONNECTING]
        visit.wait(4.9)
        assert presences(visit, PATIENT) == [Presence.RECONNECTING]
        visit.wait(0.2)
        assert presences(visit, PATIENT)[-1] is Presence.AWAY

    @pytest.mark.parametrize(("after_s", "states"), [(4.9, []), (5.1, ["dropped"])])
    def test_visit_is_dropped_after_5_s(self, after_s: float, states: list[str]) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.wait(after_s)
        assert visit.states() == states

    @pytest.mark.parametrize(
        ("after_s", "steps"),
        [
            (5.1, ["wait"]),
            (19.9, ["wait"]),
            (20.1, ["wait", "audio"]),
            (60.1, ["wait", "audio", "phone"]),
            (299.9, ["wait", "audio", "phone"]),
            (300.1, ["wait", "audio", "phone", "decide"]),
            (3600, ["wait", "audio", "phone", "decide"]),
        ],
    )
    def test_practitioner_is_told_what_to_do(self, after_s: float, steps: list[str]) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.wait(after_s)
        assert [drop.step for drop in visit.told(DOCTOR, m.Drop)] == steps

    def test_told_which_side_it_is(self) -> None:
        visit = in_consult()
        visit.lose(DOCTOR)
        visit.wait(6)
        assert visit.told(PATIENT, m.Drop) == [m.Drop(DOCTOR, Role.DOCTOR, "wait", 5)]

    def test_nothing_but_the_practitioner_ends_a_dropped_visit(self) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.wait(24 * 3600)
        assert visit.core.view.state is VisitState.DROPPED


class TestRejoin:
    """Whoever comes back is in the call again."""

    def test_back_within_5_s_nothing_happened(self) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.wait(4)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.wait(60)
        assert visit.states() == []

    def test_back_after_a_tunnel(self) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.wait(40)
        visit.arrive(PATIENT, Role.PATIENT)
        assert visit.states() == ["dropped", "in_consult"]

    def test_both_lost_both_back(self) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.lose(DOCTOR)
        visit.wait(40)
        visit.arrive(DOCTOR, Role.DOCTOR)
        assert visit.states() == ["dropped"]
        visit.arrive(PATIENT, Role.PATIENT)
        assert visit.states() == ["dropped", "in_consult"]

    def test_second_loss_has_its_own_clock(self) -> None:
        visit = in_consult()
        visit.lose(PATIENT)
        visit.wait(40)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.forget()
        visit.lose(PATIENT)
        visit.wait(6)
        assert [drop.step for drop in visit.told(DOCTOR, m.Drop)] == ["wait"]


class TestMediaCounts:
    """Media that flows is presence too: a page whose socket is lost is still there."""

    def test_socket_lost_media_flows(self) -> None:
        visit = in_consult()
        with_media(visit)
        visit.lose(PATIENT)
        visit.wait(60)
        assert visit.states() == []
        assert visit.core.presence(frozenset({Role.PATIENT})) is Presence.PRESENT

    def test_media_lost_then(self) -> None:
        visit = in_consult()
        link = with_media(visit)
        visit.lose(PATIENT)
        visit.relay(LinkState(VISIT, link, PATIENT, "shaky"))
        visit.wait(5.1)
        assert visit.states() == ["dropped"]

    def test_media_shaky_with_a_socket_is_shown_but_no_drop(self) -> None:
        visit = in_consult()
        link = with_media(visit)
        visit.relay(LinkState(VISIT, link, PATIENT, "shaky"))
        visit.wait(60)
        assert presences(visit, PATIENT) == [Presence.RECONNECTING]
        assert visit.states() == []

    def test_media_back_is_shown(self) -> None:
        visit = in_consult()
        link = with_media(visit)
        visit.relay(LinkState(VISIT, link, PATIENT, "shaky"))
        visit.relay(LinkState(VISIT, link, PATIENT, "connected"))
        assert presences(visit, PATIENT)[-1] is Presence.PRESENT


class TestQueueClocks:
    """Away keeps the place."""

    @pytest.mark.parametrize(("after_s", "states"), [(19.9, []), (20.1, ["away"])])
    def test_closed_page_is_away_after_20_s(self, after_s: float, states: list[str]) -> None:
        visit = FakeVisit(VisitState.WAITING, claimed=False)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.lose(PATIENT)
        visit.wait(after_s)
        assert visit.states() == states

    def test_page_that_opens_again_waits_again(self) -> None:
        visit = FakeVisit(VisitState.AWAY, claimed=False)
        visit.arrive(PATIENT, Role.PATIENT)
        assert visit.states() == ["waiting"]

    def test_patient_who_never_came_back_after_a_restart_is_away(self) -> None:
        visit = FakeVisit(VisitState.WAITING, claimed=False)
        visit.wait(21)
        assert visit.states() == ["away"]


class TestClaimClocks:
    """A practitioner's dead tab gives the patient back."""

    @pytest.mark.parametrize(("after_s", "states"), [(19.9, []), (20.1, ["waiting"])])
    def test_lost_practitioner_releases_after_20_s(self, after_s: float, states: list[str]) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.both_arrive()
        visit.lose(DOCTOR)
        visit.wait(after_s)
        assert visit.states() == states

    def test_practitioner_who_never_opens_the_call_releases_after_60_s(self) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.arrive(PATIENT, Role.PATIENT)
        visit.wait(59)
        assert visit.states() == []
        visit.wait(2)
        assert visit.states() == ["waiting"]

    def test_lease_is_renewed_every_20_s_while_the_socket_lives(self) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.both_arrive()
        visit.wait(61)
        assert len(visit.done(e.RenewLease)) == 4

    def test_lease_is_not_renewed_without_the_socket(self) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.both_arrive()
        visit.lose(DOCTOR)
        visit.forget()
        visit.wait(19)
        assert not visit.done(e.RenewLease)


class TestUnanswered:
    """The patient does not answer the ring."""

    @pytest.mark.parametrize(
        ("after_s", "steps"),
        [
            (119, []),
            (121, ["ring-again"]),
            (301, ["ring-again", "phone"]),
            (601, ["ring-again", "phone", "release"]),
        ],
    )
    def test_practitioner_is_told(self, after_s: float, steps: list[str]) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.both_arrive()
        visit.say(DOCTOR, m.Ring())
        visit.wait(after_s)
        assert [told.step for told in visit.told(DOCTOR, m.Unanswered)] == steps

    def test_ringing_again_starts_anew(self) -> None:
        visit = FakeVisit(VisitState.CALLED)
        visit.both_arrive()
        visit.say(DOCTOR, m.Ring())
        visit.wait(100)
        visit.say(DOCTOR, m.Ring())
        visit.wait(100)
        assert not visit.told(DOCTOR, m.Unanswered)


class TestAfterRestart:
    """The web process was killed; people come back one after another."""

    def test_first_one_back_waits_20_s_for_the_other(self) -> None:
        visit = FakeVisit(VisitState.IN_CONSULT)
        visit.arrive(DOCTOR, Role.DOCTOR)
        visit.wait(19.9)
        assert visit.states() == []
        visit.wait(0.2)
        assert visit.states() == ["dropped"]

    def test_empty_open_visit_is_left_alone(self) -> None:
        visit = FakeVisit(VisitState.IN_CONSULT)
        visit.wait(3600)
        assert visit.states() == []
