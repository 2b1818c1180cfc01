"""FHIR resources of one tenant: save, read, history, search, and the projection of a visit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource as the client sees it."""

    type: str
    id: str
    version: int
    updated_at: datetime
    content: bytes
    """JSON text, UTF-8, meta.versionId and meta.lastUpdated inside; empty when deleted."""
    deleted: bool = False


class Resources:
    """`unit.resources`. Every call seals, authorises and audits inside the unit's transaction."""

    async def project(self, visit_id: UUID) -> None:
        """Bring all resources of one visit in line with the visit's own records.

        Call after each domain change, in the same unit. Unchanged resources keep their version.
        """
        raise NotImplementedError

    async def save(self, type_: str, id_: str, resource: dict[str, Any], patient_id: UUID | None) -> Stored:
        """Write a new version, or return the current one when nothing but meta would change."""
        raise NotImplementedError

    async def get(self, type_: str, id_: str) -> Stored:
        """Give the current version. Raises ResourceUnknown or ResourceGone."""
        raise NotImplementedError
