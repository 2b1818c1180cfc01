"""records/README.md "Audit": every read, write and refusal is in the chain, and the chain cannot be bent unseen."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from records.audit.verify import Finding, Tampering
from records.errors import AccessDenied, NotFound
from records.store import audit_log
from records.store.audit_log import CheckpointForged, checkpoint_path, verify, write_checkpoint
from records.store.database import DEFAULT_TENANT

from .conftest import SYSTEM, WANG, Store, patient_of


async def trail(store: Store, **which: Any) -> list[dict[str, Any]]:
    async with store.database.unit(SYSTEM) as unit:
        return [entry.fields for entry in await unit.audit.search(limit=1_000, **which)]


async def tamper(store: Store, cluster: Any, *statements: str) -> None:
    """Do what only the database's owner can: trigger off, wall off, change, both on again."""
    import asyncpg

    connection = await asyncpg.connect(cluster.admin(store.url.partition("?")[0].rpartition("/")[2]))
    try:
        await connection.execute("alter table audit_entry disable trigger user")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class TestEverythingIsRecorded:
    """One entry for each act on a record, success and refusal."""

    async def test_read_and_write_name_actor_patient_and_purpose(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(patient_of(visit)) as unit:
            await unit.patients.get(visit.patient_id)
        entries = await trail(store, patient_id=visit.patient_id)
        assert [(entry["action"], entry["entity_type"], entry["actor"], entry["purpose"]) for entry in entries] == [
            ("C", "patient", "test", "TREAT"), ("C", "visit", "test", "TREAT"), ("R", "patient", "session-1", "PATRQT"),
        ]  # fmt: skip

    async def test_denial_is_recorded_though_the_unit_rolled_back(self, store: Store) -> None:
        mine, other = await store.visit(), await store.visit()
        with pytest.raises(AccessDenied):
            async with store.database.unit(patient_of(mine)) as unit:
                await unit.visits.get(other.id)
        entry = (await trail(store))[-1]
        assert (entry["outcome"], entry["detail"], entry["actor"]) == ("8", "access-denied", "session-1")

    async def test_refusal_is_recorded(self, store: Store) -> None:
        with pytest.raises(NotFound):
            async with store.database.unit(SYSTEM) as unit:
                await unit.visits.get(uuid4())
        entry = (await trail(store))[-1]
        assert (entry["outcome"], entry["detail"]) == ("4", "not-found")

    async def test_read_before_a_failure_stays_a_read_and_a_write_becomes_a_failure(self, store: Store) -> None:
        patient_id = await store.patient()
        with pytest.raises(RuntimeError):
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(patient_id)
                await unit.patients.create(WANG)
                raise RuntimeError
        entries = (await trail(store))[-2:]
        assert [(entry["action"], entry["outcome"]) for entry in entries] == [("R", "0"), ("C", "4")]

    async def test_no_name_or_number_stands_in_the_chain(self, store: Store) -> None:
        visit = await store.visit()
        async with store.database.unit(SYSTEM) as unit:
            await unit.patients.find_by_phone("13800138000")
            await unit.patients.get(visit.patient_id)
        assert [canary for canary in ("王小明", "13800138000", "1953") if canary in str(await trail(store))] == []


class TestChain:
    """One writer per tenant, numbers without gaps, hashes that the verifier makes too."""

    async def test_parallel_units_make_one_sound_chain(self, store: Store) -> None:
        patient_id = await store.patient()

        async def read() -> None:
            async with store.database.unit(SYSTEM) as unit:
                await unit.patients.get(patient_id)

        await asyncio.gather(*(read() for _ in range(60)))
        report = await verify(store.database, DEFAULT_TENANT, store.folder)
        assert report.is_sound and report.last_number == report.entries > 60

    @pytest.mark.parametrize("statement", [
        "update audit_entry set leaf = '{}'", "delete from audit_entry", "truncate audit_entry",
        "insert into audit_entry select tenant_id, number + 1000, recorded_us, leaf, hash from audit_entry limit 1",
        "update audit_head set number = 0",
    ])  # fmt: skip
    async def test_app_role_can_only_append(self, store: Store, statement: str) -> None:
        with pytest.raises(Exception, match="permission denied"):
            async with store.database.unit(SYSTEM) as unit:
                await unit.connection.execute(text(statement))

    @pytest.mark.parametrize(("statements", "expected"), [
        (["update audit_entry set leaf = '{}' where number = 3"], Finding(Tampering.CHANGED, 3)),
        (["delete from audit_entry where number = 3"], Finding(Tampering.DELETED, 3)),
        (["update audit_entry set number = case number when 3 then -5 else -3 end where number in (3, 5)",
          "update audit_entry set number = -number where number < 0"], Finding(Tampering.SWAPPED, 3, 5)),
        (["update audit_entry set number = -number - 1 where number >= 3",
          "update audit_entry set number = -number where number < 0",
          "insert into audit_entry select tenant_id, 3, recorded_us, '{}', hash from audit_entry where number = 2"],
         Finding(Tampering.INSERTED, 3)),
        (["delete from audit_entry where number > 4", "update audit_head set number = 4, hash ="
          " (select hash from audit_entry where number = 4)"], Finding(Tampering.CUT_TAIL, 5)),
    ])  # fmt: skip
    async def test_tampering_in_the_database_is_named(
        self, store: Store, cluster: Any, statements: list[str], expected: Finding
    ) -> None:
        await store.visit()
        await store.visit()
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        await tamper(store, cluster, *statements)
        report = await verify(store.database, DEFAULT_TENANT, store.folder)
        assert report.finding == expected


class TestCheckpoints:
    """Signed, outside the database, only when something is new."""

    async def test_written_once_for_each_new_head(self, store: Store) -> None:
        await store.patient()
        first = await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        assert first is not None
        assert await write_checkpoint(store.database, DEFAULT_TENANT, store.folder) is None
        await store.patient()
        second = await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        assert second is not None and second.number > first.number
        assert (await verify(store.database, DEFAULT_TENANT, store.folder)).checkpoints == 2

    async def test_file_is_private(self, store: Store) -> None:
        await store.patient()
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        assert checkpoint_path(store.folder, DEFAULT_TENANT).stat().st_mode & 0o777 == 0o600

    async def test_forged_line_is_named(self, store: Store) -> None:
        await store.patient()
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        path = checkpoint_path(store.folder, DEFAULT_TENANT)
        path.write_text(path.read_text().replace('"number": ', '"number": 1'))
        with pytest.raises(CheckpointForged):
            await verify(store.database, DEFAULT_TENANT, store.folder)

    async def test_line_torn_by_a_power_cut_is_passed_over(self, store: Store) -> None:
        await store.patient()
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        path = checkpoint_path(store.folder, DEFAULT_TENANT)
        with path.open("a") as file:
            file.write('{"tenant": "00000')
        await store.patient()
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        report = await verify(store.database, DEFAULT_TENANT, store.folder)
        assert (report.is_sound, report.checkpoints) == (True, 2)

    async def test_rewritten_chain_is_named(self, store: Store, cluster: Any) -> None:
        """Even the owner, who can recompute every hash, cannot sign the checkpoint anew."""
        await store.visit()
        await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
        rewrite = f"""do $$ declare previous bytea; entry record; begin
            previous := sha256('{DEFAULT_TENANT}'::bytea);
            update audit_entry set leaf = '{{"forged":1}}' where number = 2;
            for entry in select * from audit_entry order by number loop
                previous := sha256(previous || int8send(entry.number) || int8send(entry.recorded_us)
                                   || convert_to(entry.leaf::text, 'UTF8'));
                update audit_entry set hash = previous where number = entry.number;
            end loop;
            update audit_head set hash = previous; end $$"""
        await tamper(store, cluster, rewrite)
        report = await verify(store.database, DEFAULT_TENANT, store.folder)
        assert report.finding is not None and report.finding.tampering is Tampering.REWRITTEN

    async def test_long_chain_is_read_in_pages(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit_log, "PAGE", 2)
        await store.visit()
        assert (await verify(store.database, DEFAULT_TENANT, store.folder)).is_sound
