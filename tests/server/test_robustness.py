"""No input of any shape makes a server error: schemathesis over /openapi.json (security.md §13, row 30)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from server.auth.throttle import Rate
from server.http import middleware
from tests.server.clinic import Clinic

EXAMPLES = 20  # each operation and mode; the long run is `make fuzz`-sized by hand: raise it here
PLENTY = Rate(burst=1e9, per_s=1e9)
# The stream does not end, and a login that is over would make every later answer a 401.
LEFT_OUT = {("GET", "/api/queue/stream"), ("DELETE", "/api/session")}


def walk(url: str, cookies: str, visit_id: str) -> list[str]:
    """Call every operation with generated requests, right and wrong ones; return what answered 5xx."""
    schema = schemathesis.openapi.from_url(url)
    failed: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if (operation.method.upper(), operation.path) in LEFT_OUT:
            continue
        for mode in GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def call(case: Case) -> None:
                if case.path_parameters and len(case.path_parameters.get("id", "")) == 36:
                    case.path_parameters["id"] = visit_id
                response = case.call(headers={**(case.headers or {}), "Cookie": cookies, "X-Requested-With": "teleconsult"})
                if response.status_code >= 500:
                    failed.append(f"{case.method} {case.path} {response.status_code} {response.text[:200]}")

            with suppress(Unsatisfiable):  # an operation without any input has no wrong one
                call()
    return failed


class TestGeneratedRequests:
    """Right and wrong requests of every operation."""

    @pytest.mark.timeout(600)
    async def test_no_request_is_answered_with_a_server_error(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(middleware, "USUAL", PLENTY)
        monkeypatch.setattr(middleware, "RATES", {})
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        cookies = f"session={doctor.cookie('session')}; visit={patient.cookie('visit')}"
        url = str(clinic.server.make_url("/openapi.json"))
        assert await asyncio.to_thread(walk, url, cookies, patient.visit_id) == []
