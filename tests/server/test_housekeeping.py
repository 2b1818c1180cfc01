"""server/housekeeping.py: checkpoints are told to the log; a chain that went back is an alarm, never signed."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from server.datafolder import RECORDINGS
from server.housekeeping import Housekeeping
from server.visit_store import room_actor
from tests.records.store.conftest import Store, store  # noqa: F401  # a fixture of another folder
from tests.records.store.test_audit_attacks import go_back
from tests.records.store.test_recordings import begun, referenced, written


class TestCheckpoint:
    async def test_witness_and_alarm(
        self, store: Store, cluster: Any, caplog: pytest.LogCaptureFixture  # noqa: F811
    ) -> None:
        chores = Housekeeping(store.database, store.folder, store.clock.now())
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


class TestRecordings:
    """A recording that a kill cut off is ended when the program starts again."""

    async def test_cut_off_by_an_earlier_process_is_ended_and_in_the_record(self, store: Store) -> None:  # noqa: F811
        visit, key = await begun(store)
        folder = store.folder / RECORDINGS
        written(folder, key, finish=False)
        store.clock.advance(60)
        await Housekeeping(store.database, store.folder, store.clock.now()).end_recordings()
        async with store.database.unit(room_actor()) as unit:
            (stored,) = await unit.recordings.of_visit(visit.id)
            entries = await unit.audit.search(patient_id=visit.patient_id, entity_type="recording")
        assert stored.ended_at is not None
        assert [entry.fields["detail"] for entry in entries] == ["start", "cut off"]
        assert await referenced(store, key) is not None

    async def test_one_of_this_process_goes_on(self, store: Store) -> None:  # noqa: F811
        chores = Housekeeping(store.database, store.folder, store.clock.now())
        store.clock.advance(60)
        visit, key = await begun(store)
        written(store.folder / RECORDINGS, key, finish=False)
        await chores.end_recordings()
        async with store.database.unit(room_actor()) as unit:
            (stored,) = await unit.recordings.of_visit(visit.id)
        assert stored.ended_at is None
