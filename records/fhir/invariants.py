"""Rules of the served types that a schema cannot see, by their R4 keys (obs-6, pat-1 …)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from records.fhir.dates import parse
from records.fhir.errors import Issue

Json = dict[str, Any]
Rule = Callable[[Json, str], Iterator[Issue]]


def check_own_rules(resource: Json, path: str) -> Iterator[Issue]:
    """Give the broken rules of one resource, without those of its datatypes (DATATYPE_RULES)."""
    yield from _domain_resource(resource, path)
    for rule in RULES.get(resource["resourceType"], ()):
        yield from rule(resource, path)


def _broken(key: str, text: str, path: str) -> Issue:
    return Issue("invariant", f"{key}: {text}", path)


def _domain_resource(resource: Json, path: str) -> Iterator[Issue]:
    for index, inner in enumerate(resource.get("contained", [])):
        if "contained" in inner:
            yield _broken("dom-2", "a contained resource has none inside", f"{path}.contained[{index}]")
        if {"versionId", "lastUpdated"} & set(inner.get("meta", {})):
            yield _broken("dom-4", "a contained resource has no version", f"{path}.contained[{index}].meta")
        if "security" in inner.get("meta", {}):
            yield _broken("dom-5", "a contained resource has no security label", f"{path}.contained[{index}].meta")


def period_faults(value: Json, path: str) -> Iterator[Issue]:
    """Give what is wrong with a Period: per-1."""
    start, end = parse(str(value.get("start", ""))), parse(str(value.get("end", "")))
    if start and end and start.low >= end.high:
        yield _broken("per-1", "a period's start is not after its end", path)


def _quantity(value: Json, path: str) -> Iterator[Issue]:
    if "code" in value and "system" not in value and "_system" not in value:
        yield _broken("qty-3", "a quantity's code needs its system", path)


def _contact_point(value: Json, path: str) -> Iterator[Issue]:
    if "value" in value and "system" not in value and "_system" not in value:
        yield _broken("cpt-2", "a contact's value needs its system", path)


QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration")
# Rules of datatypes, wherever one stands; by type, for a code and a value beside each other may be anything.
DATATYPE_RULES: dict[str, Rule] = {
    **dict.fromkeys(QUANTITIES, _quantity),
    "ContactPoint": _contact_point,
    "Period": period_faults,
}


def _patient(resource: Json, path: str) -> Iterator[Issue]:
    for index, contact in enumerate(resource.get("contact", [])):
        if not {"name", "telecom", "address", "organization"} & set(contact):
            yield _broken("pat-1", "a contact has a name, telecom, address or organization", f"{path}.contact[{index}]")


def _observation(resource: Json, path: str) -> Iterator[Issue]:
    has_value = any(n.startswith("value") for n in resource)
    if has_value and "dataAbsentReason" in resource:
        yield _broken("obs-6", "dataAbsentReason stands only without a value", f"{path}.dataAbsentReason")
    codes = _codes(resource.get("code"))
    for index, component in enumerate(resource.get("component", [])):
        if has_value and codes and codes == _codes(component.get("code")):
            yield _broken("obs-7", "no value where a component has the same code", f"{path}.component[{index}].code")
    for index, limits in enumerate(resource.get("referenceRange", [])):
        if not {"low", "high", "text"} & set(limits):
            yield _broken("obs-3", "a reference range has low, high or text", f"{path}.referenceRange[{index}]")


def _codes(concept: Any) -> set[tuple[Any, Any]]:
    return {(c.get("system"), c.get("code")) for c in (concept or {}).get("coding", [])}


def _condition(resource: Json, path: str) -> Iterator[Issue]:
    verification = {c for _, c in _codes(resource.get("verificationStatus"))}
    if "entered-in-error" in verification and "clinicalStatus" in resource:
        yield _broken("con-5", "no clinicalStatus when entered in error", f"{path}.clinicalStatus")
    clinical = {c for _, c in _codes(resource.get("clinicalStatus"))}
    abated = any(n.startswith("abatement") for n in resource)
    if abated and clinical and not clinical & {"inactive", "resolved", "remission"}:
        yield _broken("con-4", "an abated condition is inactive, resolved or in remission", f"{path}.clinicalStatus")
    for index, stage in enumerate(resource.get("stage", [])):
        if not {"summary", "assessment"} & set(stage):
            yield _broken("con-1", "a stage has a summary or an assessment", f"{path}.stage[{index}]")
    for index, evidence in enumerate(resource.get("evidence", [])):
        if not {"code", "detail"} & set(evidence):
            yield _broken("con-2", "evidence has a code or a detail", f"{path}.evidence[{index}]")


def _allergy(resource: Json, path: str) -> Iterator[Issue]:
    in_error = "entered-in-error" in {c for _, c in _codes(resource.get("verificationStatus"))}
    if in_error == ("clinicalStatus" in resource):
        yield _broken("ait-1", "clinicalStatus is there unless entered in error", f"{path}.clinicalStatus")


def _bundle(resource: Json, path: str) -> Iterator[Issue]:
    kind = resource.get("type")
    if "total" in resource and kind not in ("searchset", "history"):
        yield _broken("bdl-1", "total only in a searchset or history", f"{path}.total")
    seen: set[tuple[Any, Any]] = set()
    for index, entry in enumerate(resource.get("entry", [])):
        here = f"{path}.entry[{index}]"
        yield from _bundle_entry(entry, kind, here)
        meta = entry.get("resource", {}).get("meta", {})
        identity = (entry.get("fullUrl"), meta.get("versionId"))
        if identity[0] and kind not in ("history", "batch") and identity in seen:
            yield _broken("bdl-7", "a fullUrl occurs once", f"{here}.fullUrl")
        seen.add(identity)


def _bundle_entry(entry: Json, kind: Any, path: str) -> Iterator[Issue]:
    if ("request" in entry) != (kind in ("batch", "transaction", "history")):
        yield _broken("bdl-3", "request is there in a batch, transaction or history, and only there", f"{path}.request")
    if not {"resource", "request", "response"} & set(entry):
        yield _broken("bdl-5", "an entry has a resource, a request or a response", path)
    if "search" in entry and kind != "searchset":
        yield _broken("bdl-2", "search only in a searchset", f"{path}.search")


def _composition(resource: Json, path: str) -> Iterator[Issue]:
    for index, section in enumerate(resource.get("section", [])):
        if not {"text", "entry", "section"} & set(section):
            yield _broken("cmp-1", "a section has text, entries or sections", f"{path}.section[{index}]")
        if "emptyReason" in section and "entry" in section:
            yield _broken("cmp-2", "emptyReason only without entries", f"{path}.section[{index}].emptyReason")


def _consent(resource: Json, path: str) -> Iterator[Issue]:
    if not {"policy", "policyRule"} & set(resource):
        yield _broken("ppc-1", "a consent has a policy or a policyRule", f"{path}.policyRule")


def _questionnaire_response(resource: Json, path: str) -> Iterator[Issue]:
    for index, item in enumerate(resource.get("item", [])):
        if "answer" in item and "item" in item:
            yield _broken("qrs-1", "nested items of an answered item stand in the answer", f"{path}.item[{index}]")


def _appointment(resource: Json, path: str) -> Iterator[Issue]:
    status = resource.get("status")
    if ("start" in resource) != ("end" in resource):
        yield _broken("app-2", "start and end are given together", f"{path}.start")
    if "start" not in resource and status not in ("proposed", "cancelled", "waitlist", None):
        yield _broken("app-3", "only a proposed, cancelled or waiting appointment has no time", f"{path}.start")
    if "cancelationReason" in resource and status not in ("cancelled", "noshow"):
        yield _broken("app-4", "a reason only for cancelled or noshow", f"{path}.cancelationReason")
    for index, participant in enumerate(resource.get("participant", [])):
        if not {"type", "actor"} & set(participant):
            yield _broken("app-1", "a participant has a type or an actor", f"{path}.participant[{index}]")


def _organization(resource: Json, path: str) -> Iterator[Issue]:
    if not {"identifier", "name"} & set(resource):
        yield _broken("org-1", "an organization has an identifier or a name", path)
    for kind in ("address", "telecom"):
        for index, item in enumerate(resource.get(kind, [])):
            if item.get("use") == "home":
                key = "org-2" if kind == "address" else "org-3"
                yield _broken(key, "an organization has no home", f"{path}.{kind}[{index}].use")


def _task(resource: Json, path: str) -> Iterator[Issue]:
    changed, authored = parse(resource.get("lastModified", "")), parse(resource.get("authoredOn", ""))
    if changed and authored and changed.high <= authored.low:
        yield _broken("inv-1", "lastModified is not before authoredOn", f"{path}.lastModified")


def _medication_dispense(resource: Json, path: str) -> Iterator[Issue]:
    prepared, handed = parse(resource.get("whenPrepared", "")), parse(resource.get("whenHandedOver", ""))
    if prepared and handed and handed.high <= prepared.low:
        yield _broken("mdd-1", "whenHandedOver is not before whenPrepared", f"{path}.whenHandedOver")


def _service_request(resource: Json, path: str) -> Iterator[Issue]:
    if "orderDetail" in resource and "code" not in resource:
        yield _broken("prr-1", "orderDetail only with a code", f"{path}.orderDetail")


def _audit_event(resource: Json, path: str) -> Iterator[Issue]:
    for index, entity in enumerate(resource.get("entity", [])):
        if "name" in entity and "query" in entity:
            yield _broken("sev-1", "an entity has a name or a query, not both", f"{path}.entity[{index}].query")


def _questionnaire(resource: Json, path: str) -> Iterator[Issue]:
    seen: set[str] = set()
    pending = [(item, f"{path}.item[{i}]") for i, item in enumerate(resource.get("item", []))]
    while pending:
        item, here = pending.pop(0)
        if item.get("linkId") in seen:
            yield _broken("que-2", "a linkId occurs once", f"{here}.linkId")
        seen.add(item.get("linkId"))
        if item.get("type") == "group" and not item.get("item"):
            yield _broken("que-1", "a group has items", here)
        if item.get("type") == "display" and "item" in item:
            yield _broken("que-1", "a display item has no items", here)
        pending += [(child, f"{here}.item[{i}]") for i, child in enumerate(item.get("item", []))]


RULES: dict[str, tuple[Rule, ...]] = {
    "AllergyIntolerance": (_allergy,),
    "Appointment": (_appointment,),
    "AuditEvent": (_audit_event,),
    "Bundle": (_bundle,),
    "Composition": (_composition,),
    "Condition": (_condition,),
    "Consent": (_consent,),
    "MedicationDispense": (_medication_dispense,),
    "Observation": (_observation,),
    "Organization": (_organization,),
    "Patient": (_patient,),
    "Questionnaire": (_questionnaire,),
    "QuestionnaireResponse": (_questionnaire_response,),
    "ServiceRequest": (_service_request,),
    "Task": (_task,),
}
