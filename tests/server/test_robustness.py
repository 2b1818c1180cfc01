"""
No input of any shape makes a server error or an answer that is not described: schemathesis over /openapi.json
(security.md §13, row 30).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.auth.throttle import Rate
from server.http import middleware
from tests.server.clinic import CONSENTS, PLACE, Clinic, Person

EXAMPLES = 20  # of each operation and mode; 6,000 requests with 100 take two minutes
# The status is described, so is its media type, and the body fits its schema.
CONFORMANCE = (content_type_conformance, response_schema_conformance, status_code_conformance)
PLENTY = Rate(burst=1e9, per_s=1e9)
# The stream does not end, and a login that is over would make every later answer a 401.
LEFT_OUT = {("GET", "/api/queue/stream"), ("DELETE", "/api/session")}
# The clinic of these tests serves the HTTP API alone; tests/fuzz/test_api_fuzz.py walks the rest on the whole product.
ELSEWHERE = ("/fhir", "/auth/")


@dataclass(frozen=True)
class Scene:
    """A visit in which an operation makes sense, and the cookies of who may call it."""

    visit_id: str
    cookies: str


def walk(url: str, scene_for: Callable[[str], Scene]) -> list[str]:
    """Call every operation with generated requests, right and wrong ones; return what answered 5xx."""
    schema = schemathesis.openapi.from_url(url)
    failed: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if (operation.method.upper(), operation.path) in LEFT_OUT or operation.path.startswith(ELSEWHERE):
            continue
        scene = scene_for(operation.path)
        for mode in GenerationMode:
            with suppress(Unsatisfiable):  # an operation without any input has no wrong one
                hammer(operation, mode, scene, failed)
    return failed


def hammer(operation: APIOperation, mode: GenerationMode, scene: Scene, failed: list[str]) -> None:
    """Call one operation with generated requests of one mode."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def call(case: Case) -> None:
        if case.path_parameters and len(case.path_parameters.get("id", "")) == 36:
            case.path_parameters["id"] = scene.visit_id  # any UUID stands for the visit of the scene
        response = case.call(
            headers={**(case.headers or {}), "Cookie": scene.cookies, "X-Requested-With": "teleconsult"}
        )
        case.validate_response(response, checks=CONFORMANCE)
        if response.status_code >= 500:
            failed.append(f"{case.method} {case.path} {response.status_code} {response.text[:200]}")

    call()


async def scene_of(clinic: Clinic, doctor: Person, path: str) -> Scene:
    """A patient at the form for the patient's operations, a claimed one for the doctor's."""
    if path.startswith("/api/visits/"):
        patient = await clinic.waiting(doctor)
        await doctor.post(f"/api/visits/{patient.visit_id}/claim")
    else:
        patient = await clinic.patient(doctor)
        await patient.put("/api/visit/consents", CONSENTS)
        await patient.put("/api/visit/place", PLACE)
    return Scene(patient.visit_id, f"session={doctor.cookie('session')}; visit={patient.cookie('visit')}")


class TestGeneratedRequests:
    """Right and wrong requests of every operation."""

    @pytest.mark.timeout(600)
    async def test_no_request_is_answered_with_a_server_error_or_otherwise_than_described(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(middleware, "USUAL", PLENTY)
        monkeypatch.setattr(middleware, "RATES", {})
        doctor = await clinic.staff()
        loop = asyncio.get_running_loop()

        def scene_for(path: str) -> Scene:
            return asyncio.run_coroutine_threadsafe(scene_of(clinic, doctor, path), loop).result(30)

        url = str(clinic.server.make_url("/openapi.json"))
        assert await asyncio.to_thread(walk, url, scene_for) == []
