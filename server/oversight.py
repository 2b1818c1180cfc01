"""What a privacy officer looks at: a patient's file from outside, who looked into it, the state of the safeguards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from records import erasure
from records.actors import Actor, ActorKind, Purpose
from records.audit.verify import Report
from records.errors import RecordsError
from records.store import audit_log
from records.store.audit import Recorded
from records.store.break_glass import FLAG
from records.store.database import DEFAULT_TENANT, Database
from records.store.erasures import Outlook
from records.store.oversight import chain_head, key_levels
from records.store.unit import Unit
from server import people, privacy
from server.clock import Clock
from server.errors import BasisNotAvailable
from server.visits import Services

log = logging.getLogger("teleconsult.oversight")

MAX_FOUND = 20  # more than that is no search for one person
TRAIL_PAGE = 200  # entries of the chain; a case that is opened makes about ten
# Entries between two turns of the loop that also serves calls: 500 take about 10 ms.
CHECK_PAGE = 500
CHECKED, BACKED_UP, DRILLED = "audit.check", "backup.last", "backup.drill"


async def find(services: Services, actor: Actor, by: str, value: str) -> list[dict[str, Any]]:
    """Return patients by telephone number, identifier (of any system) or the beginning of a name; masked."""
    async with services.database.unit(actor) as unit:
        match by:
            case "phone":
                ids = await unit.patients.find_by_phone(value)
            case "identifier":
                ids = await unit.patients.find_by_identifier(None, value)
            case _:
                ids = await unit.patients.find_by_name(value)
        return [await people.patient(unit, each) for each in ids[:MAX_FOUND]]


async def patient(services: Services, actor: Actor, patient_id: UUID) -> dict[str, Any]:
    """Return what an officer decides by: holds, consents, what an erasure would meet. Raises NotFound."""
    now, country = services.clock.now(), services.settings.country
    async with services.database.unit(actor) as unit:
        outlook = await unit.erasures.outlook(patient_id)
        return {
            **await people.patient(unit, patient_id),
            "erased_at": _iso(outlook.erased_at),
            "term_ends": None if outlook.term_ends is None else outlook.term_ends.date().isoformat(),
            "holds": await privacy.holds_in(unit, patient_id),
            "consents": await _consents(unit, patient_id),
            "destroys": dict(outlook.counts),
            "bases": [_basis(basis, outlook, country, now) for basis in erasure.ErasureBasis],
        }


def _basis(basis: erasure.ErasureBasis, outlook: Outlook, country: str, now: datetime) -> dict[str, Any]:
    """Say whether an erasure on this basis would be refused now, by the same rules that refuse it."""
    refused = None
    try:
        privacy.basis_of(basis.value, country)
        erasure.check(basis, outlook.term_ends, outlook.holds > 0, now)
    except (BasisNotAvailable, RecordsError) as error:
        refused = error.code
    return {"basis": basis.value, "refused_by": refused and refused.replace("_", "-")}


async def _consents(unit: Unit, patient_id: UUID) -> list[dict[str, Any]]:
    return [
        {"visit_id": str(visit_id), "scope": answer.scope.value, "given": answer.given,
         "text_version": answer.text_version, "at": answer.at.isoformat()}
        for visit_id, answer in await unit.consents.of_patient(patient_id)
    ]  # fmt: skip


async def trail(services: Services, actor: Actor, patient_id: UUID, before: int | None) -> dict[str, Any]:
    """Return who did what with a patient's record, newest first; `next` is where the next page begins."""
    async with services.database.unit(actor) as unit:
        entries = await unit.audit.trail(patient_id, before=before, limit=TRAIL_PAGE)
        rows = accesses(entries)
        names = await people.names(unit, [row["actor_id"] for row in rows])
    for row in rows:
        row["actor"] = names.get(row["actor_id"])
    return {"rows": rows, "next": entries[-1].number if len(entries) == TRAIL_PAGE else None}


def accesses(entries: Sequence[Recorded]) -> list[dict[str, Any]]:
    """
    Gather entries, newest first, into what a person would call one look: those of one request, then those that only
    repeat the one before (`times`, back to `since`).
    """
    requests: dict[tuple[str, str], list[Recorded]] = {}
    for entry in entries:
        requests.setdefault((entry.fields["actor"], entry.fields["request"]), []).append(entry)
    rows: list[dict[str, Any]] = []
    for looks in requests.values():
        row = _look(looks)
        if rows and _repeats(rows[-1], row):
            rows[-1].update(times=rows[-1]["times"] + 1, since=row["since"])
        else:
            rows.append(row)
    return rows


