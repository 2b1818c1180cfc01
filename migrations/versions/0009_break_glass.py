"""
Who broke the glass, why, and who reviewed it.

The audit entry flags the access but holds codes only; the reason is free text about a patient, so it is sealed, and a
review needs a list of what waits for it.
"""

from alembic import op

from migrations.protection import wall

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table break_glass (
        tenant_id uuid not null, id uuid not null, patient_id uuid not null, actor_id text not null,
        request_id text not null, at timestamptz not null, reason bytea not null, reviewed_at timestamptz,
        reviewed_by text, primary key (tenant_id, id),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    op.execute("create index break_glass_tenant_id_at_idx on break_glass (tenant_id, at)")
    wall("break_glass", "select, insert, update")


def downgrade() -> None:
    op.execute("drop table break_glass")
