"""Rules of patients' Consents as rows, and the predicate that decides by them inside every query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from records.fhir.consent_rules import rules_of
from records.fhir.query import Access

if TYPE_CHECKING:
    from records.store.resource_rows import Stored
    from records.store.unit import Unit

# A client may see why it sees nothing, and an auditor who looked: these types are not the patient's data.
EXEMPT = frozenset(("Consent", "AuditEvent"))

_DELETE = "delete from consent_rule where tenant_id = $1 and row = $2"
_INSERT = """insert into consent_rule (tenant_id, row, number, patient_id, depth, is_permit, valid_from, valid_until,
    actors, purposes, classes, data, is_related) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"""


async def write_rules(unit: Unit, stored: Stored, consent: dict[str, Any] | None) -> None:
    """Put the rules of a Consent's new version in place of those before; None for a deletion."""
    tenant = unit.actor.tenant_id
    if stored.version > 1 or consent is None:
        await unit.raw.execute(_DELETE, tenant, stored.row)
    if consent is None or stored.patient_id is None:
        return
    rows = [
        (
            tenant, stored.row, number, stored.patient_id, rule.depth, rule.is_permit, rule.valid_from,
            rule.valid_until, rule.actors, rule.purposes, rule.classes, rule.data, rule.is_related,
        )
        for number, rule in enumerate(rules_of(consent))
    ]  # fmt: skip
    if rows:
        await unit.raw.executemany(_INSERT, rows)


def consented(alias: str, access: Access, bind: Callable[[Any], str]) -> str:
    """Give the predicate that no Consent of the patient denies the resource `alias` to the client."""
    actors, purpose = bind(list(access.actors)), bind(access.purpose)

    def applies(rule: str) -> str:
        named = f"{alias}.type || '/' || {alias}.id"
        refers = (
            f"{rule}.is_related and exists (select from resource_reference z where z.tenant_id = $1"
            f" and z.row = {alias}.row and z.target_type || '/' || z.target_id = any({rule}.data))"
        )
        return (
            f"{rule}.valid_from <= now() and now() < {rule}.valid_until"
            f" and ({rule}.actors is null or {rule}.actors && {actors}::text[])"
            f" and ({rule}.purposes is null or {purpose}::text = any({rule}.purposes))"
            f" and ({rule}.classes is null or {alias}.type = any({rule}.classes))"
            f" and ({rule}.data is null or {named} = any({rule}.data) or {refers})"
        )

    return (
        f"not exists (select from consent_rule k where k.tenant_id = $1 and k.patient_id = {alias}.patient_id"
        f" and not k.is_permit and {applies('k')} and not exists (select from consent_rule j"
        f" where j.tenant_id = $1 and j.row = k.row and j.is_permit and j.depth > k.depth and {applies('j')}))"
    )


async def flag_broken_glass(unit: Unit, access: Access, found: Sequence[Stored]) -> None:
    """Flag every patient whose data a client with broken glass was shown."""
    if access.breaks_glass:
        for type_, patient_id in dict.fromkeys((s.type, s.patient_id) for s in found if s.patient_id is not None):
            await unit.break_glass.broken(type_, patient_id)