def _look(entries: Sequence[Recorded]) -> dict[str, Any]:
    newest = entries[0].fields
    done: dict[str, set[str]] = {}
    for entry in entries:
        done.setdefault(entry.fields["entity_type"], set()).add(entry.fields["action"])
    return {
        "at": entries[0].recorded_at.isoformat(), "since": entries[-1].recorded_at.isoformat(), "times": 1,
        "actor_id": newest["actor"], "actor_kind": newest["actor_kind"], "purpose": newest["purpose"],
        "what": [{"object": name, "actions": sorted(actions)} for name, actions in sorted(done.items())],
        "refused": any(entry.fields["outcome"] != "0" for entry in entries),
        "broke_glass": any(entry.fields.get("detail") == FLAG for entry in entries),
    }  # fmt: skip


def _repeats(before: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(before[name] == row[name] for name in row if name not in ("at", "since", "times"))


async def safeguards(services: Services, actor: Actor, check: AuditCheck) -> dict[str, Any]:
    """Return the state of the audit chain, of key rotation and of backups."""
    data_dir = services.settings.data_dir
    checkpoint = await asyncio.to_thread(audit_log.last_checkpoint, data_dir, actor.tenant_id)
    async with services.database.unit(actor) as unit:
        head, levels = await chain_head(unit), await key_levels(unit)
        told = {name: await unit.settings.get(name) for name in (CHECKED, BACKED_UP, DRILLED)}
    signed = None if checkpoint is None else {
        "number": checkpoint.number, "at": _from_us(checkpoint.recorded_us), "key_version": checkpoint.key_version,
    }  # fmt: skip
    return {
        "audit": {"entries": head.number, "newest_at": _iso(head.recorded_at), "checkpoint": signed,
                  "checking": check.is_running, "check_failed": check.failed, "checked": told[CHECKED]},
        "keys": [{"kind": each.kind, "version": each.version, "created_at": each.created_at.isoformat(),
                  "older": each.older, "behind": each.behind} for each in levels],
        "backup": told[BACKED_UP],
        "drill": told[DRILLED],
    }  # fmt: skip


class AuditCheck:
    """Verifies the whole chain beside the calls that this process serves; one at a time, the last result is kept."""

    def __init__(self, database: Database, clock: Clock, data_dir: Path) -> None:
        self._database, self._clock, self._data_dir = database, clock, data_dir
        self._task: asyncio.Task[None] | None = None
        self.failed: str | None = None
        """Why the last check of this process gave no result; a code."""

    @property
    def is_running(self) -> bool:
        """Whether a check is under way."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin, unless one is under way."""
        if not self.is_running:
            self._task = asyncio.create_task(self._run(), name="audit check")

    async def close(self) -> None:
        """End what is under way; called once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        self.failed = None
        try:
            await self._keep(await self._verified())
        except (RecordsError, OSError) as error:
            self.failed = getattr(error, "code", "unexpected").replace("_", "-")
            log.warning("audit.check-failed", extra={"error": type(error).__name__})

    async def _verified(self) -> dict[str, Any]:
        try:
            report = await audit_log.verify(self._database, DEFAULT_TENANT, self._data_dir, CHECK_PAGE)
        except audit_log.CheckpointForged as error:
            return {"is_sound": False, "tampering": error.code, "number": error.line}
        return _told(report)

    async def _keep(self, result: dict[str, Any]) -> None:
        actor = Actor(DEFAULT_TENANT, ActorKind.SYSTEM, "audit", Purpose.SYSADMIN, "audit-check")
        async with self._database.unit(actor) as unit:
            await unit.settings.put(CHECKED, {**result, "at": self._clock.now().isoformat()})


def _told(report: Report) -> dict[str, Any]:
    finding = report.finding
    return {
        "is_sound": report.is_sound, "entries": report.entries, "checkpoints": report.checkpoints,
        "tampering": None if finding is None else finding.tampering.value,
        "number": None if finding is None else finding.number,
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _from_us(recorded_us: int) -> str:
    return datetime.fromtimestamp(recorded_us / 1_000_000, UTC).isoformat()
