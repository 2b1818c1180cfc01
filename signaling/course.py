"""The course of a visit through its states: one change at a time, announced when it is stored."""

from dataclasses import dataclass, replace

from signaling import effects as e
from signaling.errors import TryAgain
from signaling.inputs import VisitView
from signaling.states import OPEN, OVER, QUEUED, Role, Trigger, VisitState, next_state

# These would look finished without being so if web died before they are stored: refused while the database is away.
MUST_BE_STORED = frozenset({Trigger.END, Trigger.LEAVE})
# Who may send and receive before the patient is admitted: nobody can hear the patient early this way.
_EARLY = frozenset({Role.DOCTOR, Role.EXPERT, Role.INTERPRETER})

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who wants the visit to move, and where to answer."""

    trigger: Trigger
    actor: str = SYSTEM
    """Seat id, or system."""
    cause: str = "command"
    re: str | None = None
    seq: int = 0


class Course:
    """The visit's state as announced, and the change that is under way."""

    def __init__(self, view: VisitView) -> None:
        self.view = view
        self.under_way: Proposal | None = None

    @property
    def state(self) -> VisitState:
        """The announced state."""
        return self.view.state

    @property
    def is_open(self) -> bool:
        """Media may flow."""
        return self.state in OPEN

    @property
    def is_over(self) -> bool:
        """Nobody needs a socket any more."""
        return self.state in OVER

    @property
    def is_queued(self) -> bool:
        """The patient has a place."""
        return self.state in QUEUED

    def admits(self, role: Role) -> bool:
        """Tell whether a seat with this role may publish and subscribe now."""
        return self.is_open or (self.state is VisitState.CALLED and role in _EARLY)

    def propose(self, proposal: Proposal) -> list[e.Effect]:
        """
        Begin a change.

        Raises:
            WrongState: the table does not have it.
            TryAgain: another change is under way.
        """
        after = next_state(self.state, proposal.trigger)
        if self.under_way is not None:
            raise TryAgain("another change is under way")
        self.under_way = proposal
        may_wait = proposal.trigger not in MUST_BE_STORED
        return [e.Transition(proposal.trigger, self.state, after, proposal.actor, proposal.cause, may_wait)]

    def settle(self, view: VisitView) -> Proposal | None:
        """Take what the store says now; return the change that it confirms, if it was ours."""
        done, self.under_way = self.under_way, None
        self.view = view
        return done

    def settle_unstored(self, trigger: Trigger) -> Proposal | None:
        """Go on with a change that is stored later."""
        done = self.under_way
        if done is None or done.trigger is not trigger:
            return None
        has_rung = trigger is Trigger.RING or (self.view.has_rung and trigger is not Trigger.RELEASE)
        state = next_state(self.state, trigger)
        practitioner = None if trigger is Trigger.RELEASE else self.view.practitioner
        return self.settle(replace(self.view, state=state, has_rung=has_rung, practitioner=practitioner))

    def give_up(self) -> Proposal | None:
        """Forget the change under way; return it."""
        done, self.under_way = self.under_way, None
        return done
