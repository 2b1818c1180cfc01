"""FHIR resources of one tenant: save, read, history, search, and the projection of a visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from records.fhir.errors import (
    BusinessRule,
    Conflict,
    Forbidden,
    ResourceGone,
    ResourceUnknown,
    VersionConflict,
)
from records.fhir.provenance import place_of
from records.fhir.query import Access, Query
from records.store.consent_rules import EXEMPT, flag_broken_glass, write_rules
from records.store.pages import Page, open_page
from records.store.projection import projected
from records.store.resource_blinds import FIELD, Blinds
from records.store.resource_history import HistoryPage, HistoryQuery, find_history, find_version, seen_or_gone
from records.store.resource_rows import (
    COLUMNS,
    LOCKED,
    IndexRows,
    Stored,
    opened,
    opened_all,
)
from records.store.resource_writes import Versions, insert_all, replace_all, supersede
from records.store.search_provenance import read_made
from records.store.search_run import SearchResult, run_search
from records.store.search_sql import Statement

if TYPE_CHECKING:
    from records.store.unit import Unit

Json = dict[str, Any]
# Writers of the same new id meet at the unique key; each loses at most once to each other writer.
MAX_ATTEMPTS = 5

__all__ = ["HistoryPage", "HistoryQuery", "Page", "Resources", "SearchResult", "Stored", "Write"]


@dataclass(frozen=True, slots=True)
class Write:
    """How a resource is to be saved."""

    expected_version: int | None = None
    """If-Match: the current version, else VersionConflict."""
    must_be_new: bool = False
    """Refuse to change an existing resource (POST, If-None-Match: *)."""
    must_exist: bool = False
    """If-Match: *. Refuse to create, and to revive what was deleted."""
    is_fresh: bool = False
    """The id was drawn at random just now, so there is no need to look for it first."""
    origin: str = "client"
    access: Access | None = None
    """Who writes; None for this program itself. The resource must be theirs to write before and after."""


class Resources:
    """`unit.resources`. Every call seals, authorises and audits inside the unit's transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._tenant = unit.actor.tenant_id

    async def project(self, visit_id: UUID) -> None:
        """
        Bring all resources of one visit in line with the visit's own records.

        Call after each domain change, in the same unit. Unchanged resources keep their version.
        """
        for resource in await projected(self._unit, visit_id):
            await self.save(resource, Write(origin="visit"))

    async def save(self, resource: Json, how: Write) -> Stored:
        """
        Write a new version of a valid resource, or return the current one when only meta would change.

        Raises VersionConflict, Conflict, BusinessRule (the resource belongs to a visit).
        """
        _refuse_made(resource["resourceType"], resource["id"])
        raw = self._unit.raw
        for _ in range(MAX_ATTEMPTS):
            key = (self._tenant, resource["resourceType"], resource["id"])
            record = None if how.is_fresh else await raw.fetchrow(LOCKED, *key)
            if record is not None:
                await self._allow_change(how.access, record, "u")
                saved = await self._update(resource, await opened(self._unit, record), how)
                await self._allow(how.access, saved.type, saved.row, "u")
                return saved
            if how.expected_version is not None or how.must_exist:
                raise VersionConflict("there is no such resource, so it has no version to match")
            (created,) = await insert_all(self._unit, [resource], how.origin, is_fresh=how.is_fresh)
            if created is not None:
                await self._allow(how.access, created.type, created.row, "c" if how.must_be_new else "u")
                return created
        raise Conflict("other writers were faster; try again")

    async def delete(self, type_: str, id_: str, how: Write) -> Stored | None:
        """Delete a resource; its history stays. None when there is none or it is deleted already (idempotent)."""
        _refuse_made(type_, id_)
        raw = self._unit.raw
        record = await raw.fetchrow(LOCKED, self._tenant, type_, id_)
        if record is None or record["deleted"]:
            return None
        await self._allow_change(how.access, record, "d")
        current = await opened(self._unit, record)
        _check(current, how)
        version, now = current.version + 1, self._unit.now
        nothing = Versions([current.patient_id], [None], [None], IndexRows(self._unit, [None]))
        await supersede(self._unit, current.origin, [current], nothing)
        await self._audit("D", current)
        if type_ == "Consent":
            await write_rules(self._unit, current, None)
        return replace(current, version=version, updated_at=now, content=b"", deleted=True)

    async def read(self, access: Access, type_: str, id_: str) -> Stored:
        """Give the current version. Raises ResourceUnknown, ResourceGone."""
        if place_of(type_, id_) is not None:
            return await read_made(self._unit, self._statement(access, "r"), id_)
        statement = self._statement(access, "r")
        condition = f"r.type = {statement.bind(type_)} and r.id = {statement.bind(id_)}"
        record = await self._visible_row(statement, type_, condition)
        if record["deleted"]:
            raise ResourceGone(f"{type_} {id_} was deleted", record["version"])
        found = (await opened_all(self._unit, [record]))[:1] or [await opened(self._unit, record)]
        await self._audit("R", found[0])
        await flag_broken_glass(self._unit, access, found)
        return found[0]

    async def read_version(self, access: Access, type_: str, id_: str, version: int) -> Stored:
        """Give one version. Raises ResourceUnknown; ResourceGone for the version that deleted it."""
        if place_of(type_, id_) is not None and version == 1:  # it never changes
            return await self.read(access, type_, id_)
        return await find_version(self._unit, self._statement(access, "r", at_history=True), (type_, id_), version)

    async def history(self, access: Access, query: HistoryQuery, page: Page) -> HistoryPage:
        """Give one page of versions, newest first. Raises ResourceUnknown for one that the client may not see."""
        if query.id is not None and place_of(query.types[0], query.id) is not None:
            return HistoryPage([await self.read(access, query.types[0], query.id)], 1, None)
        if query.id is not None:
            statement = self._statement(access, "r", at_history=True)
            (type_,) = query.types
            condition = f"r.type = {statement.bind(type_)} and r.id = {statement.bind(query.id)}"
            await self._visible_row(statement, type_, condition)
        statement = self._statement(access, "r", at_history=True)
        return await find_history(self._unit, statement, query, page)

    async def search(self, access: Access, queries: Sequence[Query], page: Page) -> SearchResult:
        """Give one page of what the client may see and any of the queries, one a type, asks for."""
        return await run_search(self._unit, self._statement(access, "s"), queries, page)

    async def page(self, client_id: str, path: str, token: str) -> Page:
        """Give the page that a link of this client stands for at an address. Raises BadSearch."""
        return await open_page(self._unit, client_id, path, token)

    def _statement(self, access: Access, interaction: str, at_history: bool = False) -> Statement:
        return Statement(self._tenant, access, Blinds(self._unit.index_keys), interaction, at_history)

    async def lock_criteria(self, criteria: str) -> None:
        """Take turns with other conditional writes on the same criteria until this unit ends (records.md §11: 1)."""
        number = int.from_bytes(self._unit.blind(FIELD, f"criteria {criteria}")[1:9], signed=True)
        await self._unit.raw.execute("select pg_advisory_xact_lock($1)", number)

    async def _allow_change(self, access: Access | None, record: Any, interaction: str) -> None:
        """Refuse to change what the client may not see; a patient without Consents needs no look."""
        if access is not None and record["has_rules"] and record["type"] not in EXEMPT:
            statement = self._statement(access, interaction)
            sql = f"select 1 from resource r where r.tenant_id = $1 and r.row = {statement.bind(record['row'])}"
            sql += f" and {statement.consented('r', record['type'])}"
            if await self._unit.raw.fetchval(sql, *statement.values) is None:
                raise ResourceUnknown(f"there is no such {record['type']}, or none that this client may see")
        await self._allow(access, record["type"], record["row"], interaction)

    async def _allow(self, access: Access | None, type_: str, row: int, interaction: str) -> None:
        if access is None or not access.is_limited(type_, interaction):
            return
        statement = self._statement(access, interaction)
        sql = f"select 1 from resource r where r.tenant_id = $1 and r.row = {statement.bind(row)}"
        sql += f" and {statement.covered('r', type_)}"
        if await self._unit.raw.fetchval(sql, *statement.values) is None:
            raise Forbidden("this client's scopes do not cover this resource")

    async def _visible_row(self, statement: Statement, type_: str, condition: str) -> Any:
        seen = seen_or_gone(statement, type_)
        sql = f"select {COLUMNS} from resource r where r.tenant_id = $1 and {condition} and {seen}"
        record = await self._unit.raw.fetchrow(sql, *statement.values)
        if record is None:
            raise ResourceUnknown(f"there is no such {type_}, or none that this client may see")
        return record

    async def create_all(self, resources: Sequence[Json], access: Access | None) -> list[Stored]:
        """Create valid resources whose ids were drawn at random just now, in one statement. Raises Conflict."""
        created = await insert_all(self._unit, resources, is_fresh=True)
        found = [stored for stored in created if stored is not None]
        if len(found) < len(resources):
            raise Conflict("an id was drawn twice; try again")
        for stored in found:
            await self._allow(access, stored.type, stored.row, "c")
        return found

    async def _update(self, resource: Json, current: Stored, how: Write) -> Stored:
        _check(current, how)
        return (await replace_all(self._unit, [(resource, current)], how.origin))[0]

    async def _audit(self, action: str, stored: Stored, detail: str | None = None) -> None:
        await self._unit.audit.record(
            action, stored.type, entity_id=stored.id, patient_id=stored.patient_id, detail=detail
        )


def _refuse_made(type_: str, id_: str) -> None:
    if place_of(type_, id_) is not None:
        raise BusinessRule("this Provenance is the server's own record of a write; send another one beside it")


def _check(current: Stored, how: Write) -> None:
    if how.must_be_new and not current.deleted:
        raise VersionConflict(f"{current.type} {current.id} exists")
    if how.expected_version not in (None, current.version) or how.must_exist and current.deleted:
        raise VersionConflict(f"the current version is {current.version}")
    if current.origin == "visit" and how.origin != "visit":
        raise BusinessRule("this resource mirrors a visit; it changes when the visit does")
