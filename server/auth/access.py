"""Who may call which route: the one table. A route without a row is denied; a test walks every route of the app."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from server.auth.principals import LinkHolder, LinkRole, Principal, Staff, StaffRole


class Gate(enum.Enum):
    """How a route knows its caller."""

    OPEN = "open"  # anyone; holds nothing personal
    LINK = "link"  # the visit cookie of a redeemed join link
    STAFF = "staff"  # the session cookie of a login
    EITHER = "either"  # staff when a visit is named, else the link
    TOKEN = "token"  # no cookie: the route checks its own Bearer token, ticket or assertion


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may pass."""

    gate: Gate
    link_roles: frozenset[LinkRole] = frozenset()
    staff_roles: frozenset[StaffRole] = frozenset()


_SPEAKERS = frozenset({LinkRole.PATIENT, LinkRole.CAREGIVER})
_ALL_LINKS = frozenset(LinkRole)
_CLINIC = frozenset({StaffRole.DOCTOR, StaffRole.DESK})

OPEN = Rule(Gate.OPEN)
TOKEN = Rule(Gate.TOKEN)
SPEAKER = Rule(Gate.LINK, _SPEAKERS)
PRESENT = Rule(Gate.LINK, _ALL_LINKS)
DOCTOR = Rule(Gate.STAFF, staff_roles=frozenset({StaffRole.DOCTOR}))
CLERK = Rule(Gate.STAFF, staff_roles=_CLINIC)
MEMBER = Rule(Gate.STAFF, staff_roles=frozenset(StaffRole))
OFFICER = Rule(Gate.STAFF, staff_roles=frozenset({StaffRole.PRIVACY}))
SEATED = Rule(Gate.EITHER, _ALL_LINKS, frozenset({StaffRole.DOCTOR}))

ACCESS: Mapping[tuple[str, str], Rule] = {
    ("GET", "/"): OPEN,
    ("GET", "/visit"): OPEN,
    ("GET", "/console"): OPEN,
    ("GET", "/privacy"): OPEN,
    ("GET", "/static/{path}"): OPEN,
    ("GET", "/favicon.ico"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/api/config"): OPEN,
    ("GET", "/livez"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("POST", "/api/join"): OPEN,
    ("GET", "/api/visit"): PRESENT,
    ("PUT", "/api/visit/language"): SPEAKER,
    ("PUT", "/api/visit/consents"): SPEAKER,
    ("PUT", "/api/visit/place"): SPEAKER,
    ("PUT", "/api/visit/intake"): SPEAKER,
    ("POST", "/api/visit/check"): SPEAKER,
    ("POST", "/api/visit/wait"): SPEAKER,
    ("POST", "/api/visit/leave"): SPEAKER,
    ("GET", "/api/visit/summary"): SPEAKER,
    ("POST", "/api/visit/written"): PRESENT,
    ("POST", "/api/session"): OPEN,
    ("GET", "/api/session"): MEMBER,
    ("DELETE", "/api/session"): MEMBER,
    ("GET", "/api/queue"): CLERK,
    ("GET", "/api/queue/stream"): CLERK,
    ("POST", "/api/visits"): CLERK,
    ("POST", "/api/visits/{id}/links"): CLERK,
    ("DELETE", "/api/visits/{id}/links"): CLERK,
    ("GET", "/api/visits/{id}"): DOCTOR,
    ("GET", "/api/visits/{id}/recordings"): DOCTOR,
    ("GET", "/api/visits/{id}/recordings/{recording}/{part}"): DOCTOR,
    ("POST", "/api/visits/{id}/claim"): DOCTOR,
    ("POST", "/api/visits/{id}/release"): DOCTOR,
    ("POST", "/api/visits/{id}/escalate"): DOCTOR,
    ("POST", "/api/visits/{id}/end"): DOCTOR,
    ("POST", "/api/visits/{id}/void"): DOCTOR,
    ("PUT", "/api/visits/{id}/note"): DOCTOR,
    ("POST", "/api/visits/{id}/sign"): DOCTOR,
    ("POST", "/api/visits/{id}/triage-decision"): DOCTOR,
    ("POST", "/api/visits/{id}/written"): DOCTOR,
    ("POST", "/api/visits/{id}/break-glass"): DOCTOR,
    ("GET", "/api/break-glass"): OFFICER,
    ("POST", "/api/break-glass/{id}/review"): OFFICER,
    ("POST", "/api/patients/find"): OFFICER,
    ("GET", "/api/patients/{id}"): OFFICER,
    ("GET", "/api/patients/{id}/accesses"): OFFICER,
    ("GET", "/api/safeguards"): OFFICER,
    ("POST", "/api/safeguards/audit-check"): OFFICER,
    ("GET", "/api/patients/{id}/holds"): OFFICER,
    ("POST", "/api/patients/{id}/holds"): OFFICER,
    ("DELETE", "/api/holds/{id}"): OFFICER,
    ("POST", "/api/patients/{id}/erasure"): OFFICER,
    ("GET", "/api/patients/{id}/erasure"): OFFICER,
    ("GET", "/api/triage/feedback"): DOCTOR,
    ("POST", "/api/tickets"): SEATED,
    ("GET", "/api/ice"): SEATED,
    ("POST", "/api/line-tests"): SEATED,
    ("DELETE", "/api/line-tests/{id}"): SEATED,
    ("GET", "/api/ws"): TOKEN,  # one-use ticket in the first message
}

# Rooms with their own credentials: SMART tokens, device tokens. Their own tests cover them route by route.
TOKEN_ROUTES = ("/fhir", "/whip/", "/whep/", "/auth/")


def rule_for(method: str, path: str) -> Rule | None:
    """Return the rule of a route (`path` as registered), or None: denied."""
    rule = ACCESS.get(("GET" if method == "HEAD" else method, path))
    if rule is None and path.startswith(TOKEN_ROUTES):
        return TOKEN
    return rule


def is_allowed(rule: Rule, principal: Principal) -> bool:
    """Say whether an authenticated principal may pass; row-level decisions follow in records.access."""
    match principal:
        case LinkHolder(role=role):
            return role in rule.link_roles
        case Staff(role=role):
            return role in rule.staff_roles
