"""
Tables of the FHIR resources: sealed content, its history, and the indexes by which it is found.

What stands in the clear, and so what a thief of the database learns, is the leakage table of records/fhir/README.md.
`key` and `token` columns are blind: HMACs under the tenant's index key of a parameter's path, or of path and value.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from records.store.tables import Sealed, metadata


def _tenant() -> Column[object]:
    return Column("tenant_id", UUID(as_uuid=True), nullable=False)


def _row() -> Column[object]:
    return Column("row", BigInteger, nullable=False)


def _blind(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


def _of_resource() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "row"], ["resource.tenant_id", "resource.row"], ondelete="CASCADE")


resource = Table(
    "resource", metadata,
    _tenant(), Column("row", BigInteger, Identity(always=True), nullable=False),
    Column("type", Text, nullable=False), Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False), Column("patient_id", UUID(as_uuid=True), nullable=True),
    Column("origin", Text, nullable=False),  # `visit` when projected, `client` when written through FHIR
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Column("content", Sealed, nullable=True),  # none in a deleted version
    Column("present", LargeBinary, nullable=True),  # blind marks of the elements that have a value (:missing)
    Column("author", Text, nullable=True),  # who wrote the version, for its Provenance (records/fhir/provenance.py)
    # Its rows of resource_token; the version that they are of; a digest of its rows in the other index tables.
    Column("tokens", ARRAY(LargeBinary), nullable=True), Column("tokens_of", Integer, nullable=True),
    Column("ranges", LargeBinary, nullable=True),
    PrimaryKeyConstraint("tenant_id", "row"), UniqueConstraint("tenant_id", "type", "id"),
    ForeignKeyConstraint(["tenant_id", "patient_id"], ["patient.tenant_id", "patient.id"]),
    Index(None, "tenant_id", "type", "row"), Index(None, "tenant_id", "type", "updated_at"),
    Index(None, "tenant_id", "patient_id"),
)  # fmt: skip

# Superseded versions; the current one is in `resource`. Sealed under the same cell, so a version moves as it is.
resource_history = Table(
    "resource_history", metadata,
    _tenant(), _row(), Column("version", Integer, nullable=False),
    Column("patient_id", UUID(as_uuid=True), nullable=True),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("deleted", Boolean, nullable=False), Column("content", Sealed, nullable=True),
    Column("author", Text, nullable=True),
    PrimaryKeyConstraint("tenant_id", "row", "version"), _of_resource(),
)  # fmt: skip

# Index rows are written in one statement with their resource, so no foreign key checks each of them again, a third of
# what an insert cost; a trigger takes them away with the resource.
resource_token = Table(
    "resource_token", metadata,
    _tenant(), _blind("token"), _row(),
    PrimaryKeyConstraint("tenant_id", "token", "row"),  # those of a resource are listed in `resource.tokens`
)  # fmt: skip

resource_date = Table(
    "resource_date", metadata,
    _tenant(), _blind("key"), Column("low", DateTime(timezone=True), nullable=False),
    Column("high", DateTime(timezone=True), nullable=False), _row(),
    PrimaryKeyConstraint("tenant_id", "key", "low", "high", "row"), Index(None, "tenant_id", "row"),
)  # fmt: skip

resource_reference = Table(
    "resource_reference", metadata,
    _tenant(), _blind("key"), Column("target_type", Text, nullable=False), Column("target_id", Text, nullable=False),
    _row(),
    PrimaryKeyConstraint("tenant_id", "target_id", "target_type", "key", "row"),
    Index(None, "tenant_id", "row"),
)  # fmt: skip

resource_quantity = Table(
    "resource_quantity", metadata,
    _tenant(), _blind("key"), Column("low", Numeric, nullable=False), Column("high", Numeric, nullable=False), _row(),
    PrimaryKeyConstraint("tenant_id", "key", "low", "high", "row"), Index(None, "tenant_id", "row"),
)  # fmt: skip

# What patients' Consents permit and deny, by which every query decides; made anew with each version of a Consent.
consent_rule = Table(
    "consent_rule", metadata,
    _tenant(), _row(), Column("number", Integer, nullable=False),
    Column("patient_id", UUID(as_uuid=True), nullable=False), Column("depth", Integer, nullable=False),
    Column("is_permit", Boolean, nullable=False), Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("valid_until", DateTime(timezone=True), nullable=False),
    *(Column(name, ARRAY(Text), nullable=True) for name in ("actors", "purposes", "classes", "data")),
    Column("is_related", Boolean, nullable=False),
    # Marks of codes and labels, a group an element: the resource has one of each group. `coded` marks who can tell.
    Column("needs", ARRAY(LargeBinary), nullable=True), Column("coded", LargeBinary, nullable=True),
    Column("data_from", DateTime(timezone=True), nullable=True),
    Column("data_until", DateTime(timezone=True), nullable=True),
    PrimaryKeyConstraint("tenant_id", "row", "number"), _of_resource(), Index(None, "tenant_id", "patient_id"),
)  # fmt: skip
