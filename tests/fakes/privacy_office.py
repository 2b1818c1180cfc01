"""The privacy officer's part of the fake server: server/http/README.md "Privacy officer"."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

OFFICER = {"id": "o1", "display": "Ming Zhou", "role": "privacy", "registration_number": None}
PATIENT_ID = "5f2a91c3-1b2c-4d5e-8f90-0a1b2c3d4e5f"
MASKED = {"id": PATIENT_ID, "display": "T** B**", "birth_year": "1969"}
NOT_FOUND = {"type": "about:blank", "title": "not-found", "status": 404, "detail": "", "code": "not-found"}
Answer = tuple[int, Any]


def breakage(number: int, *, hours_ago: int, **changes: Any) -> dict[str, Any]:
    """One access that waits for review."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    row = {
        "id": f"00000000-0000-4000-8000-00000000000{number}", "patient_id": PATIENT_ID, "patient": MASKED,
        "actor_id": "d2", "actor": "Dr Ada Okafor", "request_id": "r", "at": at.isoformat(),
        "due_at": (at + timedelta(hours=72)).isoformat(), "reason": "Unconscious in the ward, allergies needed",
        "overdue": hours_ago > 72, "objects": ["intake", "patient", "triage_note", "visit"],
    }  # fmt: skip
    return {**row, **changes}


def look(number: int, **changes: Any) -> dict[str, Any]:
    """One line of the trail."""
    row = {
        "at": f"2026-11-22T10:{number:02d}:00+00:00", "since": f"2026-11-22T10:{number:02d}:00+00:00", "times": 1,
        "actor_id": "d1", "actor": "Dr Lin Wei", "actor_kind": "practitioner", "purpose": "TREAT",
        "what": [{"object": "patient", "actions": ["R"]}, {"object": "note", "actions": ["R", "U"]}],
        "refused": False, "broke_glass": False,
    }  # fmt: skip
    return {**row, **changes}


def trail() -> list[dict[str, Any]]:
    """Every kind of line."""
    system = {"actor": None, "actor_id": "triage", "actor_kind": "system", "purpose": "OPERAT"}
    patient = {"actor": None, "actor_id": "s", "actor_kind": "patient", "purpose": "PATRQT"}
    return [
        look(50, actor="Dr Ada Okafor", purpose="BTG", broke_glass=True),
        look(40, times=12, since="2026-11-22T09:10:00+00:00", what=[{"object": "patient", "actions": ["R"]}]),
        look(30, **system, what=[{"object": "triage_note", "actions": ["C"]}]),
        look(20, **patient, what=[{"object": "consent", "actions": ["C"]}], refused=True),
    ]


def new_file() -> dict[str, Any]:
    """A patient whose term is not over."""
    consents = [("consultation", True), ("ai", True), ("recording", False)]
    return {
        **MASKED, "erased_at": None, "term_ends": "2041-11-22", "holds": [],
        "consents": [{"visit_id": "aa11bb22-0000-4000-8000-000000000001", "scope": scope, "given": given,
                      "text_version": "2026-11", "at": "2026-11-22T09:00:00+00:00"} for scope, given in consents],
        "destroys": {"visit": 1, "note": 2, "intake": 1, "resource": 14},
        "bases": [{"basis": "retention over", "refused_by": "retention-not-over"},
                  {"basis": "GDPR Art. 17", "refused_by": "basis-not-available"}],
    }  # fmt: skip


def new_safeguards() -> dict[str, Any]:
    """A clinic in order, never checked from the page."""
    now = datetime.now(UTC).isoformat()
    return {
        "audit": {"entries": 12_345, "newest_at": now, "checkpoint": {"number": 12_300, "at": now, "key_version": 1},
                  "checking": False, "check_failed": None, "checked": None},
        "keys": [{"kind": kind, "version": 1, "created_at": "2026-01-05T08:00:00+00:00", "older": 0, "behind": 0}
                 for kind in ("tenant_key", "index_key", "signing_key")],
        "backup": {"at": "2026-11-22T02:00:00+00:00", "rows": 48_211},
        "drill": {"at": "2026-11-22T02:05:00+00:00", "rows": 48_211, "opened": 20_113, "entries": 12_001, "faults": 0,
                  "restore_s": 4.2},
    }  # fmt: skip


