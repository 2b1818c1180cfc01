"""Provenance of a version, made of what the version keeps: its time, its writer, its place in the history. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from records.actors import Actor, ActorKind
from records.fhir import terminology as t

Json = dict[str, Any]
TYPE = "Provenance"
TARGET, WHO, AGENT_TYPE = "Provenance.target", "Provenance.agent.who", "Provenance.agent.type"
RECORDED = "Provenance.recorded"
WHO_IDENTIFIER = WHO + ":identifier"
# Elements that each of them has, by the keys of the index.
PRESENT = frozenset((TARGET, WHO, AGENT_TYPE, RECORDED, "Provenance.id"))
_ID = re.compile(r"([wx])\.([A-Z][A-Za-z]+)\.(\d{1,7})\.(.+)")
MAX_ID = 64
HASH_DIGITS = 32
_OPERATIONS = {"CREATE": "create", "UPDATE": "revise", "DELETE": "delete"}
# Who answers for what was written; this program only puts together what others said.
ROLES = {kind.value: "assembler" if kind is ActorKind.SYSTEM else "author" for kind in ActorKind}


@dataclass(frozen=True, slots=True)
class Written:
    """A version as its row tells of it."""

    type: str
    id: str
    version: int
    recorded_at: datetime
    is_deletion: bool
    author: str | None
    """`kind:id` of the actor; None for a version from before this was kept."""
    patient_id: str | None
    organization: str | None = None
    """`Organization/o1`, on whose behalf a client writes."""


def author_of(actor: Actor) -> str:
    """Give the text that a version keeps of its writer."""
    return f"{actor.kind.value}:{actor.id}"


@dataclass(frozen=True, slots=True)
class Place:
    """Which version an id of a Provenance is about."""

    type: str
    version: int
    id: str
    is_hash: bool
    """`id` is not the resource's, which would be too long, but HASH_DIGITS of its SHA-256."""


def id_of(type_: str, id_: str, version: int) -> str:
    """
    Give the id of a version's Provenance.

    It tells what its target tells. A number of the row would tell how much is written about others.
    """
    if len(id_) <= longest_told(type_, version):
        return f"w.{type_}.{version}.{id_}"
    return f"x.{type_}.{version}.{hashlib.sha256(id_.encode()).hexdigest()[:HASH_DIGITS]}"


def longest_told(type_: str, version: int) -> int:
    """Give how long a resource's id may be to stand in that of its Provenance."""
    return MAX_ID - len(f"w.{type_}.{version}.")


def place_of(type_: str, id_: str) -> Place | None:
    """Give what an id that the server made is about; None for every other resource."""
    match = _ID.fullmatch(id_) if type_ == TYPE else None
    return Place(match[2], int(match[3]), match[4], match[1] == "x") if match else None


def provenance(written: Written) -> Json:
    """Give the resource. It never changes, so it has one version."""
    at = written.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    code = "DELETE" if written.is_deletion else "CREATE" if written.version == 1 else "UPDATE"
    return {
        "resourceType": TYPE,
        "id": id_of(written.type, written.id, written.version),
        "meta": {"versionId": "1", "lastUpdated": at},
        "target": [{"reference": f"{written.type}/{written.id}/_history/{written.version}"}],
        "recorded": at,
        "activity": t.concept(t.DATA_OPERATION, code, _OPERATIONS[code]),
        "agent": [_agent(written)],
    }


def _agent(written: Written) -> Json:
    if written.author is None:
        return {"who": {"display": "not recorded"}}
    kind, _, id_ = written.author.partition(":")
    who: Json = {"identifier": {"system": t.OURS + kind, "value": id_}}
    if kind == ActorKind.PRACTITIONER.value:
        who = {"reference": f"Practitioner/{id_}", **who}
    elif kind == ActorKind.PATIENT.value and written.patient_id is not None:
        who = {"reference": f"Patient/{written.patient_id}", **who}
    found: Json = {"type": t.concept(t.PARTICIPANT, ROLES[kind]), "who": who}
    if written.organization is not None:
        found["onBehalfOf"] = {"reference": written.organization}
    return found
