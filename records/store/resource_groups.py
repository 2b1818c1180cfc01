"""
Reads, creations, updates and searches of one client, served together in one transaction (gathering.py).

Each request keeps its own audit entry and its own answer. Only what succeeds is done here: an answer of None means that
the caller runs the request in a unit of its own, where it is refused, and the refusal recorded, as usual.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.actors import Actor, Purpose
from records.fhir.identity import key_owner, patient_id_of
from records.fhir.index import SEPARATOR
from records.fhir.query import Access, Clause, Ids, Query, Tokens
from records.store.gathering import Gathering
from records.store.pages import Page
from records.store.resource_blinds import Blinds
from records.store.resource_rows import (
    COLUMNS,
    Stored,
    opened_all,
)
from records.store.resource_tokens import INDEXED
from records.store.resource_writes import insert_all, replace_all
from records.store.search_run import Asked, SearchResult, is_plain, run_plain, token_asked
from records.store.search_sql import Statement

if TYPE_CHECKING:
    from records.store.database import Database
    from records.store.unit import Unit

Json = dict[str, Any]
# Searches in one statement: 1.5 kB each, and asyncpg keeps a statement of up to 15 kB prepared.
MAX_BRANCHES = 8


@dataclass(frozen=True, slots=True)
class Request:
    """What one caller asks for."""

    actor: Actor
    access: Access
    type: str
    id: str = ""
    resource: Json | None = None
    """What to save; valid, with its id."""
    expected_version: int | None = None
    query: Query | None = None
    page: Page = field(default_factory=lambda: Page(""))

    @property
    def key(self) -> Hashable:
        """Requests with equal keys may share a transaction: one client, one purpose, one set of scopes, one type."""
        actor = self.actor
        return actor.tenant_id, actor.kind, actor.id, actor.purpose, id(self.access), self.type, self.is_lookup

    @property
    def is_lookup(self) -> bool:
        """Whether the answer is a few rows whatever the values: by ids, or by what identifies."""
        return self.query is None or any(map(_identifies, self.query.where))


class ResourceGroups:
    """`database.resource_groups`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = self._gathering(_read)
        self._creations = self._gathering(_create)
        self._updates = self._gathering(_update)
        self._searches: Gathering[Request, SearchResult] = self._gathering(_search)
        # Any of these may take seconds; who asks after it began need not wait for its end.
        self._scans: Gathering[Request, SearchResult] = self._gathering(_search, is_eager=True)

    async def read(self, request: Request) -> Stored | None:
        """Give the current version; None for what the client may not see, what is deleted and what cannot be opened."""
        return await self._reads.join(request.key, request) if _is_shared(request, "r") else None

    async def create(self, request: Request) -> Stored | None:
        """Create a valid resource whose id was drawn at random just now."""
        return await self._creations.join(request.key, request) if _is_shared_write(request, "c") else None

    async def update(self, request: Request) -> Stored | None:
        """Save a new version of an existing resource; None when it is new, or may not be changed in this way."""
        return await self._updates.join(request.key, request) if _is_shared_write(request, "u") else None

    async def search(self, request: Request) -> SearchResult | None:
        """Give the first page of a query; None where a page takes more than its matches (totals, includes)."""
        if request.query is None or not is_plain(request.query, request.page) or not _is_shared(request, "s"):
            return None
        gathering = self._searches if request.is_lookup else self._scans
        return await gathering.join(request.key, request)

    async def close(self) -> None:
        """Let what is under way end. Call before the database closes."""
        for gathering in (self._reads, self._creations, self._updates, self._searches, self._scans):
            await gathering.close()

    def _gathering(
        self, serve: Callable[[Unit, Sequence[Request]], Awaitable[Sequence[Any]]], *, is_eager: bool = False
    ) -> Gathering[Any, Any]:
        async def run(requests: Sequence[Request]) -> Sequence[Any]:
            async with self._database.unit(requests[0].actor, plans_once=requests[0].is_lookup) as unit:
                unit.audit.serve([request.actor for request in requests])
                return await serve(unit, requests)

        return Gathering(run, is_eager=is_eager)


def _identifies(clause: Clause) -> bool:
    """Ids, identifiers with a value, phone numbers: nearly unique, unlike `gender=female` or `identifier=system|`."""
    if not isinstance(clause, Tokens) or clause.is_negated:
        return isinstance(clause, Ids) and not clause.is_negated
    parts = [text.partition(SEPARATOR) for text in clause.any_of]
    return all(key.endswith((".identifier", ".telecom")) and v[:1] == "t" and v[-1] != "|" for key, _, v in parts)


