"""
What was measured during a call and sent from a page: vital signs, sealed, one row a reading.

Not chat, though it comes the same way: it belongs to the record and lives as long. Append-only, but that a key rotation
seals the content anew.
"""

from alembic import op

from migrations.protection import APP_ROLE, wall

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAMED = "nullif(current_setting('app.visit', true), '')::uuid"  # as in 0010


def upgrade() -> None:
    op.execute("""create table reading (
        tenant_id uuid not null, visit_id uuid not null, number integer not null, seat text not null,
        role text not null, content bytea not null, key text not null, at timestamptz not null,
        primary key (tenant_id, visit_id, number),
        unique (tenant_id, visit_id, key),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    wall("reading", "select, insert")
    op.execute(f"grant update (content) on reading to {APP_ROLE}")
    op.execute(
        "create policy own_visit_wall on reading as restrictive"
        f" using ({NAMED} is null or visit_id = {NAMED}) with check ({NAMED} is null or visit_id = {NAMED})"
    )


def downgrade() -> None:
    op.execute("drop table reading")
