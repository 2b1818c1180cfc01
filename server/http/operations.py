"""Every route of the JSON API once: what it takes, what it answers, which problems. The server checks bodies by it and
/openapi.json is written from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.http import schemas as s
from server.http.schemas import Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    status: int = 200
    answer: Schema | None = None  # None: no body, or not JSON
    body: Schema | None = None  # None: takes no body
    problems: tuple[str, ...] = ()  # beside those that every route may give
    takes_if_match: bool = False
    takes_idempotency_key: bool = False
    media_type: str = "application/json"


_STEP = ("wrong-state", "not-found")
_MINE = ("wrong-state", "not-found", "not-claimed")
_VERSIONED = ("stale-version", "if-match-required", "invalid-header")
_LINKS = ("link-unknown", "link-not-yet", "link-expired", "link-revoked", "link-used-elsewhere")

OPERATIONS = (
    Operation("POST", "/api/join", "Redeem a join link in this browser", body=s.JOIN, answer=s.JOINED, problems=_LINKS),
    Operation("GET", "/api/visit", "The visit as its patient or helper sees it", answer=s.VISIT),
    Operation("PUT", "/api/visit/language", "Choose the language", body=s.LANGUAGE,
              answer=s.opened({"lang": s.STRING})),
    Operation("PUT", "/api/visit/consents", "Answer the three consents", body=s.CONSENTS, problems=_STEP,
              answer=s.opened({"state": s.STRING, "consents": s.CONSENT_ANSWERS})),
    Operation("PUT", "/api/visit/place", "Say where the patient is and how to call back", body=s.PLACE,
              answer=s.opened({"place_given": s.BOOLEAN}), problems=(*_STEP, "consent-needed")),
    Operation("PUT", "/api/visit/intake", "Save answers; final makes the triage note", body=s.INTAKE,
              answer=s.opened({"state": s.STRING, "version": s.INTEGER, "emergency": s.EMERGENCY}),
              problems=(*_STEP, "consent-needed", "place-needed", "intake-invalid")),
    Operation("POST", "/api/visit/check", "Tell what the device test found", body=s.CHECK,
              answer=s.opened({"mode": s.STRING}), problems=_STEP),
    Operation("POST", "/api/visit/wait", "Enter the queue", body=s.EMPTY,
              answer=s.opened({"state": s.STRING, "queue": s.PLACE_IN_QUEUE}), problems=(*_STEP, "consent-needed")),
    Operation("POST", "/api/visit/leave", "Leave before being seen", body=s.EMPTY, answer=s.STATE, problems=_STEP),
    Operation("GET", "/api/visit/summary", "What the doctor found and advised", answer=s.SUMMARY,
              problems=("summary-not-ready",)),
    Operation("POST", "/api/visit/written", "What the page could not give to its socket", status=204, body=s.WRITTEN,
              problems=_STEP),
    Operation("POST", "/api/visits/{id}/written", "The same of the doctor's page", status=204, body=s.WRITTEN,
              problems=_STEP),
    Operation("POST", "/api/session", "Log in", body=s.LOGIN, answer=s.ACCOUNT, problems=("wrong-credentials",)),
    Operation("GET", "/api/session", "Who is logged in", answer=s.ACCOUNT),
    Operation("DELETE", "/api/session", "Log out", status=204, body=s.EMPTY),
    Operation("GET", "/api/queue", "Who waits, in the order to be seen in", answer=s.QUEUE),
    Operation("GET", "/api/queue/stream", "The same as server-sent events", media_type="text/event-stream",
              problems=("stream-limit",)),
    Operation("POST", "/api/visits", "Create a visit and its patient link", status=201, body=s.NEW_VISIT,
              answer=s.opened({"visit_id": s.UUID, "patient_id": s.UUID, "link": s.STRING}),
              problems=("idempotency-conflict", "invalid-header"), takes_idempotency_key=True),
    Operation("GET", "/api/visits/{id}", "Everything a doctor needs before and during the call", answer=s.CASE,
              problems=("not-found",)),
    Operation("POST", "/api/visits/{id}/links", "Make a link or a device token", status=201, body=s.NEW_LINK,
              answer=s.opened({"role": s.STRING}), problems=_STEP),
    Operation("DELETE", "/api/visits/{id}/links", "Revoke every link of the visit", status=204, body=s.EMPTY,
              problems=("not-found",)),
    Operation("GET", "/api/visits/{id}/recordings", "What was recorded of the visit",
              answer=s.opened({"recordings": s.array(s.OBJECT)}), problems=("not-found",)),
    Operation("GET", "/api/visits/{id}/recordings/{recording}/{part}", "One part of a recording; takes Range",
              media_type="video/webm", problems=("not-found",)),
    Operation("POST", "/api/visits/{id}/claim", "Take the patient", body=s.EMPTY,
              answer=s.opened({"state": s.STRING, "lease_until": s.nullable(s.TIME)}),
              problems=(*_STEP, "already-claimed")),
    Operation("POST", "/api/visits/{id}/release", "Put the patient back, same place", body=s.EMPTY, answer=s.STATE,
              problems=_MINE),
    Operation("POST", "/api/visits/{id}/escalate", "Declare an emergency", body=s.EMPTY, answer=s.STATE,
              problems=_STEP),
    Operation("POST", "/api/visits/{id}/end", "End the call", body=s.EMPTY, answer=s.STATE, problems=_MINE),
    Operation("POST", "/api/visits/{id}/void", "Entered in error", body=s.VOID, answer=s.STATE,
              problems=_STEP),
    Operation("PUT", "/api/visits/{id}/note", "Save the doctor's note", body=s.NOTE,
              answer=s.opened({"version": s.INTEGER}),
              problems=(*_MINE, *_VERSIONED, "already-signed"),
              takes_if_match=True),
    Operation("POST", "/api/visits/{id}/sign", "Sign the note", body=s.EMPTY, takes_if_match=True,
              answer=s.opened({"signed_at": s.TIME, "state": s.STRING}),
              problems=(*_MINE, *_VERSIONED, "already-signed", "note-needed")),
    Operation("POST", "/api/visits/{id}/triage-decision", "Accept, override or reject the triage note", status=201,
              body=s.DECISION, answer=s.opened({"number": s.INTEGER, "level": s.nullable(s.STRING)}),
              problems=("not-found", "reason-required", "triage-needed")),
    Operation("POST", "/api/visits/{id}/break-glass", "Read a case that is not in one's care; flagged", body=s.REASON,
              answer=s.CASE, problems=("not-found",)),
    Operation("GET", "/api/break-glass", "Who broke the glass: to review, and judged", answer=s.BREAKAGES),
    Operation("POST", "/api/break-glass/{id}/review", "Judge one", status=204, body=s.VERDICT,
              problems=("not-found", "reason-required", "key-destroyed")),
    Operation("POST", "/api/patients/find", "Patients by number or name, masked", body=s.FIND,
              answer=s.opened({"patients": s.array(s.MASKED)})),
    Operation("GET", "/api/patients/{id}", "A patient's file from outside", answer=s.FILE, problems=("not-found",)),
    Operation("GET", "/api/patients/{id}/accesses", "Who looked at the record, newest first", answer=s.ACCESSES),
    Operation("GET", "/api/safeguards", "State of audit chain, keys and backups",
              answer=s.opened({"audit": s.OBJECT, "keys": s.array(s.OBJECT)})),
    Operation("POST", "/api/safeguards/audit-check", "Begin to verify the audit chain", status=202, body=s.EMPTY),
    Operation("GET", "/api/patients/{id}/holds", "Legal holds that are on", answer=s.HOLDS, problems=("not-found",)),
    Operation("POST", "/api/patients/{id}/holds", "Put a legal hold on", status=201, body=s.REASON,
              answer=s.opened({"id": s.UUID}), problems=("not-found", "key-destroyed")),
    Operation("DELETE", "/api/holds/{id}", "Lift a legal hold", status=204, body=s.EMPTY, problems=("not-found",)),
    Operation("POST", "/api/patients/{id}/erasure", "Erase a patient by destroying their keys", body=s.ERASURE,
              answer=s.RECEIPT,
              problems=("not-found", "legal-hold", "retention-not-over", "basis-not-available", "key-destroyed")),
    Operation("GET", "/api/patients/{id}/erasure", "The receipt of an erasure", answer=s.RECEIPT,
              problems=("not-found",)),
    Operation("GET", "/api/triage/feedback", "How often doctors agreed with the triage note",
              answer=s.opened({"decisions": s.OBJECT})),
    Operation("POST", "/api/tickets", "A single-use ticket for the WebSocket", status=201, body=s.TICKET,
              answer=s.opened({"ticket": s.STRING, "expires_s": s.INTEGER}), problems=("not-found",)),
    Operation("GET", "/api/config", "What the pages need to know", answer=s.opened({"emergency_number": s.STRING})),
    Operation("GET", "/api/ice", "STUN and TURN servers with credentials of this moment",
              answer=s.opened({"ice_servers": s.array(s.OBJECT), "ttl_s": s.INTEGER})),
    Operation("POST", "/api/line-tests", "Test the line: a relay sends back what it gets", status=201,
              body=s.LINE_TEST, problems=("bad-sdp", "line-test-busy"),
              answer=s.opened({"id": s.UUID, "up": s.STRING, "down": s.STRING, "ends_in_s": s.INTEGER})),
    Operation("DELETE", "/api/line-tests/{id}", "End a test of the line", status=204, body=s.EMPTY,
              problems=("not-found",)),
    Operation("GET", "/openapi.json", "This description"),
)  # fmt: skip

BY_ROUTE: Mapping[tuple[str, str], Operation] = {(row.method, row.path): row for row in OPERATIONS}
