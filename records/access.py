"""
Who may do what to which object: one pure decision over one table. What the table does not permit is denied.

The table is drawn in records/README.md "Access", which a test compares.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from records.actors import Actor, ActorKind, Purpose


class Action(enum.Enum):
    """What is done to an object."""

    READ = "read"
    WRITE = "write"  # create, change, decide, sign
    ERASE = "erase"


class Object(enum.Enum):
    """The kinds of object that the policy tells apart."""

    QUEUE = "queue"  # who waits, with name, age, sex and level; also claiming from it
    PATIENT = "patient"
    VISIT = "visit"
    PLACE = "place"
    CONSENT = "consent"
    INTAKE = "intake"
    TRIAGE_NOTE = "triage_note"
    TRIAGE_DECISION = "triage_decision"
    NOTE = "note"
    CHAT = "chat"
    READING = "reading"  # vital signs told in the call
    LINK = "link"
    ACCOUNT = "account"
    CLIENT = "client"
    AUDIT = "audit"
    RESOURCE = "resource"  # FHIR resources; scopes narrow it further (records/fhir)
    SETTING = "setting"
    KEY = "key"
    RECORDING = "recording"  # a consultation's sound and picture


class Condition(enum.Enum):
    """What must hold besides the table's row."""

    NONE = "none"
    OWN_VISIT = "own visit"  # the visit that the actor's link or ticket is for
    IN_CARE = "in care"  # the visit is unclaimed or claimed by this practitioner, or a visit of theirs before
    TREATING = "treating"  # the visit is claimed by this practitioner


class Grade(enum.IntEnum):
    """How exactly a place may be seen."""

    NONE = 0
    CITY = 1
    DISTRICT = 2
    EXACT = 3


