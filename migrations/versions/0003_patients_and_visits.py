"""
Patients, their keys and indexes, visits and what is written in them.

The sealed columns are bytea: envelopes of records/crypto/format.py, never text.
"""

from alembic import op

from migrations.protection import wall

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def create_patients() -> None:
    """Patients, their keys and index tokens."""
    op.execute("""create table patient (
        tenant_id uuid not null, id uuid not null, lang text not null,
        version integer default 1 not null, created_at timestamptz not null,
        updated_at timestamptz not null, name bytea, birth_date bytea, sex bytea, phone bytea,
        identity_number bytea, address bytea, identifiers bytea, erased_at timestamptz,
        primary key (tenant_id, id)
    )""")
    wall("patient", "select, insert, update")
    op.execute("""create table patient_key (
        tenant_id uuid not null, patient_id uuid not null, version integer not null,
        tenant_key_version integer not null, wrapped bytea not null, created_at timestamptz not null,
        primary key (tenant_id, patient_id, version),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    wall("patient_key", "select, insert, update, delete")
    op.execute("""create table patient_index (
        tenant_id uuid not null, field text not null, key_version integer not null,
        token bytea not null, patient_id uuid not null,
        primary key (tenant_id, field, key_version, token, patient_id),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    op.execute("create index patient_index_tenant_id_patient_id_idx on patient_index (tenant_id, patient_id)")
    wall("patient_index", "select, insert, delete")


def create_ends() -> None:
    """What forbids an erasure, and what one leaves."""
    op.execute("""create table legal_hold (
        tenant_id uuid not null, id uuid not null, patient_id uuid not null, placed_by text not null,
        placed_at timestamptz not null, lifted_at timestamptz, reason bytea,
        primary key (tenant_id, id),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    op.execute("create index legal_hold_tenant_id_patient_id_idx on legal_hold (tenant_id, patient_id)")
    wall("legal_hold", "select, insert, update")
    op.execute("""create table erasure (
        tenant_id uuid not null, id uuid not null, patient_id uuid not null,
        erased_at timestamptz not null, basis text not null, receipt json not null,
        primary key (tenant_id, id),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    op.execute("create index erasure_tenant_id_patient_id_idx on erasure (tenant_id, patient_id)")
    wall("erasure", "select, insert")


def create_visits() -> None:
    """Visits, their history, where the patient is, what was agreed to."""
    op.execute("""create table visit (
        tenant_id uuid not null, id uuid not null, patient_id uuid not null, state text not null,
        level text, mode text not null, lang text not null, practitioner_id uuid,
        lease_until timestamptz, rang_at timestamptz, waiting_since timestamptz,
        scheduled_at timestamptz, promised_low_min integer, promised_high_min integer, reason bytea,
        created_at timestamptz not null, updated_at timestamptz not null,
        version integer default 1 not null, epoch integer default 0 not null, relay text,
        primary key (tenant_id, id),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    op.execute("create index visit_tenant_id_patient_id_idx on visit (tenant_id, patient_id)")
    op.execute("create index visit_tenant_id_state_idx on visit (tenant_id, state)")
    wall("visit", "select, insert, update")
    op.execute("""create table visit_transition (
        tenant_id uuid not null, visit_id uuid not null, version integer not null,
        from_state text not null, to_state text not null, trigger text not null,
        actor_kind text not null, actor_id text not null, cause text, at timestamptz not null,
        primary key (tenant_id, visit_id, version),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("visit_transition", "select, insert")
    op.execute("""create table visit_place (
        tenant_id uuid not null, visit_id uuid not null, place bytea, district bytea, city bytea,
        callback bytea, emergency_contact bytea, updated_at timestamptz not null,
        primary key (tenant_id, visit_id),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("visit_place", "select, insert, update")
    op.execute("""create table consent (
        tenant_id uuid not null, visit_id uuid not null, number integer not null, scope text not null,
        given boolean not null, text_version text not null, at timestamptz not null,
        actor_kind text not null, actor_id text not null, primary key (tenant_id, visit_id, number),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("consent", "select, insert")


def create_documents() -> None:
    """What is written in a visit."""
    op.execute("""create table intake (
        tenant_id uuid not null, visit_id uuid not null, version integer not null,
        final boolean not null, content bytea not null, updated_at timestamptz not null,
        primary key (tenant_id, visit_id),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("intake", "select, insert, update")
    op.execute("""create table triage_note (
        tenant_id uuid not null, visit_id uuid not null, version integer not null,
        content bytea not null, created_at timestamptz not null,
        primary key (tenant_id, visit_id, version),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("triage_note", "select, insert")
    op.execute("""create table triage_decision (
        tenant_id uuid not null, visit_id uuid not null, number integer not null,
        note_version integer not null, action text not null, level text, line bytea, reason bytea,
        practitioner_id text not null, at timestamptz not null,
        primary key (tenant_id, visit_id, number),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("triage_decision", "select, insert")
    op.execute("""create table note (
        tenant_id uuid not null, visit_id uuid not null, version integer not null,
        content bytea not null, author_id text not null, updated_at timestamptz not null,
        signed_at timestamptz, signed_by text, primary key (tenant_id, visit_id),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("note", "select, insert, update")
    op.execute("""create table chat_entry (
        tenant_id uuid not null, visit_id uuid not null, number integer not null, seat text not null,
        role text not null, content bytea not null, key text not null, at timestamptz not null,
        primary key (tenant_id, visit_id, number), unique (tenant_id, visit_id, key),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("chat_entry", "select, insert")


def upgrade() -> None:
    create_patients()
    create_ends()
    create_visits()
    create_documents()


def downgrade() -> None:
    op.execute("drop table chat_entry")
    op.execute("drop table note")
    op.execute("drop table triage_decision")
    op.execute("drop table triage_note")
    op.execute("drop table intake")
    op.execute("drop table consent")
    op.execute("drop table visit_place")
    op.execute("drop table visit_transition")
    op.execute("drop table visit")
    op.execute("drop table erasure")
    op.execute("drop table legal_hold")
    op.execute("drop table patient_index")
    op.execute("drop table patient_key")
    op.execute("drop table patient")
