"""
Recordings of consultations: the media itself lies in sealed files, the key of them here.

A row keeps the recording's own random key, sealed with the patient's: a new patient key re-seals 32 bytes instead of
the files, and destroying the patient's keys destroys the recordings wherever the files were copied to.
"""

from alembic import op

from migrations.protection import wall

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAMED = "nullif(current_setting('app.visit', true), '')::uuid"  # as in 0010


def upgrade() -> None:
    op.execute("""create table recording (
        tenant_id uuid not null, id uuid not null, visit_id uuid not null, started_at timestamptz not null,
        ended_at timestamptz, started_by text not null, media_key bytea not null,
        primary key (tenant_id, id),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    op.execute("create index recording_tenant_id_visit_id_idx on recording (tenant_id, visit_id)")
    op.execute("create index recording_tenant_id_started_at_idx on recording (tenant_id, started_at)")
    wall("recording", "select, insert, update, delete")
    op.execute(
        "create policy own_visit_wall on recording as restrictive"
        f" using ({NAMED} is null or visit_id = {NAMED}) with check ({NAMED} is null or visit_id = {NAMED})"
    )


def downgrade() -> None:
    op.execute("drop table recording")
