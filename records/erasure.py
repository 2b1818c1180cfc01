"""
When a patient may be erased, and what is written down about it. Pure; `records.store.erasures` does it.

Erasing is destroying keys: every sealed value, in the database and in every backup that lacks the key table, is lost
at once. What stays are ids, times and the audit chain.
"""

import enum
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from records.errors import LegalHold, RetentionNotOver


class ErasureBasis(enum.Enum):
    """Why a patient is erased."""

    RETENTION_OVER = "retention over"
    GDPR_ARTICLE_17 = "GDPR Art. 17"  # only where a country profile lets a request end the term


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of an erasure: what was destroyed, signed by the tenant's signing key."""

    tenant: UUID
    patient: UUID
    erased_at: datetime
    basis: ErasureBasis
    keys: tuple[int, ...]
    """Versions of the data key that were destroyed."""
    index_rows: int
    key_version: int
    """Of the signing key."""

    def message(self) -> bytes:
        """Return the bytes that are signed: canonical JSON."""
        fields = {
            "tenant": str(self.tenant), "patient": str(self.patient), "erased_at": self.erased_at.isoformat(),
            "basis": self.basis.value, "keys": list(self.keys), "index_rows": self.index_rows,
            "key_version": self.key_version, "what": "every version of the data key and every index row was destroyed",
        }  # fmt: skip
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def check(basis: ErasureBasis, term_ends: datetime | None, is_held: bool, now: datetime) -> None:
    """Refuse an erasure that may not be. Raises LegalHold, RetentionNotOver."""
    if is_held:
        raise LegalHold("a legal hold is on this patient")
    if basis is ErasureBasis.RETENTION_OVER and term_ends is not None and now < term_ends:
        raise RetentionNotOver(term_ends.date().isoformat())
