"""server/http/README.md, privacy officer: broken glass, legal holds, erasure with a receipt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from server.auth.principals import StaffRole
from tests.server.clinic import Clinic, Person


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
        assert (await reviewer.post(f"/api/break-glass/{row['id']}/review")).status == 204
        assert (await reviewer.get("/api/break-glass")).body["rows"] == []
        assert (await reviewer.post(f"/api/break-glass/{row['id']}/review")).status == 404

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