@dataclass(frozen=True, slots=True)
class Context:
    """What the store knows about the object when it asks."""

    own_visit: bool = False
    in_care: bool = False
    treating: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `reason` names the missing condition, for the audit entry."""

    permit: bool
    reason: str
    broke_glass: bool = False


_A = Action
_O = Object
_C = Condition

# (who, object) -> action -> condition
POLICY: Mapping[ActorKind, Mapping[Object, Mapping[Action, Condition]]] = {
    ActorKind.PATIENT: {
        _O.PATIENT: {_A.READ: _C.OWN_VISIT},
        _O.VISIT: {_A.READ: _C.OWN_VISIT, _A.WRITE: _C.OWN_VISIT},
        _O.PLACE: {_A.READ: _C.OWN_VISIT, _A.WRITE: _C.OWN_VISIT},
        _O.CONSENT: {_A.READ: _C.OWN_VISIT, _A.WRITE: _C.OWN_VISIT},
        _O.INTAKE: {_A.READ: _C.OWN_VISIT, _A.WRITE: _C.OWN_VISIT},
        _O.NOTE: {_A.READ: _C.OWN_VISIT},
        _O.CHAT: {_A.READ: _C.OWN_VISIT, _A.WRITE: _C.OWN_VISIT},
        _O.READING: {_A.READ: _C.OWN_VISIT, _A.WRITE: _C.OWN_VISIT},
    },
    ActorKind.PRACTITIONER: {
        _O.QUEUE: {_A.READ: _C.NONE, _A.WRITE: _C.NONE},
        _O.PATIENT: {_A.READ: _C.IN_CARE, _A.WRITE: _C.NONE},
        _O.VISIT: {_A.READ: _C.IN_CARE, _A.WRITE: _C.IN_CARE},
        _O.PLACE: {_A.READ: _C.IN_CARE, _A.WRITE: _C.TREATING},
        _O.CONSENT: {_A.READ: _C.IN_CARE},
        _O.INTAKE: {_A.READ: _C.IN_CARE},
        _O.TRIAGE_NOTE: {_A.READ: _C.IN_CARE},
        _O.TRIAGE_DECISION: {_A.READ: _C.IN_CARE, _A.WRITE: _C.TREATING},
        _O.NOTE: {_A.READ: _C.IN_CARE, _A.WRITE: _C.TREATING},
        _O.CHAT: {_A.READ: _C.IN_CARE, _A.WRITE: _C.IN_CARE},
        _O.READING: {_A.READ: _C.IN_CARE, _A.WRITE: _C.IN_CARE},
        _O.RECORDING: {_A.READ: _C.TREATING, _A.WRITE: _C.TREATING},
        _O.LINK: {_A.READ: _C.NONE, _A.WRITE: _C.NONE},
        _O.AUDIT: {_A.READ: _C.IN_CARE},
        _O.RESOURCE: {_A.READ: _C.IN_CARE},
    },
    ActorKind.SYSTEM: {
        each: {_A.READ: _C.NONE, _A.WRITE: _C.NONE, _A.ERASE: _C.NONE} for each in Object
    },
    ActorKind.DEVICE: {_O.VISIT: {_A.READ: _C.OWN_VISIT}},
    ActorKind.SERVICE: {
        _O.PATIENT: {_A.READ: _C.NONE},
        _O.AUDIT: {_A.READ: _C.NONE},
        _O.RESOURCE: {_A.READ: _C.NONE, _A.WRITE: _C.NONE, _A.ERASE: _C.NONE},
    },
}

# Breaking the glass opens reading only, for staff only, with a reason; the entry is flagged (security.md §7).
BREAK_GLASS_ACTIONS = frozenset({Action.READ})


def needs_relation(subject: Actor, action: Action, object_: Object) -> bool:
    """Say whether the decision depends on the context at all; if not, the store need not ask for it."""
    return POLICY.get(subject.kind, {}).get(object_, {}).get(action) not in (None, Condition.NONE)


def decide(subject: Actor, action: Action, object_: Object, context: Context) -> Decision:
    """Say whether the subject may do this. Deny by default; never raises."""
    condition = POLICY.get(subject.kind, {}).get(object_, {}).get(action)
    if condition is None:
        return Decision(False, f"{subject.kind.value} may not {action.value} {object_.value}")
    if _holds(condition, context):
        return Decision(True, condition.value)
    if _breaks_glass(subject, action):
        return Decision(True, "break glass", broke_glass=True)
    return Decision(False, f"not {condition.value}")


def _holds(condition: Condition, context: Context) -> bool:
    match condition:
        case Condition.NONE:
            return True
        case Condition.OWN_VISIT:
            return context.own_visit
        case Condition.IN_CARE:
            return context.in_care
        case Condition.TREATING:
            return context.treating


def _breaks_glass(subject: Actor, action: Action) -> bool:
    return (
        subject.kind is ActorKind.PRACTITIONER
        and subject.purpose is Purpose.BTG
        and bool(subject.reason)
        and action in BREAK_GLASS_ACTIONS
    )


# Who sees a place how exactly. A purpose that is not listed sees nothing.
PLACE_GRADES: Mapping[tuple[ActorKind, Purpose], Grade] = {
    (ActorKind.PATIENT, Purpose.PATRQT): Grade.EXACT,
    (ActorKind.PATIENT, Purpose.TREAT): Grade.EXACT,
    (ActorKind.PRACTITIONER, Purpose.TREAT): Grade.EXACT,
    (ActorKind.PRACTITIONER, Purpose.ETREAT): Grade.EXACT,
    (ActorKind.PRACTITIONER, Purpose.BTG): Grade.EXACT,
    (ActorKind.PRACTITIONER, Purpose.OPERAT): Grade.DISTRICT,
    (ActorKind.SYSTEM, Purpose.ETREAT): Grade.EXACT,
    (ActorKind.SYSTEM, Purpose.TREAT): Grade.EXACT,
    (ActorKind.SYSTEM, Purpose.OPERAT): Grade.DISTRICT,
    (ActorKind.SERVICE, Purpose.TREAT): Grade.EXACT,
    (ActorKind.SERVICE, Purpose.OPERAT): Grade.CITY,
    (ActorKind.SERVICE, Purpose.HRESCH): Grade.CITY,
}


def place_grade(subject: Actor) -> Grade:
    """Return how exactly the subject may see where a patient is."""
    return PLACE_GRADES.get((subject.kind, subject.purpose), Grade.NONE)
