"""
records/README.md "Audit": attacks on the chain beyond the seven tamperings, by the database's superuser.

He has every row, the copy of an old disk, and the product's own program to run on it; the checkpoint file is not his.
"""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from records.audit.verify import Finding, Tampering
from records.store.audit_log import ChainBehind, verify, write_checkpoint
from records.store.database import DEFAULT_TENANT

from .conftest import Store, in_tenant

OTHER_TENANT = UUID("00000000-0000-4000-8000-0000000000ff")
COPY_ROW = "insert into audit_entry select tenant_id, {}, recorded_us, leaf, hash from audit_entry where number = 2"


async def as_superuser(store: Store, cluster: Any, *statements: str) -> None:
    connection = await asyncpg.connect(cluster.admin(store.url.partition("?")[0].rpartition("/")[2]))
    try:
        await connection.execute("set session_replication_role = replica")  # no trigger fires
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def found(store: Store) -> Finding | None:
    return (await verify(store.database, DEFAULT_TENANT, store.folder)).finding


async def pinned(store: Store) -> int:
    checkpoint = await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)
    assert checkpoint is not None
    return checkpoint.number


async def go_back(store: Store, cluster: Any, number: int) -> None:
    """Bring back the database of an earlier day: what a copied disk holds."""
    await as_superuser(
        store, cluster, f"delete from audit_entry where number > {number}",
        f"update audit_head set number = {number}, hash = (select hash from audit_entry where number = {number})",
    )  # fmt: skip


class TestRowsWhereTheChainDoesNotLook:
    """A search of the audit log shows them, so the verifier must."""

    @pytest.mark.parametrize("number", [-7, 0])
    async def test_before_the_first_entry(self, store: Store, cluster: Any, number: int) -> None:
        await store.visit()
        await as_superuser(store, cluster, COPY_ROW.format(number))
        assert await found(store) == Finding(Tampering.INSERTED, number)

    async def test_beyond_the_head(self, store: Store, cluster: Any) -> None:
        await store.visit()
        head = (await verify(store.database, DEFAULT_TENANT, store.folder)).last_number + 1  # and that of verifying
        await as_superuser(store, cluster, COPY_ROW.format(head + 1))
        assert await found(store) == Finding(Tampering.INSERTED, head + 1)


class TestCutTail:
    async def test_what_came_after_the_last_checkpoint_is_not_missed(self, store: Store, cluster: Any) -> None:
        """The limit that the README tells: head and newest entries, both changed within a minute."""
        await store.visit()
        number = await pinned(store)
        await store.visit()
        await go_back(store, cluster, number)
        assert await found(store) is None


class TestFork:
    """An old disk and the product's own program: entries that are chained, and even checkpoints that are signed."""

    async def test_an_old_database_with_the_new_checkpoints(self, store: Store, cluster: Any) -> None:
        await store.visit()
        old = await pinned(store)
        await store.visit()
        await pinned(store)
        await go_back(store, cluster, old)
        assert await found(store) == Finding(Tampering.CUT_TAIL, old + 1)
        with pytest.raises(ChainBehind):
            await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)

    async def test_that_has_grown_past_them(self, store: Store, cluster: Any) -> None:
        await store.visit()
        old = await pinned(store)
        await store.visit()
        newest = await pinned(store)
        await go_back(store, cluster, old)
        for _ in range(3):
            await store.visit()
        assert await found(store) == Finding(Tampering.REWRITTEN, old + 1, newest)

    async def test_that_has_grown_as_long_as_they_are(self, store: Store, cluster: Any) -> None:
        await store.visit()
        old = await pinned(store)
        await store.visit()
        await pinned(store)
        await go_back(store, cluster, old)
        await store.visit()
        with pytest.raises(ChainBehind):
            await write_checkpoint(store.database, DEFAULT_TENANT, store.folder)

    async def test_two_signed_checkpoints_of_one_number(self, store: Store, cluster: Any) -> None:
        """Signed on the copy by the copy's program, then added to the file."""
        await store.visit()
        old = await pinned(store)
        await store.visit()
        newest = await pinned(store)
        await go_back(store, cluster, old)
        await store.visit()
        elsewhere = store.folder / "copy"
        assert (await write_checkpoint(store.database, DEFAULT_TENANT, elsewhere)) is not None
        path = f"audit/{DEFAULT_TENANT}.checkpoints"
        with (store.folder / path).open("a") as file:
            file.write((elsewhere / path).read_text())
        assert await found(store) == Finding(Tampering.REWRITTEN, old + 1, newest)


class TestOtherTenant:
    """A whole chain, moved: each begins with a hash of its tenant's id."""

    async def test_two_tenants_chains_swapped(self, store: Store, cluster: Any) -> None:
        await store.database.add_tenant(OTHER_TENANT, "other")
        async with store.database.unit(in_tenant(OTHER_TENANT)) as unit:
            await unit.audit.record("R", "patient")
        away = UUID(int=9)
        for table in ("audit_entry", "audit_head"):
            swap = f"update {table} set tenant_id = '{{}}' where tenant_id = '{{}}'"
            pairs = ((away, DEFAULT_TENANT), (DEFAULT_TENANT, OTHER_TENANT), (OTHER_TENANT, away))
            await as_superuser(store, cluster, *(swap.format(*pair) for pair in pairs))
        assert await found(store) == Finding(Tampering.CHANGED, 1)
