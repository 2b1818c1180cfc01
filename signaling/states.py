"""The life of a visit, of a person in it and of a media link: every state and every allowed change."""

import enum
from collections.abc import Mapping

from signaling.errors import WrongState


class VisitState(enum.Enum):
    """Life of one consultation. Drawn in signaling/README.md, which a test compares with TRANSITIONS."""

    REQUESTED = "requested"  # asked for, no slot
    BOOKED = "booked"  # time fixed
    CHECKED_IN = "checked_in"  # link open, identity and consent given
    INTAKE = "intake"  # answering the form
    TRIAGED = "triaged"  # rules ran, urgency set
    WAITING = "waiting"  # queued, page open
    AWAY = "away"  # queued, page closed; the place is kept
    CALLED = "called"  # claimed by a practitioner, who may ring
    IN_CONSULT = "in_consult"  # both sides present
    HELD = "held"  # the practitioner's hold
    DROPPED = "dropped"  # a side is lost, a clock runs
    TRANSFERRED = "transferred"  # ended; a linked visit goes on
    EMERGENCY = "emergency"  # open until handover
    WRAP_UP = "wrap_up"  # call over, note unsigned
    COMPLETED = "completed"  # signed
    LEFT_UNSEEN = "left_unseen"  # the patient left first
    NO_SHOW = "no_show"  # the patient never came
    SERVICE_CANCELLED = "service_cancelled"  # practitioner or system failed
    DISCONTINUED = "discontinued"  # begun, could not be finished
    ENTERED_IN_ERROR = "entered_in_error"  # wrong patient


class Trigger(enum.Enum):
    """What moves a visit from state to state."""

    BOOK = "book"
    CHECK_IN = "check_in"
    BEGIN_INTAKE = "begin_intake"
    TRIAGE = "triage"
    WAIT = "wait"
    GO_AWAY = "go_away"
    COME_BACK = "come_back"
    CLAIM = "claim"
    RELEASE = "release"
    RING = "ring"
    BOTH_PRESENT = "both_present"
    HOLD = "hold"
    RESUME = "resume"
    LOSE = "lose"
    REJOIN = "rejoin"
    TRANSFER = "transfer"
    ESCALATE = "escalate"
    END = "end"
    SIGN = "sign"
    LEAVE = "leave"
    NOT_COME = "not_come"
    CANCEL = "cancel"
    DISCONTINUE = "discontinue"
    VOID = "void"


_S, _T = VisitState, Trigger

# A visit that nobody has seen yet may be left, cancelled, or turn out not to have been kept.
_UNSEEN = {_T.LEAVE: _S.LEFT_UNSEEN, _T.NOT_COME: _S.NO_SHOW, _T.CANCEL: _S.SERVICE_CANCELLED}
_ESCALATES = {_T.ESCALATE: _S.EMERGENCY}
# A call that was begun ends by its practitioner only: a lost side is a state, never an exit.
_SEEN = {_T.END: _S.WRAP_UP, _T.DISCONTINUE: _S.DISCONTINUED}
_VOID = {_T.VOID: _S.ENTERED_IN_ERROR}

TRANSITIONS: Mapping[VisitState, Mapping[Trigger, VisitState]] = {
    _S.REQUESTED: {_T.BOOK: _S.BOOKED, _T.CHECK_IN: _S.CHECKED_IN, **_UNSEEN, **_VOID},
    _S.BOOKED: {_T.CHECK_IN: _S.CHECKED_IN, **_UNSEEN, **_VOID},
    _S.CHECKED_IN: {_T.BEGIN_INTAKE: _S.INTAKE, **_UNSEEN, **_ESCALATES, **_VOID},
    _S.INTAKE: {_T.TRIAGE: _S.TRIAGED, **_UNSEEN, **_ESCALATES, **_VOID},
    _S.TRIAGED: {_T.WAIT: _S.WAITING, _T.BEGIN_INTAKE: _S.INTAKE, **_UNSEEN, **_ESCALATES, **_VOID},
    _S.WAITING: {_T.GO_AWAY: _S.AWAY, _T.CLAIM: _S.CALLED, **_UNSEEN, **_ESCALATES, **_VOID},
    _S.AWAY: {_T.COME_BACK: _S.WAITING, _T.CLAIM: _S.CALLED, **_UNSEEN, **_ESCALATES, **_VOID},
    _S.CALLED: {
        _T.RING: _S.CALLED,
        _T.BOTH_PRESENT: _S.IN_CONSULT,
        _T.RELEASE: _S.WAITING,
        **_UNSEEN,
        **_ESCALATES,
        **_VOID,
    },
    _S.IN_CONSULT: {
        _T.HOLD: _S.HELD,
        _T.LOSE: _S.DROPPED,
        _T.TRANSFER: _S.TRANSFERRED,
        **_SEEN,
        **_ESCALATES,
        **_VOID,
    },
    _S.HELD: {_T.RESUME: _S.IN_CONSULT, _T.TRANSFER: _S.TRANSFERRED, **_SEEN, **_ESCALATES, **_VOID},
    _S.DROPPED: {
        _T.REJOIN: _S.IN_CONSULT,
        _T.RELEASE: _S.WAITING,  # queued again, at the front
        _T.TRANSFER: _S.TRANSFERRED,
        **_SEEN,
        **_ESCALATES,
        **_VOID,
    },
    # Whoever answers an emergency claims it without moving it back into the queue.
    _S.EMERGENCY: {_T.CLAIM: _S.EMERGENCY, _T.RING: _S.EMERGENCY, _T.RELEASE: _S.EMERGENCY, **_SEEN, **_VOID},
    _S.WRAP_UP: {_T.SIGN: _S.COMPLETED, _T.DISCONTINUE: _S.DISCONTINUED, **_VOID},
    _S.NO_SHOW: {_T.CHECK_IN: _S.CHECKED_IN, **_VOID},  # came late after all; reversible for 4 h
    _S.TRANSFERRED: _VOID,
    _S.COMPLETED: _VOID,
    _S.LEFT_UNSEEN: _VOID,
    _S.SERVICE_CANCELLED: _VOID,
    _S.DISCONTINUED: _VOID,
    _S.ENTERED_IN_ERROR: {},
}

