"""Who may call what: every route has a rule, and the server enforces it (security.md §13, rows 1-3)."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from server.app import build_app
from server.auth.access import ACCESS, Gate, rule_for
from server.auth.principals import LinkRole, StaffRole
from server.config import read_settings
from server.http.operations import OPERATIONS
from tests.server.clinic import CONSENTS, COUGH, PLACE, Clinic, Person

CALLERS = ("nobody", "patient", "caregiver", "interpreter", "expert", "desk", "doctor", "privacy")
GATED = [row for row in OPERATIONS if ACCESS[(row.method, row.path)].gate is not Gate.OPEN]


def product_routes() -> set[tuple[str, str]]:
    """Every (method, path as registered) of the whole product."""
    app = build_app(read_settings({"TELECONSULT_DATABASE_URL": "postgresql://nobody/nothing"}))
    found = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    return {(method, path) for method, path in found if method != "HEAD"}


class TestTable:
    """Deny by default: the table and the product name the same routes."""

    def test_every_route_of_the_product_has_a_rule(self) -> None:
        assert {route for route in product_routes() if rule_for(*route) is None} == set()

    def test_every_rule_is_for_a_route_of_the_product(self) -> None:
        assert set(ACCESS) - product_routes() == set()

    def test_a_route_without_a_rule_is_denied(self) -> None:
        assert rule_for("GET", "/api/new") is None

    def test_every_api_route_is_described(self) -> None:
        described = {(row.method, row.path) for row in OPERATIONS}
        api = {(method, path) for method, path in product_routes() if path.startswith("/api/")}
        assert api - described - {("GET", "/api/ws")} == set()


async def callers(clinic: Clinic) -> dict[str, Person]:
    """One of each, all in one visit."""
    doctor = await clinic.staff()
    patient = await clinic.patient(doctor)
    people = {"nobody": await clinic.person(), "patient": patient, "doctor": doctor}
    people["desk"] = await clinic.staff("desk@clinic.example", StaffRole.DESK)
    people["privacy"] = await clinic.staff("privacy@clinic.example", StaffRole.PRIVACY)
    for role in ("caregiver", "interpreter", "expert"):
        link = (await doctor.post(f"/api/visits/{patient.visit_id}/links", {"role": role})).body["link"]
        people[role] = await clinic.join(link.partition("#t=")[2], patient.visit_id)
    return people


def is_permitted(caller: str, method: str, path: str) -> bool:
    """What the table says, by the caller's name."""
    rule = ACCESS[(method, path)]
    if caller in ("desk", "doctor", "privacy"):
        return StaffRole(caller) in rule.staff_roles
    return caller != "nobody" and LinkRole(caller) in rule.link_roles


