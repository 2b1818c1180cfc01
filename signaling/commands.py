"""What a seat may ask for, and the answer to it. Authority comes from the seat's ticket, never from the message."""

from typing import assert_never

from signaling import effects as e
from signaling import inputs as i
from signaling import messages as m
from signaling.announce import CLOSE_NORMAL
from signaling.course import Course, Proposal
from signaling.drops import Attendance
from signaling.errors import NotAdmitted, NotAllowed, TryAgain, WrongState
from signaling.media import reports
from signaling.negotiation import Media
from signaling.seats import Seat, Seats
from signaling.states import PATIENT_SIDE, PRACTITIONER_SIDE, TRANSITIONS, PresenceTrigger, Role, Trigger, VisitState

MoveMessage = m.Ring | m.Hold | m.Resume | m.End | m.Escalate
MediaMessage = m.Publish | m.Subscribe | m.Answer | m.Mute | m.Layers

_TRIGGERS: dict[type[MoveMessage], Trigger] = {
    m.Ring: Trigger.RING,
    m.Hold: Trigger.HOLD,
    m.Resume: Trigger.RESUME,
    m.End: Trigger.END,
    m.Escalate: Trigger.ESCALATE,
}
CLOSE_REMOVED = 4403


class Commands:
    """The commands of one consultation."""

    def __init__(self, seats: Seats, course: Course, media: Media, attendance: Attendance) -> None:
        self._seats, self._course, self._media, self._attendance = seats, course, media, attendance

    def patients(self) -> list[Seat]:
        """Return the seats of the patient's side."""
        return [seat for seat in self._seats if seat.role in PATIENT_SIDE]

    def negotiate(self, seat: Seat, message: MediaMessage, re: str | None) -> list[e.Effect]:
        """Take a media message of a seat that is admitted."""
        if not self._course.admits(seat.role):
            raise NotAdmitted
        match message:
            case m.Publish():
                return self._media.negotiation.publish(seat, message, re)
            case m.Subscribe():
                return self._media.negotiation.subscribe(seat, message, re)
            case m.Answer():
                return self._media.negotiation.answer(seat, message, re)
            case m.Mute():
                return self._media.negotiation.mute(seat, message)
            case m.Layers():
                return self._media.negotiation.layers(seat, message, re)
            case _:
                assert_never(message)

    def move(self, seat: Seat, message: MoveMessage, envelope: m.ClientEnvelope) -> list[e.Effect]:
        """Begin a change that only the practitioner may ask for."""
        trigger = _TRIGGERS[type(message)]
        self.require_practitioner(seat, trigger.value)
        return self._propose(Proposal(trigger, seat.id, "command", envelope.id, envelope.seq))

    def leave(self, seat: Seat, envelope: m.ClientEnvelope, now: float) -> list[e.Effect]:
        """
        Let a seat go: it frees its media at once and its presence does not wait.

        A patient who was not seen yet leaves the queue for good; a call that has begun goes on without them.
        """
        effects = self._media.links.abandon(seat)
        leaves_queue = seat.role is Role.PATIENT and Trigger.LEAVE in TRANSITIONS[self._course.state]
        if leaves_queue:
            proposal = Proposal(Trigger.LEAVE, seat.id, "command", envelope.id, envelope.seq)
            return effects + self._propose(proposal)
        effects += self._seats.tell(seat, m.Bye("left"), envelope.id)
        effects += [e.CloseSocket(seat.id, CLOSE_NORMAL, "left")]
        seat.is_connected, seat.lost_at = False, now
        self._seats.is_changed |= seat.move(PresenceTrigger.LEAVE)
        return effects

    def seat(self, seat: Seat, message: m.Accept | m.Remove, re: str | None) -> list[e.Effect]:
        """Take what changes a seat rather than the visit."""
        match message:
            case m.Accept():
                self._accept(seat)
            case m.Remove(target):
                return self._remove(seat, target) + self._done(seat, re)
        return self._done(seat, re)

    def with_done(self, seat: Seat, effects: list[e.Effect], re: str | None) -> list[e.Effect]:
        """Return the effects of what a seat asked for, and its answer."""
        return effects + self._done(seat, re)

    def answer(self, done: Proposal | None) -> list[e.Effect]:
        """Answer whoever asked for a change that is made."""
        if done is None or done.actor not in self._seats:
            return []
        seat = self._seats[done.actor]
        seat.received.settle(done.seq)
        return self._done(seat, done.re) if seat.is_connected else []

    def refuse(self, result: i.NotStored) -> list[e.Effect]:
        """Answer whoever asked for a change that could not be stored."""
        asked = self._course.give_up()
        if asked is None or asked.actor not in self._seats:
            return []
        seat, refusal = self._seats[asked.actor], TryAgain(result.because)
        seat.received.settle(asked.seq)
        return self._seats.tell(seat, m.Failure(refusal.code, refusal.detail), asked.re)

    def forward(self, event: reports.RelayEvent) -> list[e.Effect]:
        """Pass on what the pages show of the media."""
        match event:
            case reports.ActiveSpeaker(_, seat):
                return self._seats.tell_all(m.Speaker(seat))
            case reports.Quality():
                told = m.SeatQuality(event.seat, event.score, event.verdict, event.reasons)
                return self._seats.tell_all(told)
            case reports.MediaStopped(_, seat, source, stopped):
                return self._seats.tell_all(m.MediaStopped(seat, source, stopped))
            case reports.LayerChanged():
                return self._tell(event.seat, m.LayerChanged(event.rung, event.cause, event.of, event.source))
            case reports.LayerSoon():
                return self._tell(event.seat, m.LayerSoon(event.rung, event.of, event.source))
            case reports.SourceDemand():
                return self._tell(event.seat, m.Demand(event.source, event.rids, event.max_bps))
        return []

    def _tell(self, seat: str, message: m.ServerMessage) -> list[e.Effect]:
        return self._seats.tell(self._seats[seat], message) if seat in self._seats else []

    def _accept(self, seat: Seat) -> None:
        if seat.role not in PATIENT_SIDE:
            raise NotAllowed("accept a call")
        state = self._course.state
        if self._course.is_open:
            return  # a page that was reloaded accepts again
        if state is not VisitState.CALLED or not self._course.view.has_rung:
            raise WrongState(state.value, "accept")
        self._attendance.has_accepted = True

    def _remove(self, seat: Seat, target: str) -> list[e.Effect]:
        self.require_practitioner(seat, "remove a seat")
        if target not in self._seats or self._seats[target].role is Role.PATIENT or target == seat.id:
            raise NotAllowed("remove that seat")
        removed = self._seats[target]
        effects = self._media.links.abandon(removed) + self._seats.tell(removed, m.Bye("removed"))
        if removed.is_connected:
            effects.append(e.CloseSocket(target, CLOSE_REMOVED, "removed"))
        self._seats.drop(target, for_good=True)
        return effects

    def _propose(self, proposal: Proposal) -> list[e.Effect]:
        effects = self._course.propose(proposal)
        self._seats[proposal.actor].received.wait_for(proposal.seq)
        return effects

    def require_practitioner(self, seat: Seat, action: str) -> None:
        """Raise NotAllowed unless the seat is the practitioner's."""
        if not self._attendance.is_of(PRACTITIONER_SIDE, seat):
            raise NotAllowed(action)

    def _done(self, seat: Seat, re: str | None) -> list[e.Effect]:
        return self._seats.tell(seat, m.Done(), re) if re is not None else []
