"""Shapes of request and answer bodies (JSON Schema 2020-12): the same values check requests and fill /openapi.json."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

# A name with every title and honorific fits in 200; an address or a doctor's sentence in 1,000; a note section in
# 20,000.
SHORT, LONG, PROSE = 200, 1_000, 20_000
LANGUAGES = ("en", "zh")
LEVELS = ("emergency", "urgent", "semi-urgent", "routine", "self-care")
LINK_ROLES = ("patient", "caregiver", "interpreter", "expert")
SEXES = ("female", "male", "other", "unknown")
MODES = ("video", "audio", "phone", "text")


def text(longest: int, shortest: int = 0) -> Schema:
    """A string of so many characters."""
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def one_of(*values: str) -> Schema:
    """A string out of a list."""
    return {"type": "string", "enum": list(values)}


def nullable(schema: Schema) -> Schema:
    """The schema or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema, most: int | None = None) -> Schema:
    """A list, of at most so many."""
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


def closed(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these members and no other (no mass assignment, security.md §13, 3)."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object", "properties": properties, "required": list(required), "additionalProperties": False,
    }  # fmt: skip


def opened(required: Schema, optional: Schema | None = None) -> Schema:
    """An answer: these members, and more in later versions."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


BOOLEAN: Schema = {"type": "boolean"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
# A vital sign in any unit that people use; records.triage judges whether it is plausible.
MEASURE: Schema = {"type": "number", "minimum": 0, "maximum": 1_000}
STRING: Schema = {"type": "string"}
OBJECT: Schema = {"type": "object"}
UUID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
# Python's and PostgreSQL's calendars agree from year 1; nobody alive was born before 1850.
DATE: Schema = {
    "type": "string",
    "pattern": r"^(18[5-9][0-9]|19[0-9][0-9]|20[0-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
}
INSTANT: Schema = {"type": "string", "format": "date-time", "pattern": r"^20[0-9]{2}-", "maxLength": 40}
# base64url of 32 random bytes is 43 characters; longer than any token of ours is not looked up.
TOKEN = {"type": "string", "minLength": 1, "maxLength": 128}

EMPTY = closed({})

JOIN = closed({"token": TOKEN})
LANGUAGE = closed({"lang": one_of(*LANGUAGES)})
CONSENTS = closed({"consultation": BOOLEAN, "ai": BOOLEAN, "recording": BOOLEAN, "text_version": text(64, 1)})
PLACE = closed({"place": text(LONG, 1), "callback": text(64, 1)}, {"emergency_contact": text(SHORT)})
_FIGURE: Schema = {"type": "number", "minimum": 0, "maximum": 1e9}
# static/media/line_verdict.js finds these; the doctor sees them before joining.
LINE_VERDICTS = ("video", "small_video", "sound", "weak", "none", "untested")
LINE = closed(
    {"verdict": one_of(*LINE_VERDICTS), "ways": array(one_of("udp", "tcp", "turn"), 3)},
    {name: nullable(_FIGURE) for name in
     ("up_bps", "down_bps", "rtt_ms", "jitter_ms", "up_loss_percent", "down_loss_percent")},
)  # fmt: skip
CHECK = closed(
    {"camera": BOOLEAN, "microphone": BOOLEAN, "speaker": BOOLEAN},
    {"network": {**OBJECT, "maxProperties": 20}, "line": nullable(LINE)},
)
# A session description has 32 KiB at most (signaling/README.md "Devices").
LINE_TEST = closed({"up": text(32_768, 1), "down": text(32_768, 1)})

_WORDS = nullable(array(text(500), 100))
_VITALS = closed(
    {},
    {
        **{name: nullable(MEASURE) for name in ("temperature_c", "heart_rate", "respiratory_rate", "spo2")},
        **{name: nullable(MEASURE) for name in ("systolic_bp", "diastolic_bp")},
        "consciousness": nullable(one_of("A", "C", "V", "P", "U")),
    },
)
INTAKE_FIELDS = closed(
    {},
    {
        "complaint": text(PROSE),
        "age": nullable({"type": "number", "minimum": 0, "maximum": 130}),
        "age_months": nullable({"type": "number", "minimum": 0, "maximum": 1560}),
        "sex": nullable(one_of(*SEXES)),
        "pregnant": nullable(BOOLEAN),
        "conditions": _WORDS,
        "medications": _WORDS,
        "allergies": _WORDS,
        "vitals": nullable(_VITALS),
    },
)
INTAKE = closed({"intake": INTAKE_FIELDS, "final": BOOLEAN})

LOGIN = closed({"email": text(254, 3), "password": text(1_024, 1)})
NEW_PATIENT = closed(
    {"name": text(SHORT, 1)},
    {
        "birth_date": nullable(DATE),
        "sex": nullable(one_of(*SEXES)),
        "phone": nullable(text(64)),
        "identity_number": nullable(text(64)),
        "address": nullable(text(LONG)),
    },
)
NEW_VISIT = closed(
    {"patient": NEW_PATIENT, "lang": one_of(*LANGUAGES)},
    {"reason": nullable(text(LONG)), "scheduled_at": nullable(INSTANT)},
)
NEW_LINK: Schema = {
    "type": "object",
    "required": ["role"],
    "oneOf": [
        closed({"role": one_of(*LINK_ROLES)}),
        closed({"role": one_of("device"), "kind": one_of("whip", "whep")}),
    ],
}
# A code, never free text: it stands in the visit's history in the clear.
VOID_REASONS = ("wrong-patient", "duplicate", "test", "other")
VOID = closed({"reason": one_of(*VOID_REASONS)})
NOTE = closed(
    {name: text(PROSE) for name in ("reason", "findings", "assessment", "plan", "safety_net")}
    | {"mode": one_of(*MODES)}
)
DECISION = closed(
    {"action": one_of("accept", "override", "reject")},
    {"level": nullable(one_of(*LEVELS)), "line": nullable(text(SHORT)), "reason": nullable(text(LONG))},
)
# As on the socket (signaling/README.md "Chat"): 4,000 characters, keys of 64; a page keeps 64 entries at most.
_KEY = text(64, 1)
WRITTEN = closed(
    {
        "entries": array(
            {
                "type": "object",
                "required": ["type"],
                "oneOf": [
                    closed({"type": one_of("chat"), "key": _KEY, "text": {**text(4_000, 1), "pattern": r"\S"}}),
                    closed({"type": one_of("vitals"), "key": _KEY,
                            "values": {"type": "object", "minProperties": 1, "maxProperties": 7}}),
                ],
            },
            64,
        )
    }
)  # fmt: skip
REASON = closed({"reason": text(500, 1)})
VERDICT = closed({"verdict": one_of("justified", "unjustified")}, {"note": nullable(text(500))})
# A name of one letter is a name in Chinese; of a number four digits are enough.
FIND = closed({"by": one_of("phone", "identifier", "name"), "value": text(SHORT, 1)})
BASES = ("retention over", "GDPR Art. 17")
ERASURE = closed({"basis": one_of(*BASES)})
TICKET = closed({}, {"visit_id": nullable(UUID)})

# --- answers ----------------------------------------------------------------------------------------------------------

EMERGENCY = nullable(opened({"number": STRING, "text": STRING, "rules": array(STRING)}))
PLACE_IN_QUEUE = nullable(opened({"position": INTEGER, "ahead": INTEGER, "wait_min": array(NUMBER, 2)}))
CONSENT_ANSWERS = nullable(opened({"consultation": BOOLEAN, "ai": BOOLEAN, "recording": BOOLEAN}))
PRACTITIONER = opened({"display": STRING, "registration_number": nullable(STRING)})
STATE = opened({"state": STRING})
JOINED = opened({"visit_id": UUID, "role": STRING})
VISIT = opened(
    {
        "id": UUID, "role": STRING, "state": STRING, "next": STRING, "lang": STRING, "patient": OBJECT,
        "consents": CONSENT_ANSWERS, "consent_text_version": STRING, "place_given": BOOLEAN, "intake": nullable(OBJECT),
        "intake_final": BOOLEAN, "queue": PLACE_IN_QUEUE, "practitioner": nullable(PRACTITIONER),
        "emergency": EMERGENCY, "mode": STRING, "has_summary": BOOLEAN,
    }
)  # fmt: skip
SUMMARY = opened(
    {
        "visit_id": UUID, "lang": STRING, "seen_at": nullable(TIME), "signed_at": TIME, "practitioner": PRACTITIONER,
        "patient": OBJECT, "mode": STRING, "reason": STRING, "assessment": STRING, "plan": STRING, "safety_net": STRING,
        "emergency_number": STRING, "texts": OBJECT,
    }
)  # fmt: skip
ACCOUNT = opened({"id": UUID, "display": STRING, "role": STRING, "registration_number": nullable(STRING)})
ROW = opened(
    {
        "visit_id": UUID, "level": nullable(STRING), "flags": array(STRING), "display": STRING, "age": nullable(NUMBER),
        "sex": nullable(STRING), "lang": STRING, "state": STRING, "waited_s": INTEGER,
        "promised_min": nullable(array(NUMBER, 2)),
        "mine": BOOLEAN, "claimed_by": nullable(STRING), "presence": STRING, "mode": STRING, "triage": STRING,
    }
)  # fmt: skip
QUEUE = opened({"rows": array(ROW), "counts": OBJECT, "at": TIME})
CASE = opened(
    {
        "visit": OBJECT, "patient": OBJECT, "place": nullable(OBJECT), "consents": CONSENT_ANSWERS,
        "intake": nullable(OBJECT), "triage": OBJECT, "vitals": OBJECT, "chat": array(OBJECT),
        "readings": array(OBJECT), "note": OBJECT,
        "history": array(OBJECT),
    }
)  # fmt: skip
MASKED = opened({"id": UUID, "display": nullable(STRING), "birth_year": nullable(STRING)})
_BREAKAGE: Schema = {
    "id": UUID, "patient_id": UUID, "patient": MASKED, "actor_id": STRING, "actor": nullable(STRING), "at": TIME,
    "due_at": TIME, "reason": nullable(STRING), "overdue": BOOLEAN, "objects": array(STRING),
}  # fmt: skip
_JUDGED: Schema = {"verdict": nullable(STRING), "note": nullable(STRING), "reviewed_at": TIME}
BREAKAGES = opened({"rows": array(opened(_BREAKAGE)), "reviewed": array(opened({**_BREAKAGE, **_JUDGED}))})
HOLDS = opened(
    {"holds": array(opened({"id": UUID, "placed_by": STRING, "placed_at": TIME, "reason": nullable(STRING)}))}
)
FILE = opened(
    {"id": UUID, "display": nullable(STRING), "erased_at": nullable(TIME), "term_ends": nullable(STRING),
     "holds": array(OBJECT), "consents": array(OBJECT), "destroys": OBJECT, "bases": array(OBJECT)}
)  # fmt: skip
ACCESSES = opened({"rows": array(OBJECT), "next": nullable(INTEGER)})
RECEIPT = opened({"receipt": OBJECT, "message": STRING, "signature_holds": BOOLEAN})
PROBLEM = opened({"type": STRING, "title": STRING, "status": INTEGER, "detail": STRING, "code": STRING})
