"""Rules of patients' Consents as rows, and the predicate that decides by them inside every query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from records.crypto.blind_index import MARK_BYTES
from records.fhir.coded import CODED
from records.fhir.consent_rules import rules_of
from records.fhir.query import Access
from records.store.resource_blinds import Blinds

if TYPE_CHECKING:
    from records.store.resource_rows import Stored
    from records.store.unit import Unit

# A client may see why it sees nothing, and an auditor who looked: these types are not the patient's data.
EXEMPT = frozenset(("Consent", "AuditEvent"))

_DELETE = "delete from consent_rule where tenant_id = $1 and row = $2"
_INSERT = """insert into consent_rule (tenant_id, row, number, patient_id, depth, is_permit, valid_from, valid_until,
    actors, purposes, classes, data, is_related, needs, coded, data_from, data_until)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"""


async def write_rules(unit: Unit, stored: Stored, consent: dict[str, Any] | None) -> None:
    """Put the rules of a Consent's new version in place of those before; None for a deletion."""
    tenant = unit.actor.tenant_id
    if stored.version > 1 or consent is None:
        await unit.raw.execute(_DELETE, tenant, stored.row)
    if consent is None or stored.patient_id is None:
        return
    blinds = Blinds(unit.index_keys)
    coded = blinds.coded([CODED])
    rows = [
        (
            tenant, stored.row, number, stored.patient_id, rule.depth, rule.is_permit, rule.valid_from,
            rule.valid_until, rule.actors, rule.purposes, rule.classes, rule.data, rule.is_related,
            [blinds.coded(texts) for texts in rule.needs] or None, coded, rule.data_from, rule.data_until,
        )
        for number, rule in enumerate(rules_of(consent, unit.fhir_base))
    ]  # fmt: skip
    if rows:
        await unit.raw.executemany(_INSERT, rows)


async def rewrite_rules(unit: Unit, stored: Stored, consent: dict[str, Any]) -> None:
    """Write the rules of the current version once more, under every live index key."""
    await unit.raw.execute(_DELETE, unit.actor.tenant_id, stored.row)
    await write_rules(unit, stored, consent)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a predicate looks at: a resource as it is now, or all that it ever was."""

    alias: str
    at_history: bool = False
    """Codes and dates are known of the current version only: of others a denial covers all, a permission nothing."""

    def has_one(self, marks: str) -> str:
        """Tell whether one of several marks is among the resource's."""
        return (
            f"exists (select from generate_series(1, length({marks}), {MARK_BYTES}) i"
            f" where position(substring({marks} from i for {MARK_BYTES}) in {self.alias}.present) > 0)"
        )

    def is_coded_so(self, rule: str, is_permit: bool) -> str:
        """Give the test of a rule's codes and labels; a resource written before codes were marked cannot tell."""
        has_all = f"not exists (select from unnest({rule}.needs) g where not {self.has_one('g')})"
        if is_permit:
            return f"({rule}.needs is null or {self._one_version} and {has_all})"
        return f"({rule}.needs is null or not {self._one_version} or not {self.has_one(f'{rule}.coded')} or {has_all})"

    def is_dated_so(self, rule: str, is_permit: bool) -> str:
        """Give the test of a rule's period of the data; what has no date in the index cannot tell."""
        dates = f"select from resource_date z where z.tenant_id = $1 and z.row = {self.alias}.row"
        if is_permit:
            outside = f"{dates} and (z.low < {rule}.data_from or z.high > {rule}.data_until)"
            inside = f"{self._one_version} and exists ({dates}) and not exists ({outside})"
            return f"({rule}.data_from is null or {inside})"
        meets = f"exists ({dates} and z.low < {rule}.data_until and z.high > {rule}.data_from)"
        return f"({rule}.data_from is null or not {self._one_version} or not exists ({dates}) or {meets})"

    @property
    def _one_version(self) -> str:
        return f"({self.alias}.version = 1)" if self.at_history else "true"


def consented(looked: Looked, access: Access, bind: Callable[[Any], str]) -> str:
    """Give the predicate that no Consent of the patient denies a resource to the client."""
    alias = looked.alias
    actors, purpose = bind(list(access.actors)), bind(access.purpose)

    def applies(rule: str, is_permit: bool) -> str:
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
            f" and {looked.is_coded_so(rule, is_permit)} and {looked.is_dated_so(rule, is_permit)}"
        )

    return (
        f"not exists (select from consent_rule k where k.tenant_id = $1 and k.patient_id = {alias}.patient_id"
        f" and not k.is_permit and {applies('k', False)} and not exists (select from consent_rule j"
        f" where j.tenant_id = $1 and j.row = k.row and j.is_permit and j.depth > k.depth and {applies('j', True)}))"
    )


async def flag_broken_glass(unit: Unit, access: Access, found: Sequence[Stored]) -> None:
    """Flag every patient whose data a client with broken glass was shown."""
    if access.breaks_glass:
        for type_, patient_id in dict.fromkeys((s.type, s.patient_id) for s in found if s.patient_id is not None):
            await unit.break_glass.broken(type_, patient_id)
