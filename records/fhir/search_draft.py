"""A query while the parameters of its URL are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from records.fhir.query import Clause, Include, Order

DEFAULT_COUNT = 50
# A page of Bundles is built in memory; with 1,000 entries of 3 kB it is 3 MB.
MAX_COUNT = 1000


@dataclass(slots=True)
class Draft:
    """The query while its parameters are read."""

    type: str
    base_url: str
    now: datetime
    is_strict: bool
    where: list[Clause] = field(default_factory=list)
    order: tuple[Order, ...] = ()
    count: int = DEFAULT_COUNT
    includes: list[Include] = field(default_factory=list)
    summary: str = "false"
    elements: tuple[str, ...] = ()
    total: str = "none"
    effective: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()
    """Parameters about people's addresses that would tell more than the client may see (places.py)."""

    def of(self, type_: str) -> Draft:
        """Give a draft for what stands behind a chain; it hides the same."""
        return Draft(type_, self.base_url, self.now, self.is_strict, hidden=self.hidden)


def printable(name: str) -> str:
    """A name from the URL as part of a message: nothing but the characters that names have."""
    return "".join(c for c in name[:64] if c.isalnum() or c in "-_.:") or "?"
