"""
The tables, as migrations/ creates them (a test compares the two).

Every key starts with the tenant, so that a unique violation cannot reveal another tenant's row.
A column of type `Sealed` holds ciphertext only; `records.classes` names the class of every column.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, UUID
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

Sealed = LargeBinary  # envelope of records/crypto/format.py


def _tenant() -> Column[object]:
    return Column("tenant_id", UUID(as_uuid=True), nullable=False)


def _uuid(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, UUID(as_uuid=True), nullable=nullable)


def _text(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def _integer(name: str, nullable: bool = False, default: str | None = None) -> Column[object]:
    return Column(name, Integer, nullable=nullable, server_default=None if default is None else text(default))


def _sealed(name: str, nullable: bool = True) -> Column[object]:
    return Column(name, Sealed, nullable=nullable)


def _at(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _column(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], nullable: bool = False) -> Column[object]:
    return Column(name, kind, nullable=nullable)


def _of_patient(name: str = "patient_id") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", name], ["patient.tenant_id", "patient.id"])


def _of_visit() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "visit_id"], ["visit.tenant_id", "visit.id"])


def _key(*columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint("tenant_id", *columns)


def _leaf(field: str) -> ColumnElement[object]:
    return text(f"(leaf ->> '{field}')")  # type: ignore[return-value]  # TextClause serves as an index expression


# --- tenants and keys -------------------------------------------------------------------------------------------------

tenant = Table("tenant", metadata, _uuid("id"), _text("name"), _integer("suite", default="1"), _at("created_at"),
               PrimaryKeyConstraint("id"))  # fmt: skip

# Wrapped by the key service; versions stay until nothing is sealed with them.
tenant_key = Table(
    "tenant_key", metadata,
    _tenant(), _integer("version"), _text("kek_id"), _column("wrapped", LargeBinary), _at("created_at"),
    _key("version"),
)  # fmt: skip

# Blind-index keys are versioned apart from tenant keys: a tenant-key rotation must not force a re-index.
index_key = Table(
    "index_key", metadata,
    _tenant(), _integer("version"), _text("kek_id"), _column("wrapped", LargeBinary), _at("created_at"),
    _at("complete_at", nullable=True),  # re-index done: readers may stop asking for older versions
    _integer("layout", default="1"),  # of the index rows under this key: records.crypto.blind_index
    _key("version"),
)  # fmt: skip

# Ed25519 seeds that sign audit checkpoints.
signing_key = Table(
    "signing_key", metadata,
    _tenant(), _integer("version"), _text("kek_id"), _column("wrapped", LargeBinary), _at("created_at"),
    _key("version"),
)  # fmt: skip

patient = Table(
    "patient", metadata,
    _tenant(), _uuid("id"), _text("lang"), _integer("version", default="1"), _at("created_at"), _at("updated_at"),
    _sealed("name"), _sealed("birth_date"), _sealed("sex"), _sealed("phone"), _sealed("identity_number"),
    _sealed("address"), _sealed("identifiers"),
    _at("erased_at", nullable=True),
    _key("id"),
)  # fmt: skip

patient_key = Table(
    "patient_key", metadata,
    _tenant(), _uuid("patient_id"), _integer("version"), _integer("tenant_key_version"),
    _column("wrapped", LargeBinary), _at("created_at"),
    _key("patient_id", "version"), _of_patient(),
)  # fmt: skip

patient_index = Table(
    "patient_index", metadata,
    _tenant(), _text("field"), _integer("key_version"), _column("token", LargeBinary), _uuid("patient_id"),
    _key("field", "key_version", "token", "patient_id"), _of_patient(),
    Index(None, "tenant_id", "patient_id"),
)  # fmt: skip

legal_hold = Table(
    "legal_hold", metadata,
    _tenant(), _uuid("id"), _uuid("patient_id"), _text("placed_by"), _at("placed_at"), _at("lifted_at", nullable=True),
    _sealed("reason"),
    _key("id"), _of_patient(), Index(None, "tenant_id", "patient_id"),
)  # fmt: skip

erasure = Table(
    "erasure", metadata,
    _tenant(), _uuid("id"), _uuid("patient_id"), _at("erased_at"), _text("basis"), _column("receipt", JSON),
    _key("id"), _of_patient(), Index(None, "tenant_id", "patient_id"),
)  # fmt: skip

# One row for each unit in which staff read what is not in their care; kept until reviewed and after.
break_glass = Table(
    "break_glass", metadata,
    _tenant(), _uuid("id"), _uuid("patient_id"), _text("actor_id"), _text("request_id"), _at("at"),
    _sealed("reason", nullable=False), _at("reviewed_at", nullable=True), _text("reviewed_by", nullable=True),
    _text("verdict", nullable=True), _sealed("note"),
    _key("id"), _of_patient(), Index(None, "tenant_id", "at"),
)  # fmt: skip

# --- visits -----------------------------------------------------------------------------------------------------------

visit = Table(
    "visit", metadata,
    _tenant(), _uuid("id"), _uuid("patient_id"), _text("state"), _text("level", nullable=True), _text("mode"),
    _text("lang"), _uuid("practitioner_id", nullable=True), _at("lease_until", nullable=True),
    _at("rang_at", nullable=True), _at("waiting_since", nullable=True), _at("scheduled_at", nullable=True),
    _integer("promised_low_min", nullable=True), _integer("promised_high_min", nullable=True),
    _sealed("reason"), _at("created_at"), _at("updated_at"), _integer("version", default="1"),
    _integer("epoch", default="0"), _text("relay", nullable=True),
    _column("line_check", JSONB, nullable=True), _column("line_record", JSONB, nullable=True),
    _key("id"), _of_patient(), Index(None, "tenant_id", "patient_id"), Index(None, "tenant_id", "state"),
)  # fmt: skip

visit_transition = Table(
    "visit_transition", metadata,
    _tenant(), _uuid("visit_id"), _integer("version"), _text("from_state"), _text("to_state"), _text("trigger"),
    _text("actor_kind"), _text("actor_id"), _text("cause", nullable=True), _at("at"),
    _key("visit_id", "version"), _of_visit(),
)  # fmt: skip

visit_place = Table(
    "visit_place", metadata,
    _tenant(), _uuid("visit_id"), _sealed("place"), _sealed("district"), _sealed("city"), _sealed("callback"),
    _sealed("emergency_contact"), _at("updated_at"),
    _key("visit_id"), _of_visit(),
)  # fmt: skip

consent = Table(
    "consent", metadata,
    _tenant(), _uuid("visit_id"), _integer("number"), _text("scope"), _column("given", Boolean), _text("text_version"),
    _at("at"), _text("actor_kind"), _text("actor_id"),
    _key("visit_id", "number"), _of_visit(),
)  # fmt: skip

intake = Table(
    "intake", metadata,
    _tenant(), _uuid("visit_id"), _integer("version"), _column("final", Boolean), _sealed("content", nullable=False),
    _at("updated_at"),
    _key("visit_id"), _of_visit(),
)  # fmt: skip

triage_note = Table(
    "triage_note", metadata,
    _tenant(), _uuid("visit_id"), _integer("version"), _sealed("content", nullable=False), _at("created_at"),
    _key("visit_id", "version"), _of_visit(),
)  # fmt: skip

triage_decision = Table(
    "triage_decision", metadata,
    _tenant(), _uuid("visit_id"), _integer("number"), _integer("note_version"), _text("action"),
    _text("level", nullable=True), _sealed("line"), _sealed("reason"), _text("practitioner_id"), _at("at"),
    _key("visit_id", "number"), _of_visit(),
)  # fmt: skip

note = Table(
    "note", metadata,
    _tenant(), _uuid("visit_id"), _integer("version"), _sealed("content", nullable=False), _text("author_id"),
    _at("updated_at"), _at("signed_at", nullable=True), _text("signed_by", nullable=True),
    _key("visit_id"), _of_visit(),
)  # fmt: skip

chat_entry = Table(
    "chat_entry", metadata,
    _tenant(), _uuid("visit_id"), _integer("number"), _text("seat"), _text("role"), _sealed("content", nullable=False),
    _text("key"), _at("at"),
    _key("visit_id", "number"), UniqueConstraint("tenant_id", "visit_id", "key"), _of_visit(),
    Index(None, "tenant_id", "at"),
)  # fmt: skip

# What was measured during the call. Not chat, though it comes the same way: it belongs to the record.
reading = Table(
    "reading", metadata,
    _tenant(), _uuid("visit_id"), _integer("number"), _text("seat"), _text("role"), _sealed("content", nullable=False),
    _text("key"), _at("at"),
    _key("visit_id", "number"), UniqueConstraint("tenant_id", "visit_id", "key"), _of_visit(),
)  # fmt: skip

# The media lies in sealed files (recording_files.py); their key, sealed with the patient's, lies here.
recording = Table(
    "recording", metadata,
    _tenant(), _uuid("id"), _uuid("visit_id"), _at("started_at"), _at("ended_at", nullable=True), _text("started_by"),
    _sealed("media_key", nullable=False),
    _key("id"), _of_visit(), Index(None, "tenant_id", "visit_id"), Index(None, "tenant_id", "started_at"),
)  # fmt: skip

# --- ways in ----------------------------------------------------------------------------------------------------------

link = Table(
    "link", metadata,
    _tenant(), _column("token_hash", LargeBinary), _uuid("visit_id"), _text("kind"), _text("role"),
    _at("not_before"), _at("expires_at"), _at("created_at"), _text("session_id", nullable=True),
    _at("redeemed_at", nullable=True), _at("revoked_at", nullable=True),
    _key("token_hash"), _of_visit(), Index(None, "tenant_id", "visit_id"), Index(None, "tenant_id", "expires_at"),
)  # fmt: skip

session = Table(
    "session", metadata,
    _tenant(), _column("token_hash", LargeBinary), _text("id"), _column("principal", JSONB), _at("created_at"),
    _at("seen_at"), _at("expires_at"), _integer("idle_s"), _at("revoked_at", nullable=True),
    _key("token_hash"), UniqueConstraint("tenant_id", "id"), Index(None, "tenant_id", "expires_at"),
)  # fmt: skip

ticket = Table(
    "ticket", metadata,
    _tenant(), _column("token_hash", LargeBinary), _text("session_id"), _uuid("visit_id"), _text("seat"), _text("role"),
    _sealed("display", nullable=False), _at("expires_at"), _at("redeemed_at", nullable=True),
    _key("token_hash"), _of_visit(), Index(None, "tenant_id", "expires_at"),
)  # fmt: skip

account = Table(
    "account", metadata,
    _tenant(), _uuid("id"), _sealed("email", nullable=False), _text("display"),
    _text("registration_number", nullable=True), _text("role"), _text("password_hash"), _at("created_at"),
    _at("disabled_at", nullable=True),
    _key("id"),
)  # fmt: skip

# Full-width HMAC, not truncated: an address is a login name and must be unique; staff are few (records/README.md).
account_index = Table(
    "account_index", metadata,
    _tenant(), _integer("key_version"), _column("token", LargeBinary), _uuid("account_id"),
    _key("key_version", "token"),
    ForeignKeyConstraint(["tenant_id", "account_id"], ["account.tenant_id", "account.id"]),
)  # fmt: skip

client = Table(
    "client", metadata,
    _tenant(), _text("id"), _column("jwks", JSON, nullable=True), _text("jwks_url", nullable=True),
    _column("scopes", ARRAY(Text)), _text("organization", nullable=True),
    Column("purposes", ARRAY(Text), nullable=False, server_default=text("'{TREAT}'")),
    _at("created_at"), _at("disabled_at", nullable=True),
    _key("id"),
)  # fmt: skip

client_assertion = Table(
    "client_assertion", metadata,
    _tenant(), _text("client_id"), _text("jti"), _at("expires_at"),
    _key("client_id", "jti"), Index(None, "tenant_id", "expires_at"),
)  # fmt: skip

setting = Table("setting", metadata, _tenant(), _text("name"), _column("value", JSONB), _at("updated_at"), _key("name"))

# --- audit, events, jobs ----------------------------------------------------------------------------------------------

audit_head = Table(
    "audit_head", metadata,
    _tenant(), _column("number", BigInteger), _column("hash", LargeBinary), _key(),
)  # fmt: skip

# `leaf` is type json, which keeps its text byte for byte; jsonb would not.
audit_entry = Table(
    "audit_entry", metadata,
    _tenant(), _column("number", BigInteger), _column("recorded_us", BigInteger), _column("leaf", JSON),
    _column("hash", LargeBinary),
    _key("number"),
    Index("audit_entry_patient_idx", "tenant_id", _leaf("patient"), "number"),
    Index("audit_entry_recorded_idx", "tenant_id", "recorded_us"),
)  # fmt: skip

# `transaction_id` lets a reader stop below the oldest running transaction: identity values commit out of order.
event = Table(
    "event", metadata,
    _tenant(), Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("transaction_id", BigInteger, nullable=False, server_default=text("(pg_current_xact_id()::text)::bigint")),
    _text("topic"), _column("body", JSONB), _at("at"),
    _key("id"), Index(None, "tenant_id", "topic", "id"),
)  # fmt: skip

job = Table(
    "job", metadata,
    _tenant(), _uuid("id"), _text("kind"), _text("key"), _column("body", JSONB), _integer("attempts", default="0"),
    _at("due_at"), _at("lease_until", nullable=True), _text("worker", nullable=True), _at("done_at", nullable=True),
    _at("dead_at", nullable=True), _text("last_error", nullable=True), _at("created_at"),
    _key("id"), UniqueConstraint("tenant_id", "kind", "key"),
    Index("job_due_idx", "tenant_id", "due_at", postgresql_where=text("done_at is null and dead_at is null")),
)  # fmt: skip
