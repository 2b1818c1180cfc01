"""Who of the two sides is there, since when not, and what is due then. README "Drop"."""

from dataclasses import dataclass

from signaling import effects as e
from signaling import messages as m
from signaling.clocks import (
    CLAIM_GRACE_S,
    DROP_STEPS,
    LEASE_RENEWAL_S,
    QUEUE_GRACE_S,
    RECONNECTING_S,
    UNANSWERED_STEPS,
    DropStep,
    Ladder,
    UnansweredStep,
    earliest,
)
from signaling.course import Course, Proposal
from signaling.seats import Seat, Seats
from signaling.states import PATIENT_SIDE, PRACTITIONER_SIDE, Presence, PresenceTrigger, Role, Trigger, VisitState

# After a restart of web everybody needs a moment to come back: 15 s more than a lost connection is given.
RESTART_GRACE_S = 15.0
# A practitioner who claims by HTTP opens the call page next; the lease of the claim is as long.
UNSEATED_CLAIM_S = 60.0

_SIDE_ROLE = {PATIENT_SIDE: Role.PATIENT, PRACTITIONER_SIDE: Role.DOCTOR}


@dataclass(slots=True)
class _Since:
    """Moments, in seconds of the caller's clock, that no seat remembers."""

    opened: float
    state: float
    arrival: float | None = None
    renewed: float | None = None


