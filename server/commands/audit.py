"""`audit verify`: the whole chain, entry by entry, against itself and the checkpoints outside the database."""

from __future__ import annotations

import asyncio

from records.audit.verify import Report
from records.store import audit_log
from records.store.database import DEFAULT_TENANT
from server.commands.reach import opened, reachable
from server.config import Settings


def verify(settings: Settings) -> int:
    """Print what was found; 0 for a sound chain, 1 for a broken one."""
    with reachable(settings) as reached:
        report = asyncio.run(_verify(reached))
    print(sentence(report))
    return 0 if report.is_sound else 1


async def _verify(settings: Settings) -> Report:
    async with opened(settings) as database:
        return await audit_log.verify(database, DEFAULT_TENANT, settings.data_dir)


def sentence(report: Report) -> str:
    """Return the report in words."""
    checked = f"{report.entries} entries, {report.checkpoints} checkpoints"
    if report.finding is None:
        return f"The audit chain is sound: {checked}; the last is number {report.last_number}."
    finding = report.finding
    other = "" if finding.other is None else f" (and {finding.other})"
    return f"The audit chain is broken at entry {finding.number}{other}: {finding.tampering.value}. Checked: {checked}."
