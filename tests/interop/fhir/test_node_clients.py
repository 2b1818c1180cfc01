"""fhir-kit-client 2 and fhirclient.js 2 (npm) against the running server: full round trips in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.fakes.hospital import Hospital
from tests.fakes.visits import Seen

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def run(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of this folder; its last line is what it saw."""
    node = shutil.which("node")
    assert node is not None, "Node.js runs the npm clients; make test says how to get it"
    assert (ROOT / "node_modules" / "fhir-kit-client").is_dir(), "run `make test`, which installs package-lock.json"
    done = subprocess.run([node, str(HERE / script), *arguments], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class TestFhirKitClient:
    """Metadata race, POST search, compartments, paging, bundles, operations, conditional update by query."""

    def test_round_trip(self, server: Hospital, seen: Seen) -> None:
        token = server.token("system/*.cruds")
        assert run("fhir_kit_client.mjs", server.base, token, str(seen.patient)) == {
            "tokenUrl": server.token_url,
            "fhirVersion": "4.0.1",
            "read": "欧阳",
            "vread": None,
            "history": 3,
            "typeHistory": True,
            "posted": 2,
            "pages": 3,
            "compartment": 1,
            "resolved": str(seen.patient),
            "everything": 28,  # each with its Provenance
            "validate": "Patient.gender",
            "transaction": "201 Created",
            "batch": "201 Created",
            "conditional": True,
            "gone": 410,
        }


class TestFhirclientJs:
    """References resolve, pages flatten, PATCH and DELETE work."""

    def test_round_trip(self, server: Hospital, seen: Seen) -> None:
        token = server.token("system/*.cruds")
        assert run("fhirclient_js.cjs", server.base, token, str(seen.patient), str(seen.visit)) == {
            "patient": str(seen.patient),
            "subject": str(seen.patient),
            "doctor": "Dr. Wang",
            "flat": 6,
            "graph": str(seen.patient),
            "version": "2",
            "active": False,
            "gone": 410,
            "token": server.token_url,
        }