@dataclass
class PrivacyOffice:
    """What the officer's routes keep; all of it public, for tests to change."""

    waiting: list[dict[str, Any]] = field(default_factory=lambda: [breakage(1, hours_ago=80), breakage(2, hours_ago=5)])
    judged: list[dict[str, Any]] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=lambda: [MASKED])
    file: dict[str, Any] = field(default_factory=new_file)
    trail: list[dict[str, Any]] = field(default_factory=trail)
    safeguards: dict[str, Any] = field(default_factory=new_safeguards)
    result: dict[str, Any] = field(
        default_factory=lambda: {"is_sound": True, "tampering": None, "number": None, "entries": 12_350,
                                 "checkpoints": 40, "at": "2026-11-23T09:00:00+00:00"}
    )  # fmt: skip
    """What a check of the chain finds."""

    def answer(self, key: str, body: Any) -> Answer:
        """Answer a call: status and body, None for none."""
        match key.split("/")[1:]:
            case ["break-glass"]:
                return 200, {"rows": self.waiting, "reviewed": self.judged}
            case ["break-glass", breakage_id, "review"]:
                return self._judge(breakage_id, body)
            case ["patients", "find"]:
                return 200, {"patients": self.found}
            case ["patients", patient_id, *rest] if patient_id == self.file["id"]:
                return self._patient(key.split(" ")[0], rest, body)
            case ["holds", hold_id]:
                self._hold([each for each in self.file["holds"] if each["id"] != hold_id])
                return 204, None
            case ["safeguards"]:
                return 200, self._safeguards()
            case ["safeguards", "audit-check"]:
                self.safeguards["audit"]["checking"] = True
                return 202, None
        return 404, NOT_FOUND

    def _judge(self, breakage_id: str, body: Any) -> Answer:
        (row,) = [each for each in self.waiting if each["id"] == breakage_id]
        self.waiting.remove(row)
        made = {"reviewed_by": OFFICER["display"], "reviewed_at": "2026-11-23T09:00:00+00:00", "overdue": False}
        self.judged.insert(0, {**row, **made, "verdict": body["verdict"], "note": body["note"]})
        return 204, None

    def _patient(self, method: str, rest: list[str], body: Any) -> Answer:
        match (method, rest):
            case ("GET", []):
                return 200, self.file
            case ("GET", ["accesses"]):
                return 200, {"rows": self.trail, "next": 7 if len(self.trail) < 5 else None}
            case ("POST", ["holds"]):
                made = {"id": "h1", "placed_by_name": OFFICER["display"], "placed_at": "2026-11-23T09:00:00+00:00"}
                self._hold([{**made, "reason": body["reason"]}])
                return 201, {"id": "h1"}
            case ("POST", ["erasure"]):
                self.file.update(display=None, birth_year=None, erased_at="2026-11-23T09:00:00+00:00")
        if self.file["erased_at"] is None:
            return 404, NOT_FOUND
        facts = {"erased_at": self.file["erased_at"], "basis": "retention over", "keys": [1], "index_rows": 34}
        return 200, {"receipt": facts, "message": json.dumps(facts), "signature_holds": True}

    def _hold(self, holds: list[dict[str, Any]]) -> None:
        refused = "legal-hold" if holds else "retention-not-over"
        self.file.update(holds=holds)
        self.file["bases"][0]["refused_by"] = refused

    def _safeguards(self) -> dict[str, Any]:
        """A check is over when it is asked about for the second time."""
        audit = self.safeguards["audit"]
        if audit["checking"]:
            audit.update(checking=False, checked=self.result)
        return self.safeguards
