"""README "Media", relay-moves: new links at another relay while the old ones play. In virtual time."""

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.media import reports
from signaling.moves import GRACE_S, MOST_S
from signaling.states import VisitState
from tests.fakes.visit import DOCTOR, PATIENT, VISIT, FakeVisit, track
from tests.signaling.test_negotiation import in_consult, publish, subscribe


def connected(visit: FakeVisit, seat: str, link: str) -> None:
    visit.relay(reports.LinkState(VISIT, link, seat, "connected"))


def flowing() -> tuple[FakeVisit, list[str]]:
    """A patient who publishes, a doctor who receives."""
    visit = in_consult()
    links = [publish(visit), subscribe(visit)]
    answer(visit, links[0])
    visit.relay(i.LinkOffered(links[1], 1, "offer", ()))
    connected(visit, PATIENT, links[0])
    connected(visit, DOCTOR, links[1])
    visit.forget()
    return visit, links


def answer(visit: FakeVisit, link: str) -> None:
    visit.relay(i.LinkAnswered(link, 1, "answer", (track(PATIENT, "microphone"),)))


class TestMove:
    def test_every_page_with_media_is_told(self) -> None:
        visit, _ = flowing()
        visit.relay(i.RelayMoved(VISIT))
        assert visit.told(PATIENT, m.RelayMoves) and visit.told(DOCTOR, m.RelayMoves)

    def test_the_new_links_are_others(self) -> None:
        visit, (up, down) = flowing()
        visit.relay(i.RelayMoved(VISIT))
        assert publish(visit, 2) != up
        assert subscribe(visit) != down

    def test_the_old_relay_is_left_when_every_new_link_had_time_to_play(self) -> None:
        visit, _ = flowing()
        visit.relay(i.RelayMoved(VISIT))
        up, down = publish(visit, 2), subscribe(visit)
        answer(visit, up)
        visit.relay(i.LinkOffered(down, 1, "offer", ()))
        connected(visit, PATIENT, up)
        visit.wait(1.0)
        assert visit.done(e.RelayLeave) == []
        connected(visit, DOCTOR, down)
        visit.wait(GRACE_S - 0.1)
        assert visit.done(e.RelayLeave) == []
        visit.wait(0.2)
        assert visit.done(e.RelayLeave) == [e.RelayLeave()]

    def test_a_page_that_does_not_come_along_holds_it_for_ten_seconds(self) -> None:
        visit, _ = flowing()
        visit.relay(i.RelayMoved(VISIT))
        visit.wait(MOST_S - 0.1)
        assert visit.done(e.RelayLeave) == []
        visit.wait(0.2)
        assert visit.done(e.RelayLeave) == [e.RelayLeave()]

    def test_what_was_muted_is_muted_at_the_new_relay(self) -> None:
        visit, _ = flowing()
        visit.say(PATIENT, m.Mute("camera", True))
        visit.forget()
        visit.relay(i.RelayMoved(VISIT))
        publish(visit, 2)
        assert visit.done(e.RelayMute) == [e.RelayMute(PATIENT, "camera", True)]

    def test_the_call_goes_on(self) -> None:
        visit, _ = flowing()
        visit.relay(i.RelayMoved(VISIT))
        visit.wait(MOST_S + 1)
        assert visit.view.state is VisitState.IN_CONSULT
        assert visit.states() == []

    def test_a_room_without_media_leaves_at_its_time(self) -> None:
        visit = in_consult()
        visit.relay(i.RelayMoved(VISIT))
        visit.wait(MOST_S + 1)
        assert visit.done(e.RelayLeave) == [e.RelayLeave()]
        assert visit.core.next_deadline() is None
