"""server/http/README.md, privacy officer: broken glass, a patient's file from outside, legal holds, erasure."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from records.store import audit_log
from records.store.audit import Recorded
from records.store.database import DEFAULT_TENANT
from server import oversight
from server.auth.principals import StaffRole
from server.keys import SETTINGS
from tests.server.clinic import PASSWORD, Clinic, Person


async def officer(clinic: Clinic) -> Person:
    return await clinic.staff("privacy@clinic.example", StaffRole.PRIVACY)


async def patient_of(clinic: Clinic, doctor: Person) -> tuple[str, str]:
    """A claimed visit and its patient."""
    patient = await clinic.waiting(doctor)
    path = f"/api/visits/{patient.visit_id}"
    await doctor.post(f"{path}/claim")
    return path, (await doctor.get(path)).body["patient"]["id"]


class TestBreakGlass:
    """A colleague's patient opens with a reason, and somebody looks at it afterwards."""

    async def test_a_colleague_reads_with_a_reason_and_it_waits_for_review(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        path, patient_id = await patient_of(clinic, doctor)
        assert (await colleague.get(path)).status == 404
        answer = await colleague.post(f"{path}/break-glass", {"reason": "unconscious in the ward"})
        assert (answer.status, answer.body["patient"]["id"]) == (200, patient_id)
        reviewer = await officer(clinic)
        (row,) = (await reviewer.get("/api/break-glass")).body["rows"]
        assert (row["patient_id"], row["reason"], row["overdue"]) == (patient_id, "unconscious in the ward", False)
        review = f"/api/break-glass/{row['id']}/review"
        assert (await reviewer.post(review, {"verdict": "justified", "note": "called the ward"})).status == 204
        after = (await reviewer.get("/api/break-glass")).body
        assert (after["rows"], [(one["verdict"], one["note"]) for one in after["reviewed"]]) == (
            [], [("justified", "called the ward")],
        )  # fmt: skip
        assert (await reviewer.post(review, {"verdict": "justified"})).status == 404

    async def test_it_shows_who_read_what_and_of_the_patient_initials_and_year(self, clinic: Clinic) -> None:
        row, _ = await self.waiting(clinic)
        assert (row["actor"], row["patient"]["display"], row["patient"]["birth_year"]) == ("Dr. Mei", "A** C**", "1953")
        assert {"patient", "visit", "intake"} <= set(row["objects"])

    async def test_unjustified_needs_a_note(self, clinic: Clinic) -> None:
        row, reviewer = await self.waiting(clinic)
        review = f"/api/break-glass/{row['id']}/review"
        for note in (None, "  "):
            assert (await reviewer.post(review, {"verdict": "unjustified", "note": note})).code == "reason-required"
        assert (await reviewer.post(review, {"verdict": "unjustified", "note": "a neighbour"})).status == 204

    async def test_after_an_erasure_the_verdict_alone_is_left_to_give(self, clinic: Clinic) -> None:
        row, reviewer = await self.waiting(clinic)
        clinic.clock.advance(days=15 * 366)
        await reviewer.post("/api/session", {"email": "privacy@clinic.example", "password": PASSWORD})
        erased = await reviewer.post(f"/api/patients/{row['patient_id']}/erasure", {"basis": "retention over"})
        assert erased.status == 200
        (row,) = (await reviewer.get("/api/break-glass")).body["rows"]
        assert (row["reason"], row["patient"]["display"]) == (None, None)
        review = f"/api/break-glass/{row['id']}/review"
        assert (await reviewer.post(review, {"verdict": "unjustified", "note": "x"})).code == "key-destroyed"
        assert (await reviewer.post(review, {"verdict": "unjustified"})).status == 204

    async def waiting(self, clinic: Clinic) -> tuple[dict[str, Any], Person]:
        """One broken glass that waits, and the officer."""
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        path, _ = await patient_of(clinic, doctor)
        await colleague.post(f"{path}/break-glass", {"reason": "curious"})
        reviewer = await officer(clinic)
        (row,) = (await reviewer.get("/api/break-glass")).body["rows"]
        return row, reviewer

    async def test_it_needs_a_reason(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        path, _ = await patient_of(clinic, doctor)
        assert (await colleague.post(f"{path}/break-glass", {"reason": ""})).status == 422

    async def test_one_s_own_patient_is_no_broken_glass(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        path, _ = await patient_of(clinic, doctor)
        assert (await doctor.post(f"{path}/break-glass", {"reason": "habit"})).status == 200
        assert (await (await officer(clinic)).get("/api/break-glass")).body["rows"] == []


class TestErasure:
    """Refused before its time and under a hold; afterwards a signed receipt and nothing to read."""

    async def test_it_is_refused_before_the_term_ends(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        answer = await (await officer(clinic)).post(f"/api/patients/{patient_id}/erasure", {"basis": "retention over"})
        assert (answer.status, answer.code) == (409, "retention-not-over")
        until = (clinic.clock.now() + timedelta(days=15 * 365)).year
        assert answer.body["until"].startswith(str(until))

    async def test_a_request_ends_no_term_in_china(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        answer = await (await officer(clinic)).post(f"/api/patients/{patient_id}/erasure", {"basis": "GDPR Art. 17"})
        assert (answer.status, answer.code) == (409, "basis-not-available")

    async def test_a_hold_keeps_and_lifting_it_lets_go(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        clinic.clock.advance(days=15 * 366)
        reviewer, path = await officer(clinic), f"/api/patients/{patient_id}"
        held = await reviewer.post(f"{path}/holds", {"reason": "court order 7"})
        assert [row["id"] for row in (await reviewer.get(f"{path}/holds")).body["holds"]] == [held.body["id"]]
        refused = await reviewer.post(f"{path}/erasure", {"basis": "retention over"})
        assert (refused.status, refused.code) == (409, "legal-hold")
        assert (await reviewer.delete(f"/api/holds/{held.body['id']}")).status == 204
        assert (await reviewer.get(f"{path}/erasure")).status == 404
        erased = await reviewer.post(f"{path}/erasure", {"basis": "retention over"})
        assert (erased.status, erased.body["signature_holds"], erased.body["receipt"]["patient"]) == (
            200, True, patient_id,
        )  # fmt: skip
        assert (await reviewer.get(f"{path}/erasure")).body == erased.body
        assert (await reviewer.post(f"{path}/erasure", {"basis": "retention over"})).code == "key-destroyed"

    @pytest.mark.parametrize("call", [("GET", "holds", None), ("POST", "holds", {"reason": "x"}),
                                      ("POST", "erasure", {"basis": "retention over"})])  # fmt: skip
    async def test_an_unknown_patient_is_not_found(self, clinic: Clinic, call: tuple[str, str, Any]) -> None:
        method, path, body = call
        unknown = "11111111-1111-4111-8111-111111111111"
        assert (await (await officer(clinic)).call(method, f"/api/patients/{unknown}/{path}", body)).status == 404


class TestFile:
    """What an officer sees of a patient: whom it is about, and nothing of why they came."""

    @pytest.mark.parametrize("asked", [("phone", "0898 5550 1111"), ("name", "ada can")])
    async def test_is_found_by_what_a_person_says_at_the_desk(self, clinic: Clinic, asked: tuple[str, str]) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        by, value = asked
        found = (await (await officer(clinic)).post("/api/patients/find", {"by": by, "value": value})).body["patients"]
        assert found == [{"id": patient_id, "display": "A** C**", "birth_year": "1953"}]

    async def test_tells_what_an_erasure_would_meet_and_destroy(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        reviewer = await officer(clinic)
        await reviewer.post(f"/api/patients/{patient_id}/holds", {"reason": "court order 7"})
        file = (await reviewer.get(f"/api/patients/{patient_id}")).body
        assert [(one["reason"], one["placed_by_name"]) for one in file["holds"]] == [("court order 7", "Dr. Privacy")]
        assert file["bases"] == [{"basis": "retention over", "refused_by": "legal-hold"},
                                 {"basis": "GDPR Art. 17", "refused_by": "basis-not-available"}]  # fmt: skip
        assert (file["destroys"]["visit"], file["destroys"]["intake"]) == (1, 1)
        assert file["term_ends"].startswith(str((clinic.clock.now() + timedelta(days=15 * 365)).year))

    async def test_lists_the_newest_answer_to_each_consent(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        consents = (await (await officer(clinic)).get(f"/api/patients/{patient_id}")).body["consents"]
        assert sorted((one["scope"], one["given"]) for one in consents) == [
            ("ai", True), ("consultation", True), ("recording", False),
        ]  # fmt: skip

    async def test_says_nothing_clinical(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        file = (await (await officer(clinic)).get(f"/api/patients/{patient_id}")).body
        assert not any(word in str(file) for word in ("cough", "Ada", "Canary", "Harbour", "5550"))

    async def test_an_unknown_patient_is_not_found(self, clinic: Clinic) -> None:
        unknown = "11111111-1111-4111-8111-111111111111"
        assert (await (await officer(clinic)).get(f"/api/patients/{unknown}")).status == 404


class TestTrail:
    """Who looked at a patient's record: one line a request, newest first, in pages."""

    async def test_a_doctor_who_opened_the_case_stands_there_by_name(self, clinic: Clinic) -> None:
        path, patient_id = await patient_of(clinic, doctor := await clinic.staff())
        await doctor.get(path)
        rows = (await (await officer(clinic)).get(f"/api/patients/{patient_id}/accesses")).body["rows"]
        opened = next(row for row in rows if row["actor"] == "Dr. Lin")
        assert (opened["actor_kind"], opened["purpose"], opened["broke_glass"]) == ("practitioner", "TREAT", False)
        assert {"intake", "patient"} <= {one["object"] for one in opened["what"]}

    async def test_pages_meet_without_a_gap(self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(oversight, "TRAIL_PAGE", 5)
        path, patient_id = await patient_of(clinic, await clinic.staff())
        reviewer, seen, before = await officer(clinic), [], ""
        while True:
            page = (await reviewer.get(f"/api/patients/{patient_id}/accesses{before}")).body
            seen += page["rows"]
            if page["next"] is None:
                break
            before = f"?before={page['next']}"
        assert [row["at"] for row in seen] == sorted((row["at"] for row in seen), reverse=True)
        assert {"visit", "link", "consent", "intake"} <= {one["object"] for row in seen for one in row["what"]}

    async def test_a_page_begins_at_a_number(self, clinic: Clinic) -> None:
        _, patient_id = await patient_of(clinic, await clinic.staff())
        answer = await (await officer(clinic)).get(f"/api/patients/{patient_id}/accesses?before=x")
        assert answer.code == "invalid-body"

    def test_the_same_look_again_and_again_is_one_line(self) -> None:
        rows = oversight.accesses([look(4, "r3"), look(3, "r2"), look(2, "r2", "visit"), look(1, "r1")])
        assert [(row["times"], [one["object"] for one in row["what"]]) for row in rows] == [
            (1, ["patient"]), (1, ["patient", "visit"]), (1, ["patient"]),
        ]  # fmt: skip
        (row,) = oversight.accesses([look(4, "r3"), look(3, "r2"), look(1, "r1")])
        assert (row["times"], row["at"][-8:-6], row["since"][-8:-6]) == (3, "04", "01")


def look(number: int, request: str, entity: str = "patient") -> Recorded:
    at = datetime(2026, 11, 22, 9, 0, number, tzinfo=UTC)
    fields = {"actor": "a", "actor_kind": "practitioner", "purpose": "TREAT", "request": request, "action": "R",
              "entity_type": entity, "outcome": "0"}  # fmt: skip
    return Recorded(number, at, fields)


class TestSafeguards:
    """The audit chain is checked from the page; keys and backups tell how they stand."""

    async def test_a_check_of_the_chain_leaves_its_result(self, clinic: Clinic) -> None:
        await patient_of(clinic, await clinic.staff())
        reviewer = await officer(clinic)
        assert (await reviewer.get("/api/safeguards")).body["audit"]["checked"] is None
        assert (await reviewer.post("/api/safeguards/audit-check")).status == 202
        checked = (await settled(reviewer))["checked"]
        assert (checked["is_sound"], checked["tampering"]) == (True, None)
        assert checked["entries"] > 10

    async def test_a_broken_chain_is_told(self, clinic: Clinic) -> None:
        await patient_of(clinic, await clinic.staff())
        reviewer = await officer(clinic)
        folder = clinic.app[SETTINGS].data_dir
        await audit_log.write_checkpoint(clinic.database, DEFAULT_TENANT, folder)
        path = audit_log.checkpoint_path(folder, DEFAULT_TENANT)
        path.write_text(path.read_text().replace('"number": ', '"number": 1'))
        await reviewer.post("/api/safeguards/audit-check")
        checked = (await settled(reviewer))["checked"]
        assert (checked["is_sound"], checked["tampering"]) == (False, "checkpoint-forged")

    async def test_keys_and_last_checkpoint_are_told(self, clinic: Clinic) -> None:
        reviewer = await officer(clinic)
        await audit_log.write_checkpoint(clinic.database, DEFAULT_TENANT, clinic.app[SETTINGS].data_dir)
        found = (await reviewer.get("/api/safeguards")).body
        assert [(one["kind"], one["version"], one["older"], one["behind"]) for one in found["keys"]] == [
            ("tenant_key", 1, 0, 0), ("index_key", 1, 0, 0), ("signing_key", 1, 0, 0),
        ]  # fmt: skip
        assert found["audit"]["checkpoint"]["number"] <= found["audit"]["entries"]
        assert (found["backup"], found["drill"]) == (None, None)


async def settled(reviewer: Person) -> dict[str, Any]:
    """The chain's state once no check runs."""
    async with asyncio.timeout(30):
        while (state := (await reviewer.get("/api/safeguards")).body["audit"])["checking"]:
            await asyncio.sleep(0.02)
    return dict(state)
