"""Requests that are served together: one transaction, and yet each its own answer, refusal and audit entry."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import pytest

from records.actors import Actor, ActorKind, Purpose
from records.fhir import text
from records.fhir.query import Access, Grant, Tokens
from records.fhir.search import Surroundings, parse_searches
from records.store.database import DEFAULT_TENANT
from records.store.pages import Page
from records.store.resource_groups import Request
from records.store.resources import Stored
from tests.records.store.conftest import SYSTEM, Store

CLIENT = Actor(DEFAULT_TENANT, ActorKind.SERVICE, "client-1", Purpose.TREAT, "request")
ALL = Access("client-1", {"Patient": (Grant(frozenset("cruds")),), "Observation": (Grant(frozenset("cruds")),)})
SOME = Access("client-1", {"Patient": (Grant(frozenset("cruds"), (Tokens(("nothing",)),)),)})
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _named(number: int, **changes: Any) -> dict[str, Any]:
    names = [{"family": f"Family{number}"}]
    return {"resourceType": "Patient", "id": str(UUID(int=number + 1)), "name": names, **changes}


def _request(number: int, access: Access = ALL, **what: Any) -> Request:
    return Request(replace(CLIENT, request_id=f"request-{number}"), access, "Patient", **what)


async def _created(store: Store, count: int) -> list[Stored]:
    groups = store.database.resource_groups
    requests = [_request(n, resource=_named(n)) for n in range(count)]
    found = await asyncio.gather(*(groups.create(request) for request in requests))
    return [stored for stored in found if stored is not None]


async def _audited(store: Store, action: str) -> list[Mapping[str, Any]]:
    async with store.database.unit(SYSTEM) as unit:
        sql = "select leaf::text from audit_entry where leaf ->> 'actor' = 'client-1' order by number"
        leaves = [text.loads(row[0]) for row in await unit.raw.fetch(sql)]
    return [leaf for leaf in leaves if leaf["action"] == action]


class TestTogether:
    async def test_each_request_has_its_own_entry_in_the_chain(self, store: Store) -> None:
        made = await _created(store, 10)
        groups = store.database.resource_groups
        await asyncio.gather(*(groups.read(_request(n + 50, id=stored.id)) for n, stored in enumerate(made)))
        creations, reads = await _audited(store, "C"), await _audited(store, "R")
        assert {(e["request"], e["entity"]) for e in creations} == {
            (f"request-{n}", _named(n)["id"]) for n in range(10)
        }
        assert {(e["request"], e["patient"]) for e in reads} == {
            (f"request-{n + 50}", _named(n)["id"]) for n in range(10)
        }

    async def test_each_search_has_its_own_matches(self, store: Store) -> None:
        await _created(store, 12)
        around = Surroundings(NOW, "https://here/fhir", is_strict=True)
        requests = []
        for n in range(12):
            (query,) = parse_searches(["Patient"], [("family:exact", f"Family{n}")], around)
            requests.append(_request(n, query=query, page=Page("client-1", (), "Patient")))
        found = await asyncio.gather(*(store.database.resource_groups.search(request) for request in requests))
        assert [[m.id for m in result.matches] for result in found if result is not None] == [
            [_named(n)["id"]] for n in range(12)
        ]
        assert [result.total for result in found if result is not None] == [1] * 12

    async def test_searches_by_one_token_and_others_keep_apart(self, store: Store) -> None:
        await _created(store, 3)
        asked = [
            ("identifier=urn:x|2", [2]), ("identifier=urn:x|1", [1]), ("identifier=urn:x|9", []),
            ("identifier=urn:x|1,urn:x|2", [1, 2]), ("identifier=urn:x|0&_count=1", [0]),
            ("gender=male", []), (f"_id={_named(1)['id']}", [1]), ("family:exact=Family2", [2]),
            ("active=true", [0, 1]), ("active=true&_count=1", [0]), ("gender=none", []),
            ("active=true,false", [0, 1, 2]),
        ]  # fmt: skip
        for n in range(3):
            identifier = [{"system": "urn:x", "value": str(n)}]
            changed = _request(n, id=_named(n)["id"], resource=_named(n, active=n < 2, identifier=identifier))
            assert await store.database.resource_groups.update(changed) is not None
        around = Surroundings(NOW, "https://here/fhir", is_strict=True)
        requests = []
        for n, (search, _) in enumerate(asked):
            (query,) = parse_searches(["Patient"], parse_qsl(search), around)
            requests.append(_request(n, query=query, page=Page("client-1", tuple(parse_qsl(search)), "Patient")))
        found = await asyncio.gather(*(store.database.resource_groups.search(request) for request in requests))
        answers = [r for r in found if r is not None]
        assert [[m.id for m in r.matches] for r in answers] == [[_named(n)["id"] for n in ns] for _, ns in asked]
        assert [r.total for r in answers] == [1, 1, 0, 2, 1, 0, 1, 1, 2, None, 0, 3]
        assert [r.next_page is not None for r in answers] == [False] * 9 + [True] + [False] * 2

    async def test_each_update_makes_its_own_version(self, store: Store) -> None:
        await _created(store, 8)
        requests = [_request(n, id=_named(n)["id"], resource=_named(n, active=n % 2 == 0)) for n in range(8)]
        found = await asyncio.gather(*(store.database.resource_groups.update(request) for request in requests))
        assert [stored.version for stored in found if stored is not None] == [2] * 8
        assert [text.loads(stored.content)["active"] for stored in found if stored is not None] == [True, False] * 4

    async def test_updates_of_one_resource_never_share_a_version(self, store: Store) -> None:
        await _created(store, 1)
        requests = [_request(n, id=_named(0)["id"], resource=_named(0, language=f"l{n}")) for n in range(8)]
        found = await asyncio.gather(*(store.database.resource_groups.update(request) for request in requests))
        versions = [stored.version for stored in found if stored is not None]
        assert sorted(versions) == list(range(2, 2 + len(versions)))

    async def test_a_tampered_resource_spoils_no_other_answer(self, store: Store) -> None:
        made = await _created(store, 6)
        async with store.database.unit(SYSTEM) as unit:
            await unit.raw.execute("update resource set content = '\\x00' where row = $1", made[3].row)
        groups = store.database.resource_groups
        found = await asyncio.gather(
            *(groups.read(_request(n, id=s.id)) for n, s in enumerate(made)), return_exceptions=True
        )
        assert not isinstance(found[3], Stored)
        refusals = [entry["request"] for entry in await _audited(store, "E")]
        assert set(refusals) <= {"request-3"}  # no other request is told to have failed
        assert {n for n, answer in enumerate(found) if isinstance(answer, BaseException)} <= {3}


class TestAlone:
    @pytest.mark.parametrize("changes", [{"id": "unknown"}, {"access": Access("client-1", {})}, {"access": SOME}])
    async def test_a_read_that_may_not_be(self, store: Store, changes: dict[str, Any]) -> None:
        await _created(store, 1)
        request = replace(_request(0, id=_named(0)["id"]), **changes)
        assert await store.database.resource_groups.read(request) is None

    @pytest.mark.parametrize("access", [SOME, Access("client-1", {})])
    async def test_writes_of_a_client_with_conditions(self, store: Store, access: Access) -> None:
        await _created(store, 1)
        groups = store.database.resource_groups
        assert await groups.create(_request(1, access, resource=_named(1))) is None
        assert await groups.update(_request(1, access, id=_named(0)["id"], resource=_named(0, active=True))) is None

    async def test_an_update_of_another_version(self, store: Store) -> None:
        await _created(store, 1)
        request = _request(1, id=_named(0)["id"], resource=_named(0, active=True), expected_version=7)
        assert await store.database.resource_groups.update(request) is None

    async def test_an_update_of_what_is_not_there(self, store: Store) -> None:
        request = _request(1, id="new", resource={"resourceType": "Patient", "id": "new"})
        assert await store.database.resource_groups.update(request) is None

    async def test_a_search_with_more_than_matches(self, store: Store) -> None:
        around = Surroundings(NOW, "https://here/fhir")
        (query,) = parse_searches(["Patient"], [("_total", "accurate")], around)
        assert await store.database.resource_groups.search(_request(1, query=query)) is None

    async def test_broken_glass(self, store: Store) -> None:
        (made,) = await _created(store, 1)
        request = replace(_request(1, id=made.id), actor=replace(CLIENT, purpose=Purpose.BTG, reason=str(uuid4())))
        assert await store.database.resource_groups.read(request) is None
