"""
The data class of every column. A test compares it with the tables, so that no new column escapes the question.

`sealed` and `graded` columns hold envelopes only; `keyed` ones say nothing without a key or the token they were made
from; `open` ones hold ids, codes, times and counts, and what a professional register publishes about staff.
"""

import enum
from collections.abc import Mapping


class DataClass(enum.Enum):
    """How a column is kept. Drawn in records/README.md, which a test compares."""

    SEALED = "sealed"  # ciphertext under the patient's key, the tenant's where there is no patient
    GRADED = "graded"  # sealed, and shown as exactly as role and purpose allow (records.access.PLACE_GRADES)
    KEYED = "keyed"  # a wrapped key, a blind index token, a hash
    OPEN = "open"


def _columns(sealed: str = "", graded: str = "", keyed: str = "", open: str = "") -> Mapping[str, DataClass]:
    classes = ((sealed, DataClass.SEALED), (graded, DataClass.GRADED), (keyed, DataClass.KEYED), (open, DataClass.OPEN))
    return {name: data_class for names, data_class in classes for name in names.split()}


COLUMNS: Mapping[str, Mapping[str, DataClass]] = {
    "account": _columns(
        sealed="email",
        keyed="password_hash",
        open="tenant_id id display registration_number role created_at disabled_at",
    ),
    "account_index": _columns(keyed="token", open="tenant_id key_version account_id"),
    "audit_entry": _columns(keyed="hash", open="tenant_id number recorded_us leaf"),
    "audit_head": _columns(keyed="hash", open="tenant_id number"),
    "break_glass": _columns(
        sealed="reason note", open="tenant_id id patient_id actor_id request_id at reviewed_at reviewed_by verdict"
    ),
    "chat_entry": _columns(sealed="content", open="tenant_id visit_id number seat role key at"),
    "client": _columns(open="tenant_id id jwks jwks_url scopes organization purposes created_at disabled_at"),
    "client_assertion": _columns(open="tenant_id client_id jti expires_at"),
    "consent": _columns(open="tenant_id visit_id number scope given text_version at actor_kind actor_id"),
    "consent_rule": _columns(
        keyed="needs coded",
        open="tenant_id row number patient_id depth is_permit valid_from valid_until actors purposes classes data "
        "is_related data_from data_until",
    ),
    "erasure": _columns(open="tenant_id id patient_id erased_at basis receipt"),
    "event": _columns(open="tenant_id id transaction_id topic body at"),
    "idempotency": _columns(keyed="body", open="tenant_id actor_id key made_id at"),
    "index_key": _columns(keyed="wrapped", open="tenant_id version kek_id created_at complete_at layout"),
    "intake": _columns(sealed="content", open="tenant_id visit_id version final updated_at"),
    "job": _columns(
        open="tenant_id id kind key body attempts due_at lease_until worker done_at dead_at last_error "
        "created_at",
    ),
    "legal_hold": _columns(sealed="reason", open="tenant_id id patient_id placed_by placed_at lifted_at"),
    "link": _columns(
        keyed="token_hash",
        open="tenant_id visit_id kind role not_before expires_at created_at session_id redeemed_at revoked_at",
    ),
    "note": _columns(sealed="content", open="tenant_id visit_id version author_id updated_at signed_at signed_by"),
    "patient": _columns(
        sealed="name birth_date sex phone identity_number address identifiers",
        open="tenant_id id lang version created_at updated_at erased_at",
    ),
    "patient_index": _columns(keyed="token", open="tenant_id field key_version patient_id"),
    "patient_key": _columns(keyed="wrapped", open="tenant_id patient_id version tenant_key_version created_at"),
    "reading": _columns(sealed="content", open="tenant_id visit_id number seat role key at"),
    "recording": _columns(sealed="media_key", open="tenant_id id visit_id started_at ended_at started_by"),
    "resource": _columns(
        sealed="content",
        keyed="present tokens ranges",
        open="tenant_id row type id version patient_id origin updated_at deleted author tokens_of",
    ),
    "resource_date": _columns(keyed="key", open="tenant_id low high row"),
    "resource_history": _columns(sealed="content", open="tenant_id row version patient_id updated_at deleted author"),
    "resource_quantity": _columns(keyed="key", open="tenant_id low high row"),
    "resource_reference": _columns(keyed="key", open="tenant_id target_type target_id row"),
    "resource_token": _columns(keyed="token", open="tenant_id row"),
    "session": _columns(
        keyed="token_hash",
        open="tenant_id id principal created_at seen_at expires_at idle_s revoked_at",
    ),
    "setting": _columns(open="tenant_id name value updated_at"),
    "signing_key": _columns(keyed="wrapped", open="tenant_id version kek_id created_at"),
    "tenant": _columns(open="id name suite created_at"),
    "tenant_key": _columns(keyed="wrapped", open="tenant_id version kek_id created_at"),
    "throttle": _columns(keyed="key", open="tenant_id count until"),
    "ticket": _columns(
        sealed="display",
        keyed="token_hash",
        open="tenant_id session_id visit_id seat role expires_at redeemed_at",
    ),
    "triage_decision": _columns(
        sealed="line reason",
        open="tenant_id visit_id number note_version action level practitioner_id at",
    ),
    "triage_note": _columns(sealed="content", open="tenant_id visit_id version created_at"),
    "visit": _columns(
        sealed="reason",
        open="tenant_id id patient_id state level mode lang practitioner_id lease_until rang_at waiting_since "
        "scheduled_at promised_low_min promised_high_min created_at updated_at version epoch relay "
        "line_check line_record",
    ),
    "visit_place": _columns(
        sealed="callback emergency_contact",
        graded="place district city",
        open="tenant_id visit_id updated_at",
    ),
    "visit_transition": _columns(
        open="tenant_id visit_id version from_state to_state trigger actor_kind actor_id cause at",
    ),
}


def columns_of(data_class: DataClass) -> list[tuple[str, str]]:
    """Return every (table, column) of a class."""
    return [(table, name) for table, columns in COLUMNS.items() for name, each in columns.items() if each is data_class]