QUEUED = frozenset({_S.WAITING, _S.AWAY})
# Media may flow here. In CALLED only the practitioner's side publishes, so that nobody hears the patient early.
OPEN = frozenset({_S.IN_CONSULT, _S.HELD, _S.DROPPED, _S.EMERGENCY})
# Nobody needs a socket any more.
OVER = frozenset(
    {_S.TRANSFERRED, _S.WRAP_UP, _S.COMPLETED, _S.LEFT_UNSEEN, _S.NO_SHOW, _S.SERVICE_CANCELLED}
    | {_S.DISCONTINUED, _S.ENTERED_IN_ERROR}
)


def next_state(state: VisitState, trigger: Trigger) -> VisitState:
    """
    Return where the trigger leads from this state.

    Raises:
        WrongState: the table has no such change.
    """
    target = TRANSITIONS[state].get(trigger)
    if target is None:
        raise WrongState(state.value, trigger.value)
    return target


def sources_of(trigger: Trigger) -> frozenset[VisitState]:
    """Return every state in which the trigger is allowed: the expectation of a compare-and-set."""
    return frozenset(state for state, row in TRANSITIONS.items() if trigger in row)


class Role(enum.Enum):
    """What a seat may do. It comes from the authenticated ticket, never from a message."""

    PATIENT = "patient"
    CAREGIVER = "caregiver"
    INTERPRETER = "interpreter"
    DOCTOR = "doctor"
    EXPERT = "expert"
    DEVICE = "device"


# A side is lost when none of its seats is present; an interpreter or a device never holds a call open.
PATIENT_SIDE = frozenset({Role.PATIENT, Role.CAREGIVER})
PRACTITIONER_SIDE = frozenset({Role.DOCTOR})


class Presence(enum.Enum):
    """Whether a seat's person is there. A lost connection is a state, never an exit."""

    PRESENT = "present"  # a socket or connected media
    RECONNECTING = "reconnecting"  # both lost less than 5 s ago
    AWAY = "away"  # lost for longer, left, or not yet come


class PresenceTrigger(enum.Enum):
    """What moves a person."""

    ARRIVE = "arrive"
    LOSE = "lose"
    GIVE_UP = "give_up"
    LEAVE = "leave"


PRESENCE_TRANSITIONS: Mapping[Presence, Mapping[PresenceTrigger, Presence]] = {
    Presence.AWAY: {PresenceTrigger.ARRIVE: Presence.PRESENT},
    Presence.PRESENT: {PresenceTrigger.LOSE: Presence.RECONNECTING, PresenceTrigger.LEAVE: Presence.AWAY},
    Presence.RECONNECTING: {
        PresenceTrigger.ARRIVE: Presence.PRESENT,
        PresenceTrigger.GIVE_UP: Presence.AWAY,
        PresenceTrigger.LEAVE: Presence.AWAY,
    },
}


class MediaLinkState(enum.Enum):
    """Life of one media link, as the relay tells it."""

    NEW = "new"  # asked of the relay, no answer yet
    CONNECTING = "connecting"  # described on both sides, ICE or DTLS under way
    CONNECTED = "connected"
    SHAKY = "shaky"  # no valid packet for a while, perhaps restarting
    LOST = "lost"
    CLOSED = "closed"


_L = MediaLinkState
LINK_TRANSITIONS: Mapping[MediaLinkState, frozenset[MediaLinkState]] = {
    _L.NEW: frozenset({_L.CONNECTING, _L.CONNECTED, _L.LOST, _L.CLOSED}),
    _L.CONNECTING: frozenset({_L.CONNECTED, _L.LOST, _L.CLOSED}),
    _L.CONNECTED: frozenset({_L.SHAKY, _L.LOST, _L.CLOSED, _L.CONNECTING}),
    _L.SHAKY: frozenset({_L.CONNECTED, _L.LOST, _L.CLOSED, _L.CONNECTING}),
    _L.LOST: frozenset({_L.CONNECTING, _L.CONNECTED, _L.CLOSED}),
    _L.CLOSED: frozenset(),
}
