"""tests/fuzz/api.py in small: a few cases of every operation of /openapi.json against the running product."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.fuzz.api import fuzz
from tests.journeys.product import running

# Ten of each operation; `python -m tests.fuzz.api` sends 100,000 (records/fhir/README.md tells what came of it).
CASES = int(os.environ.get("TELECONSULT_TEST_API_CASES", "600"))


@pytest.mark.timeout(600)
async def test_no_case_is_answered_by_a_server_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("api")
    async with running(folder) as product:
        run = await asyncio.to_thread(fuzz, product, CASES, 1)
    assert run.faults == {}
    assert len(run.statuses) > 8  # the cases reach deep: reads, writes and refusals of several kinds
