"""server/housekeeping.py: checkpoints are told to the log; a chain that went back is an alarm, never signed."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from server.housekeeping import Housekeeping
from tests.records.store.conftest import Store, store  # noqa: F401  # a fixture of another folder
from tests.records.store.test_audit_attacks import go_back


class TestCheckpoint:
    async def test_witness_and_alarm(
        self, store: Store, cluster: Any, caplog: pytest.LogCaptureFixture  # noqa: F811
    ) -> None:
        chores = Housekeeping(store.database, store.folder)
        with caplog.at_level(logging.INFO, "teleconsult.housekeeping"):
            await store.visit()
            await chores.checkpoint()
            await store.visit()
            await chores.checkpoint()
            first, second = (record.__dict__ for record in caplog.records)
            await go_back(store, cluster, first["number"])
            await chores.checkpoint()
        assert [record.message for record in caplog.records] == [
            "audit.checkpoint", "audit.checkpoint", "audit.chain-behind",
        ]  # fmt: skip
        assert (len(first["hash"]), second["number"] > first["number"]) == (64, True)
