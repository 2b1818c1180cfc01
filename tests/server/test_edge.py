"""What every request passes (security.md §13, rows 21-25, 28, 31, 46)."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from typing import Any
from unittest import mock

import pytest
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from server.errors import InvalidJson
from server.http import body as bodies
from server.http import middleware
from server.http.body import MAX_BYTES
from tests.server.clinic import CONSENTS, PASSWORD, PATIENT, Clinic, Person, read

LOGIN = {"email": "lin@clinic.example", "password": PASSWORD}


async def raw(person: Person, data: Any, **headers: str) -> Any:
    """POST /api/session with exactly this body and these headers."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    payload = io.BytesIO(data) if isinstance(data, bytes) else data
    async with person.client.post("/api/session", data=payload, headers=sent) as response:
        return await read(response)


OURS = {"X_Requested_With": "teleconsult", "Content_Type": "application/json"}


class TestForeignPages:
    """A foreign page cannot ride on a cookie (row 21)."""

    @pytest.mark.parametrize(
        ("headers", "why"),
        [
            ({"Content_Type": "application/x-www-form-urlencoded"}, "a form"),
            ({"Content_Type": "text/plain"}, "a simple request"),
            ({"Content_Type": "application/json"}, "no header of ours"),
            ({**OURS, "X_Requested_With": "XMLHttpRequest"}, "another header"),
            ({**OURS, "Origin": "https://evil.example"}, "a foreign origin"),
            ({**OURS, "Origin": "null"}, "an origin without a name"),
            ({**OURS, "Origin": "http://127.0.0.1.evil.example"}, "an origin that begins like ours"),
            ({**OURS, "Sec_Fetch_Site": "cross-site"}, "fetched from another site"),
            ({**OURS, "Sec_Fetch_Site": "same-site"}, "fetched from a neighbour"),
        ],
    )
    async def test_a_call_from_elsewhere_is_refused(self, clinic: Clinic, headers: dict[str, str], why: str) -> None:
        answer = await raw(await clinic.person(), json.dumps(LOGIN).encode(), **headers)
        assert (answer.status, answer.code) == (403, "forbidden-origin"), why

    async def test_our_own_page_is_let_in(self, clinic: Clinic) -> None:
        await clinic.employ("lin@clinic.example")
        own = f"http://{clinic.server.host}:{clinic.server.port}"
        answer = await raw(
            await clinic.person(), json.dumps(LOGIN).encode(), **OURS, Origin=own, Sec_Fetch_Site="same-origin"
        )
        assert answer.status == 200

    async def test_a_foreign_page_cannot_read_the_api_as_a_script(self, clinic: Clinic) -> None:
        answer = await (await clinic.staff()).get("/api/queue", Sec_Fetch_Site="cross-site")
        assert answer.code == "forbidden-origin"

    async def test_a_link_in_a_message_opens_the_page(self, clinic: Clinic) -> None:
        answer = await (await clinic.person()).get("/visit", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        assert answer.status == 200


class TestNoCors:
    """No other origin is ever granted anything (row 22)."""

    @pytest.mark.parametrize("origin", ["https://evil.example", "null"])
    async def test_no_origin_is_reflected(self, clinic: Clinic, origin: str) -> None:
        doctor = await clinic.staff()
        for method in ("GET", "OPTIONS"):
            answer = await doctor.call(method, "/api/queue", Origin=origin, Access_Control_Request_Method="POST")
            assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


PATHS = ["/", "/visit", "/console", "/api/config", "/api/queue", "/nothing", "/static/nothing.js", "/openapi.json"]


class TestHeaders:
    """Every answer, errors too (rows 23 and 24)."""

    @pytest.mark.parametrize("path", PATHS)
    async def test_every_answer_forbids_inline_code_frames_and_sniffing(self, clinic: Clinic, path: str) -> None:
        headers = (await (await clinic.person()).get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=(self), microphone=(self)" in headers["Permissions-Policy"]
        assert len(headers["X-Request-Id"]) == 16
        assert "Server" not in headers

    @pytest.mark.parametrize("path", ["/visit", "/console", "/api/config", "/api/queue", "/nothing"])
    async def test_nothing_that_may_hold_a_patient_is_cached(self, clinic: Clinic, path: str) -> None:
        assert (await (await clinic.person()).get(path)).headers["Cache-Control"] == "no-store"

    async def test_logging_out_clears_what_the_browser_kept(self, clinic: Clinic) -> None:
        answer = await (await clinic.staff()).delete("/api/session")
        assert '"cache"' in answer.headers["Clear-Site-Data"]

    async def test_a_request_id_of_the_callers_is_not_taken(self, clinic: Clinic) -> None:
        answer = await (await clinic.person()).get("/api/config", X_Request_Id="forged-id")
        assert answer.headers["X-Request-Id"] != "forged-id"


class TestBodies:
    """JSON only, 1 MiB, also inflated, nested so deep (row 25)."""

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "invalid-json"),
            (b"{", "invalid-json"),
            (b"[]", "invalid-json"),
            (b'"text"', "invalid-json"),
            (b'{"email": NaN}', "invalid-json"),
            (b'{"email": 1e999}', "invalid-json"),
            (b'{"email": 1e-300}', "invalid-json"),
            (b'{"email": 9007199254740993}', "invalid-json"),
            (b'{"email": "\\ud800"}', "invalid-json"),
            (b'{"email": "a\\u0000b"}', "invalid-json"),
            (b'{"email": "a", "email": "b"}', "invalid-json"),
            (b"\xff\xfe", "invalid-json"),
            (b'{"a":' * 100_000, "invalid-json"),
            (b'{"a":' * 40 + b"1" + b"}" * 40, "invalid-json"),
            (b'{"email": ' + b"9" * 5_000 + b"}", "invalid-json"),
            (b'{"email": 1, "password": "x"}', "invalid-body"),
            (b'{"email": "a@b"}', "invalid-body"),
            (b" " * (MAX_BYTES + 1), "body-too-large"),
        ],
    )
    async def test_a_body_that_is_not_the_contracts_has_its_own_code(
        self, clinic: Clinic, data: bytes, code: str
    ) -> None:
        answer = await raw(await clinic.person(), data, **OURS)
        assert answer.code == code

    async def test_a_body_that_inflates_beyond_the_limit_is_refused(self, clinic: Clinic) -> None:
        bomb = gzip.compress(b" " * (20 * MAX_BYTES))
        assert len(bomb) < 50_000
        answer = await raw(await clinic.person(), bomb, **OURS, Content_Encoding="gzip")
        assert (answer.status, answer.code) == (413, "body-too-large")

    async def test_a_body_without_a_type_is_refused(self, clinic: Clinic) -> None:
        headers = {**OURS, "Content_Type": "text/json"}
        answer = await raw(await clinic.person(), json.dumps(LOGIN).encode(), **headers)
        assert (answer.status, answer.code) == (415, "unsupported-media-type")

    async def test_a_body_that_does_not_arrive_is_given_up(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("server.http.body.ARRIVAL_S", 0.05)

        person = await clinic.person()
        gate = asyncio.Event()

        async def slow() -> Any:
            yield b'{"email": '
            await gate.wait()

        answer = await raw(person, slow(), **OURS)
        gate.set()
        assert (answer.status, answer.code) == (408, "body-too-slow")

    async def test_a_page_that_leaves_in_the_middle_of_a_body_is_no_fault_of_ours(self) -> None:
        body = StreamReader(mock.Mock(), 2**16)
        body.set_exception(ConnectionResetError())  # as aiohttp does when the connection is gone
        request = make_mocked_request("POST", "/api/session", payload=body)
        with pytest.raises(InvalidJson):
            await bodies.read(request, ("POST", "/api/session"))


class TestProblems:
    """One shape, no stack, no data (row 46)."""

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/nothing", 404, "not-found"),
            ("GET", "/api/nothing", 404, "not-found"),
            ("PUT", "/api/queue", 405, "method-not-allowed"),
            ("GET", "/api/visit", 401, "not-signed-in"),
            ("GET", "/static/..%2f..%2fpyproject.toml", 404, "not-found"),
        ],
    )
    async def test_every_error_is_a_problem_document(
        self, clinic: Clinic, method: str, path: str, status: int, code: str
    ) -> None:
        answer = await (await clinic.person()).call(method, path)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.status, answer.code, answer.body["status"]) == (status, code, status)
        assert answer.body["type"] == f"urn:teleconsult:problem:{code}"

    async def test_a_fault_of_ours_shows_neither_stack_nor_data(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fails(*_: object) -> None:
            raise ZeroDivisionError("patient Ada Canary")

        doctor = await clinic.staff()
        monkeypatch.setattr("server.http.queue.document", fails)
        answer = await doctor.get("/api/queue")
        assert (answer.status, answer.code) == (500, "unexpected")
        logged = [vars(record) for record in caplog.records if record.getMessage() == "http.fault"]
        assert (logged[0]["error"], "Canary" in str(logged)) == ("ZeroDivisionError", False)


class TestDatabaseAway:
    """503 with a time to come back; the same call works again."""

    async def test_a_call_without_a_database_is_told_to_come_back(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        patient = await clinic.patient(await clinic.staff())
        with monkeypatch.context() as away:
            await clinic.database.engine.dispose()
            away.setattr(clinic.database.engine.sync_engine.dialect, "connect", refuse)
            answer = await patient.put("/api/visit/consents", CONSENTS)
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "store-unavailable", "3")
        assert (await patient.put("/api/visit/consents", CONSENTS)).status == 200


def refuse(*_: object, **__: object) -> None:
    raise ConnectionRefusedError


class TestAddresses:
    """Only a proxy of the settings may say who calls (row 28)."""

    async def test_a_forwarded_address_does_not_buy_a_new_budget(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(middleware.RATES, ("POST", "/api/join"), middleware.Rate(burst=3, per_s=0.001))
        person = await clinic.person()
        statuses = [
            (await person.post("/api/join", {"token": "x"}, X_Forwarded_For=f"198.51.100.{n}")).status for n in range(4)
        ]
        assert statuses == [404, 404, 404, 429]


class TestStrings:
    """What looks like code comes back as the text it is (row 31)."""

    @pytest.mark.parametrize(
        "name",
        [
            "Robert'); drop table patient;--",
            "<script>alert(1)</script>",
            "${jndi:ldap://x}",
            "{{7*7}}",
            "\u202eevil\u2066",
            "' or 1=1 --",
        ],
    )
    async def test_a_name_returns_as_it_was_sent(self, clinic: Clinic, name: str) -> None:
        doctor = await clinic.staff()
        patient = await clinic.patient(doctor, patient={**PATIENT, "name": name})
        assert (await patient.get("/api/visit")).body["patient"]["display"] == name