class Attendance:
    """The clocks of one consultation."""

    def __init__(self, seats: Seats, course: Course, now: float) -> None:
        self._seats, self._course = seats, course
        self._since = _Since(opened=now, state=now)
        self._drops: dict[frozenset[Role], Ladder[DropStep]] = {}
        self._unanswered: Ladder[UnansweredStep] | None = None
        self.has_accepted = False

    # What the consultation tells

    def note_arrival(self, now: float) -> None:
        """Somebody took a seat: from now on a missing side is missed."""
        if self._since.arrival is None:
            self._since.arrival = now

    def note_state(self, trigger: Trigger | None, now: float) -> None:
        """The visit moved."""
        self._since.state = now
        if self._course.state is not VisitState.CALLED:
            self._unanswered, self.has_accepted = None, False
        elif trigger is Trigger.RING or (self._course.view.has_rung and self._unanswered is None):
            self._unanswered = Ladder(UNANSWERED_STEPS, now)

    def is_of(self, side: frozenset[Role], seat: Seat) -> bool:
        """Tell whether a seat counts for a side; of the doctors only the one who claimed the visit."""
        practitioner = self._course.view.practitioner
        if seat.role is Role.DOCTOR and practitioner is not None and seat.id != practitioner.seat:
            return False
        return seat.role in side

    def presence(self, side: frozenset[Role]) -> Presence:
        """Return the best presence of a side."""
        found = {seat.presence for seat in self._seats if self.is_of(side, seat)}
        return next((p for p in (Presence.PRESENT, Presence.RECONNECTING) if p in found), Presence.AWAY)

    def lost_since(self, side: frozenset[Role]) -> float | None:
        """Return since when nobody of a side can be reached; None while someone can, or nobody waits for them."""
        seats = [seat for seat in self._seats if self.is_of(side, seat)]
        if any(seat.lost_at is None for seat in seats):
            return None
        if seats:
            return max(seat.lost_at for seat in seats if seat.lost_at is not None)
        return None if self._since.arrival is None else self._since.arrival + RESTART_GRACE_S

    # What is due

    def due(self, now: float) -> Proposal | None:
        """Return the change that the clocks or the attendance call for."""
        due = self._change()
        return due[1] if due is not None and now >= due[0] else None

    def handle_timer(self, now: float) -> list[e.Effect]:
        """Advance presence and ladders; return what is to be told."""
        for seat in self._seats:
            at = seat.give_up_at()
            if at is not None and now >= at and seat.move(PresenceTrigger.GIVE_UP):
                self._seats.is_changed = True
        return self._told_drops(now) + self._told_unanswered(now) + self._renewal(now)

    def next_deadline(self) -> float | None:
        """Return when handle_timer is due; None while nothing runs."""
        change = self._change()
        return earliest(
            *(seat.give_up_at() for seat in self._seats),
            *(ladder.next_at() for ladder in self._drops.values()),
            self._unanswered.next_at() if self._unanswered is not None else None,
            change[0] if change is not None and self._course.under_way is None else None,
            self._renewal_at(),
        )

    # Own

    def _change(self) -> tuple[float, Proposal] | None:
        """Return the next change by itself and when; a moment in the past is due now."""
        patient, practitioner = self.lost_since(PATIENT_SIDE), self.lost_since(PRACTITIONER_SIDE)
        match self._course.state:
            case VisitState.WAITING:
                lost = self._since.opened if patient is None and not self._is_seated(PATIENT_SIDE) else patient
                return None if lost is None else (lost + QUEUE_GRACE_S, Proposal(Trigger.GO_AWAY, cause="page-closed"))
            case VisitState.AWAY if patient is None and self._is_seated(PATIENT_SIDE):
                return self._since.state, Proposal(Trigger.COME_BACK, cause="page-open")
            case VisitState.CALLED:
                return self._called_change(practitioner)
            case VisitState.IN_CONSULT:
                lost = earliest(patient, practitioner)
                return None if lost is None else (lost + RECONNECTING_S, Proposal(Trigger.LOSE, cause="lost"))
            case VisitState.DROPPED if patient is None and practitioner is None and self._are_both_seated():
                return self._since.state, Proposal(Trigger.REJOIN, cause="rejoined")
        return None

    def _called_change(self, practitioner: float | None) -> tuple[float, Proposal] | None:
        if self._course.view.has_rung and self.has_accepted and self._are_both_here():
            return self._since.state, Proposal(Trigger.BOTH_PRESENT, cause="accepted")
        if not self._is_seated(PRACTITIONER_SIDE):
            return self._since.state + UNSEATED_CLAIM_S, Proposal(Trigger.RELEASE, cause="practitioner-lost")
        if practitioner is not None:
            return practitioner + CLAIM_GRACE_S, Proposal(Trigger.RELEASE, cause="practitioner-lost")
        return None

    def _is_seated(self, side: frozenset[Role]) -> bool:
        return any(self.is_of(side, seat) for seat in self._seats)

    def _are_both_seated(self) -> bool:
        return self._is_seated(PATIENT_SIDE) and self._is_seated(PRACTITIONER_SIDE)

    def _are_both_here(self) -> bool:
        sides = (PATIENT_SIDE, PRACTITIONER_SIDE)
        return self._are_both_seated() and all(self.lost_since(side) is None for side in sides)

    def follow_losses(self) -> None:
        """Start the ladder of a side that was lost, stop that of one that is back."""
        for side in (PATIENT_SIDE, PRACTITIONER_SIDE):
            lost = self.lost_since(side) if self._course.is_open else None
            if lost is None:
                self._drops.pop(side, None)
            elif side not in self._drops:
                self._drops[side] = Ladder(DROP_STEPS, lost)

    def _told_drops(self, now: float) -> list[e.Effect]:
        effects: list[e.Effect] = []
        for side, ladder in self._drops.items():
            name = next((seat.id for seat in self._seats if self.is_of(side, seat)), "")
            for step in ladder.due(now):
                drop = m.Drop(name, _SIDE_ROLE[side], step, round(now - ladder.since))
                effects += self._seats.tell_all(drop, [seat for seat in self._seats if not self.is_of(side, seat)])
        return effects

    def _told_unanswered(self, now: float) -> list[e.Effect]:
        if self._unanswered is None or self.has_accepted:
            return []
        seats = [seat for seat in self._seats if self.is_of(PRACTITIONER_SIDE, seat)]
        return [
            effect for step in self._unanswered.due(now) for effect in self._seats.tell_all(m.Unanswered(step), seats)
        ]

    def _renewal_at(self) -> float | None:
        holds = any(seat.is_connected and self.is_of(PRACTITIONER_SIDE, seat) for seat in self._seats)
        if self._course.state is not VisitState.CALLED or not holds:
            return None
        return self._since.state if self._since.renewed is None else self._since.renewed + LEASE_RENEWAL_S

    def _renewal(self, now: float) -> list[e.Effect]:
        at = self._renewal_at()
        if at is None or now < at:
            return []
        self._since.renewed = now
        return [e.RenewLease()]
