"""The contract: README, /openapi.json, route table and behaviour say the same (security.md §13, row 30)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
from aiohttp import web

from server import errors
from server.http import fhir, openapi, token
from server.http.fhir_openapi import FHIR_OPERATIONS
from server.http.operations import BY_ROUTE, OPERATIONS
from tests.server.clinic import NOTE, Clinic

README = (Path(openapi.__file__).parent / "README.md").read_text()


class TestReadme:
    """The tables of README are the contract."""

    def test_every_operation_stands_in_the_readme(self) -> None:
        rows = set(re.findall(r"(?m)^\| (GET|POST|PUT|DELETE) (/\S+) \|", README))
        served = {(row.method, row.path) for row in OPERATIONS if row.path != "/openapi.json"}
        assert served == rows

    def test_every_problem_code_stands_in_the_readme_with_its_status(self) -> None:
        rows = dict(re.findall(r"(?m)^\| `([a-z-]+)` \| ([0-9]{3}) \|", README))
        ours = {error.code: str(error.status) for error in all_errors()}
        assert {code: status for code, status in ours.items() if rows.get(code) != status} == {}

    def test_every_problem_of_an_operation_stands_in_the_readme(self) -> None:
        rows = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", README))
        assert {code for row in OPERATIONS for code in row.problems} - rows == set()


def all_errors() -> list[type[errors.ServerError]]:
    """Every error that the JSON API may give; other ways in (devices) have their own table."""
    found, todo = [], list(errors.ServerError.__subclasses__())
    while todo:
        each = todo.pop()
        todo += each.__subclasses__()
        found.append(each)
    return [error for error in found if error.__module__ == errors.__name__]


class TestDescription:
    """/openapi.json is written from the route table."""

    async def test_it_describes_every_operation(self, clinic: Clinic) -> None:
        described = (await (await clinic.person()).get("/openapi.json")).body
        found = {(method.upper(), path) for path, item in described["paths"].items() for method in item}
        ours = {(method, path) for method, path in found if not path.startswith(("/fhir", "/auth"))}
        assert ours == set(BY_ROUTE)
        assert found - ours == {(row.method, row.path) for row in FHIR_OPERATIONS}

    def test_every_fhir_route_is_described(self) -> None:
        served = {
            (route.method, re.sub(r"{(\w+):.+?}(?=/|{|$)", r"{\1}", route.path).removesuffix("{end}"))
            for route in [*fhir.routes, *token.routes]
            if isinstance(route, web.RouteDef) and route.method != "*"
        }
        assert served == {(row.method, row.path) for row in FHIR_OPERATIONS}

    def test_every_body_schema_is_valid_json_schema(self) -> None:
        for row in OPERATIONS:
            if row.body is not None:
                jsonschema_rs.meta.validate(row.body)

    def test_operation_ids_are_unique(self) -> None:
        ids = [item["operationId"] for path in openapi.describe()["paths"].values() for item in path.values()]
        assert len(ids) == len(set(ids))


class TestAnswers:
    """What is answered is what is described."""

    async def test_every_answer_of_a_whole_visit_fits_its_schema(self, clinic: Clinic) -> None:
        doctor = await clinic.staff()
        patient = await clinic.waiting(doctor)
        path = f"/api/visits/{patient.visit_id}"
        await fits(await doctor.get("/api/queue"), "GET", "/api/queue")
        await fits(await patient.get("/api/visit"), "GET", "/api/visit")
        await fits(await doctor.get("/api/session"), "GET", "/api/session")
        await fits(await doctor.get("/api/config"), "GET", "/api/config")
        await fits(await doctor.post(f"{path}/claim"), "POST", "/api/visits/{id}/claim")
        await fits(await doctor.get(path), "GET", "/api/visits/{id}")
        await clinic.both_present(patient.visit_id)
        await fits(await doctor.put(f"{path}/note", NOTE, If_Match='"0"'), "PUT", "/api/visits/{id}/note")
        await fits(await doctor.post(f"{path}/end"), "POST", "/api/visits/{id}/end")
        await fits(await doctor.post(f"{path}/sign", If_Match='"1"'), "POST", "/api/visits/{id}/sign")
        await fits(await patient.get("/api/visit/summary"), "GET", "/api/visit/summary")


async def fits(answer: Any, method: str, path: str) -> None:
    operation = BY_ROUTE[(method, path)]
    assert answer.status == operation.status, answer
    assert operation.answer is not None
    jsonschema_rs.Draft202012Validator(operation.answer, validate_formats=True).validate(answer.body)
