"""
Events with a cursor, and the job queue.

In the same database as the record, so that an event or a job commits with the change that caused it.
"""

from alembic import op

from migrations.protection import wall

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table event (
        tenant_id uuid not null, id bigint generated always as identity,
        transaction_id bigint default (pg_current_xact_id()::text)::bigint not null,
        topic text not null, body jsonb not null, at timestamptz not null,
        primary key (tenant_id, id)
    )""")
    op.execute("create index event_tenant_id_topic_id_idx on event (tenant_id, topic, id)")
    wall("event", "select, insert, delete")
    op.execute("""create table job (
        tenant_id uuid not null, id uuid not null, kind text not null, key text not null,
        body jsonb not null, attempts integer default 0 not null, due_at timestamptz not null,
        lease_until timestamptz, worker text, done_at timestamptz, dead_at timestamptz,
        last_error text, created_at timestamptz not null, primary key (tenant_id, id),
        unique (tenant_id, kind, key)
    )""")
    op.execute("create index job_due_idx on job (tenant_id, due_at) where done_at is null and dead_at is null")
    wall("job", "select, insert, update, delete")


def downgrade() -> None:
    op.execute("drop table job")
    op.execute("drop table event")