def _is_shared(request: Request, interaction: str) -> bool:
    """Broken glass is flagged for each patient, which a unit of its own does; two types are made when asked for."""
    is_usual = request.actor.purpose is not Purpose.BTG and request.type not in ("AuditEvent", "Provenance")
    return is_usual and request.access.permits(request.type, interaction)


def _is_shared_write(request: Request, interaction: str) -> bool:
    """Whether nothing has to be looked up before and after the write: a scope's conditions, a Consent's rules."""
    is_usual = _is_shared(request, interaction) and request.type != "Consent"
    return is_usual and not request.access.is_limited(request.type, interaction)


def _statement(unit: Unit, request: Request, interaction: str) -> Statement:
    return Statement(request.actor.tenant_id, request.access, Blinds(unit.index_keys), interaction)


async def _search(unit: Unit, requests: Sequence[Request]) -> list[SearchResult | None]:
    found: list[SearchResult | None] = [None] * len(requests)
    asked = [(n, Asked(r.actor, r.query, r.page)) for n, r in enumerate(requests) if r.query is not None]
    is_lookup = requests[0].is_lookup and len(unit.index_keys) == 1
    by_token = [each for each in asked if is_lookup and token_asked(each[1].query) is not None]
    others = [each for each in asked if each not in by_token]
    for portion in [by_token, *_portions(others)] if by_token else _portions(others):
        statement = _statement(unit, requests[0], "s")
        results = await run_plain(unit, statement, [each for _, each in portion], by_token=portion is by_token)
        for (n, _), result in zip(portion, results, strict=True):
            found[n] = result
    return found


def _portions(asked: Sequence[tuple[int, Asked]]) -> Iterator[Sequence[tuple[int, Asked]]]:
    """Cut into lengths of 8, 4, 2 and 1: each is another statement, and the driver keeps few of them prepared."""
    begin = 0
    while begin < len(asked):
        size = min(MAX_BRANCHES, 1 << ((len(asked) - begin).bit_length() - 1))
        yield asked[begin : begin + size]
        begin += size


async def _read(unit: Unit, requests: Sequence[Request]) -> list[Stored | None]:
    type_ = requests[0].type
    statement = _statement(unit, requests[0], "r")
    ids = statement.bind(list({r.id for r in requests}))
    sql = (
        f"select {COLUMNS} from resource r where r.tenant_id = $1 and r.type = {statement.bind(type_)}"
        f" and r.id = any({ids}) and not r.deleted and {statement.visible('r', type_)}"
    )
    found = {s.id: s for s in await opened_all(unit, await unit.raw.fetch(sql, *statement.values))}
    for request in requests:
        if (stored := found.get(request.id)) is not None:
            _audit(unit, request, "R", stored)
    return [found.get(r.id) for r in requests]


async def _create(unit: Unit, requests: Sequence[Request]) -> list[Stored | None]:
    resources = [r.resource for r in requests if r.resource is not None]
    return await insert_all(unit, resources, is_fresh=True, actors=[r.actor for r in requests])


async def _update(unit: Unit, requests: Sequence[Request]) -> list[Stored | None]:
    """The first of several that change one resource is served; the others go alone, after it."""
    first = {r.id: n for n, r in reversed(list(enumerate(requests)))}
    type_, statement = requests[0].type, _statement(unit, requests[0], "u")
    sql = (
        f"select {COLUMNS}, {INDEXED} from resource r where r.tenant_id = $1 and r.type = {statement.bind(type_)}"
        f" and r.id = any({statement.bind(sorted(first))}) and not r.deleted and {statement.visible('r', type_)}"
        f" order by r.id for update of r skip locked"  # who meets a long transaction waits for it alone
    )
    records = await unit.raw.fetch(sql, *statement.values)
    places, changes = [], []
    for current in await opened_all(unit, records):
        place = first[current.id]
        resource = requests[place].resource
        if resource is None:
            continue
        owner = key_owner(patient_id_of(resource, unit.fhir_base))
        if _may_change(requests[place], owner, current):
            places.append(place)
            changes.append((resource, current))
    saved = await replace_all(unit, changes, actors=[requests[place].actor for place in places])
    answers: list[Stored | None] = [None] * len(requests)
    for place, stored in zip(places, saved, strict=True):
        answers[place] = stored
    return answers


def _may_change(request: Request, owner: UUID | None, current: Stored) -> bool:
    """What is refused here goes alone, and gets its reason there."""
    is_expected = request.expected_version in (None, current.version)
    stays = current.patient_id in (None, owner)
    return is_expected and stays and current.origin != "visit"


def _audit(unit: Unit, request: Request, action: str, stored: Stored) -> None:
    unit.audit.record_of(request.actor, action, stored.type, entity_id=stored.id, patient_id=stored.patient_id)