class TestEnforcement:
    """Every gated operation by every kind of caller."""

    async def test_every_cell_of_the_table_is_enforced(self, clinic: Clinic) -> None:
        people = await callers(clinic)
        wrong = []
        for operation in GATED:
            if operation.path == "/api/queue/stream" or operation.method == "DELETE":
                continue  # the stream does not end, and what a DELETE ends the next cell needs; tested one by one
            path = re.sub(r"{\w+}", "0", operation.path.replace("{id}", people["patient"].visit_id))
            for caller in CALLERS:
                answer = await people[caller].call(operation.method, path, {} if operation.body else None)
                is_let_in = answer.code not in ("not-signed-in", "not-allowed")
                if is_let_in != is_permitted(caller, operation.method, operation.path):
                    wrong.append((caller, operation.method, operation.path, answer.status, answer.code))
                assert answer.status < 500, (caller, operation.path, answer)
        assert wrong == []

    @pytest.mark.parametrize("path", ["/api/session", "/api/visits/{id}/links"])
    async def test_a_patient_deletes_neither_logins_nor_links(self, clinic: Clinic, path: str) -> None:
        patient = await clinic.patient(await clinic.staff())
        assert (await patient.delete(path.replace("{id}", patient.visit_id))).status == 401

    async def test_the_queue_stream_is_for_staff_only(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        assert (await patient.get("/api/queue/stream")).status == 401

    async def test_a_link_never_opens_a_staff_route_beside_a_login_of_another_browser(self, clinic: Clinic) -> None:
        patient = await clinic.patient(await clinic.staff())
        stolen = patient.cookie("visit")
        stranger = await clinic.person()
        answer = await stranger.get("/api/queue", Cookie=f"session={stolen}")
        assert answer.status == 401


STAFF_CALLS = [
    ("GET", "", None), ("POST", "/links", {"role": "caregiver"}), ("DELETE", "/links", None), ("POST", "/claim", None),
    ("POST", "/release", None), ("POST", "/escalate", None), ("POST", "/end", None),
    ("POST", "/void", {"reason": "test"}),
    ("POST", "/sign", None), ("POST", "/triage-decision", {"action": "accept"}),
]  # fmt: skip


class TestForeignObjects:
    """Another's object does not exist: the same 404 as an id that was never given (row 2)."""

    @pytest.mark.parametrize("named", ["unknown", "garbage"])
    async def test_an_id_that_names_nothing_is_not_found(self, clinic: Clinic, named: str) -> None:
        doctor = await clinic.staff()
        visit_id = str(uuid4()) if named == "unknown" else "1%27%20or%201=1"
        for method, path, body in STAFF_CALLS:
            answer = await doctor.call(method, f"/api/visits/{visit_id}{path}", body, If_Match='"1"')
            assert (answer.status, answer.code) == (404, "not-found"), path

    async def test_a_colleagues_patient_is_not_found(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        patient = await clinic.waiting(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        unknown = (await colleague.get(f"/api/visits/{uuid4()}")).body
        for method, path, body in STAFF_CALLS:
            if path == "/claim":
                continue  # says already-claimed: the queue shows it anyway
            answer = await colleague.call(method, f"/api/visits/{patient.visit_id}{path}", body, If_Match='"1"')
            assert answer.body == unknown, path

    async def test_a_patient_gets_no_ticket_for_another_visit(self, clinic: Clinic) -> None:
        desk = await clinic.staff()
        one, other = await clinic.patient(desk), await clinic.patient(desk)
        answer = await one.post("/api/tickets", {"visit_id": other.visit_id})
        assert (answer.status, answer.code) == (404, "not-found")

    async def test_a_doctor_gets_no_ticket_for_a_colleagues_patient(self, clinic: Clinic) -> None:
        doctor, colleague = await clinic.staff(), await clinic.staff("mei@clinic.example")
        patient = await clinic.waiting(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
        answer = await colleague.post("/api/tickets", {"visit_id": patient.visit_id})
        assert (answer.status, answer.code) == (404, "not-found")


class TestFieldsByRole:
    """Each role reads and writes its own fields (row 3)."""

    async def test_an_interpreter_sees_no_answers(self, clinic: Clinic) -> None:
        people = await callers(clinic)
        patient = people["patient"]
        await patient.put("/api/visit/consents", CONSENTS)
        await patient.put("/api/visit/place", PLACE)
        await patient.put("/api/visit/intake", {"intake": COUGH, "final": True})
        seen = (await people["interpreter"].get("/api/visit")).body
        assert (seen["intake"], seen["patient"]) == (None, {"display": "Ada Canary"})

    async def test_a_desk_clerk_sees_who_waits_but_not_why(self, clinic: Clinic) -> None:
        desk = await clinic.staff("desk@clinic.example", StaffRole.DESK)
        await clinic.waiting(desk)
        row = (await desk.get("/api/queue")).body["rows"][0]
        assert (row["display"], row["level"], row["flags"], row["triage"]) == ("Ada Canary", None, [], "none")

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/api/visit/consents", {**CONSENTS, "practitioner_id": "x"}),
            ("/api/visit/place", {**PLACE, "state": "waiting"}),
            ("/api/visit/language", {"lang": "zh", "level": "emergency"}),
            ("/api/visit/intake", {"intake": {**COUGH, "id": "another"}, "final": False}),
            ("/api/visit/intake", {"intake": COUGH, "final": False, "level": "emergency"}),
        ],
    )
    async def test_members_that_are_not_the_callers_to_set_are_refused(
        self, clinic: Clinic, path: str, body: dict[str, object]
    ) -> None:
        patient = await clinic.patient(await clinic.staff())
        answer = await patient.put(path, body)
        assert (answer.status, answer.code) == (422, "invalid-body")
        assert answer.body["errors"][0]["detail"].startswith("unknown: ")
