"""
Counters of failed logins, and Idempotency-Keys.

Counters live in the database because a restart or a second node must not give an attacker a fresh budget; keys because
a retry may reach another node.
"""

from alembic import op

from migrations.protection import wall

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table throttle (
        tenant_id uuid not null, key bytea not null, count integer not null, until timestamptz not null,
        primary key (tenant_id, key)
    )""")
    op.execute("create index throttle_tenant_id_until_idx on throttle (tenant_id, until)")
    wall("throttle", "select, insert, update, delete")
    op.execute("""create table idempotency (
        tenant_id uuid not null, actor_id text not null, key text not null, body bytea not null,
        made_id uuid not null, at timestamptz not null, primary key (tenant_id, actor_id, key)
    )""")
    op.execute("create index idempotency_tenant_id_at_idx on idempotency (tenant_id, at)")
    wall("idempotency", "select, insert, delete")


def downgrade() -> None:
    op.execute("drop table idempotency")
    op.execute("drop table throttle")
