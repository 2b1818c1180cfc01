"""Tables of the HTTP edge: counters of failed tries, and what an Idempotency-Key made."""

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from records.store.tables import metadata

# `key` is a keyed hash (blind index): neither an address nor an e-mail can be read out of it.
throttle = Table(
    "throttle", metadata,
    Column("tenant_id", UUID(as_uuid=True), nullable=False), Column("key", LargeBinary, nullable=False),
    Column("count", Integer, nullable=False), Column("until", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant_id", "key"), Index(None, "tenant_id", "until"),
)  # fmt: skip

# `body` is a keyed hash of the request: the same key with another body is refused. What was made is kept by id only.
idempotency = Table(
    "idempotency", metadata,
    Column("tenant_id", UUID(as_uuid=True), nullable=False), Column("actor_id", Text, nullable=False),
    Column("key", Text, nullable=False), Column("body", LargeBinary, nullable=False),
    Column("made_id", UUID(as_uuid=True), nullable=False), Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant_id", "actor_id", "key"), Index(None, "tenant_id", "at"),
)  # fmt: skip
