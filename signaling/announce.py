"""What the seats are told when a visit has moved. README "Messages", "Closing order"."""

from dataclasses import dataclass

from signaling import effects as e
from signaling import messages as m
from signaling.course import Course
from signaling.inputs import RoomFacts, VisitView
from signaling.negotiation import Media
from signaling.seats import Seat, Seats
from signaling.states import OPEN, PATIENT_SIDE, QUEUED, Role, Trigger, VisitState

_MEDIA = OPEN | {VisitState.CALLED}
CLOSE_NORMAL = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """A visit has moved."""

    before: VisitView
    trigger: Trigger | None
    """None when it was changed elsewhere."""
    at: str


class Announcer:
    """Tells the seats of one consultation what has changed."""

    def __init__(self, seats: Seats, course: Course, media: Media, facts: RoomFacts) -> None:
        self._seats, self._course, self._media, self._facts = seats, course, media, facts

    def tell(self, change: Change) -> list[e.Effect]:
        """Return everything that follows from a change, in the README's order."""
        effects = self._people(change) + self._state(change) + self._ringing(change) + self._flow(change)
        if self._course.is_over and change.before.state is not self._course.state:
            effects += self._goodbye()
        return [*effects, e.TellQueue()]

    def on_arrival(self, seat: Seat) -> list[e.Effect]:
        """Tell a page that comes what it may have missed and `welcome` does not say."""
        if seat.role not in PATIENT_SIDE:
            return []
        view, effects = self._course.view, list[e.Effect]()
        if view.practitioner is not None:
            effects += self._seats.tell(seat, _claimed(view))
        if view.state is VisitState.CALLED and view.has_rung:
            effects += self._seats.tell(seat, m.Ringing())
        if view.state is VisitState.EMERGENCY:
            effects += self._seats.tell(seat, self._emergency())
        return effects

    def _people(self, change: Change) -> list[e.Effect]:
        before, after = change.before, self._course.view
        if after.practitioner is not None and before.practitioner != after.practitioner:
            return self._seats.tell_all(_claimed(after), self._patients())
        if before.practitioner is not None and after.practitioner is None and after.state in QUEUED:
            return self._seats.tell_all(m.Released(), self._patients())
        return []

    def _state(self, change: Change) -> list[e.Effect]:
        state = self._course.state
        if change.before.state is state:
            return []
        effects: list[e.Effect] = []
        for seat in self._seats:
            effects += self._seats.tell(seat, m.StateChanged(state, change.at, self._course.admits(seat.role)))
        if state is VisitState.EMERGENCY:
            effects += self._seats.tell_all(self._emergency(), self._patients())
        return effects

    def _ringing(self, change: Change) -> list[e.Effect]:
        began_elsewhere = change.trigger is None and self._course.view.has_rung and not change.before.has_rung
        if change.trigger is Trigger.RING or began_elsewhere:
            return self._seats.tell_all(m.Ringing(), self._patients())
        return []

    def _flow(self, change: Change) -> list[e.Effect]:
        state = self._course.state
        if change.before.state in _MEDIA and state not in _MEDIA:
            return self._media.links.close_room()
        return self._media.negotiation.hold(state is VisitState.HELD)

    def _goodbye(self) -> list[e.Effect]:
        practitioner = self._course.view.practitioner
        effects: list[e.Effect] = []
        for seat in list(self._seats):
            stays = practitioner is not None and seat.id == practitioner.seat
            if stays and self._course.state is VisitState.WRAP_UP:
                continue
            effects += self._seats.tell(seat, m.Bye(self._course.state.value))
            effects += [e.CloseSocket(seat.id, CLOSE_NORMAL, "visit over")] if seat.is_connected else []
        return effects

    def _patients(self) -> list[Seat]:
        return [seat for seat in self._seats if seat.role in PATIENT_SIDE]

    def _emergency(self) -> m.Emergency:
        number = self._facts.emergency_number
        return m.Emergency(number, self._facts.emergency_text or f"Call {number} now.")


def _claimed(view: VisitView) -> m.Claimed:
    assert view.practitioner is not None, "asked only when the visit is claimed"
    return m.Claimed(view.practitioner.display, view.practitioner.registration_number)


def may_enter(view: VisitView, role: Role, seat: str) -> bool:
    """Tell whether a page may take a seat: in a visit that goes on, or the practitioner's while they write."""
    if view.state is VisitState.WRAP_UP:
        is_practitioner = view.practitioner is None or view.practitioner.seat == seat
        return role is Role.DOCTOR and is_practitioner
    return not Course(view).is_over
