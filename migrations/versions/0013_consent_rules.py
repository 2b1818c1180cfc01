"""
Patients' Consents decide inside the queries, by rules that stand beside the sealed Consent.

A query cannot open a sealed Consent, so what it permits and denies is kept as ids, codes and times. A client says which
organisation it is of and for which purposes it may ask, since provisions name those.
"""

from alembic import op

from migrations.protection import wall

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table consent_rule (
        tenant_id uuid not null, row bigint not null, number integer not null, patient_id uuid not null,
        depth integer not null, is_permit boolean not null, valid_from timestamptz not null,
        valid_until timestamptz not null, actors text[], purposes text[], classes text[], data text[],
        is_related boolean not null, primary key (tenant_id, row, number),
        foreign key (tenant_id, row) references resource (tenant_id, row) on delete cascade
    )""")
    op.execute("create index consent_rule_tenant_id_patient_id_idx on consent_rule (tenant_id, patient_id)")
    wall("consent_rule", "select, insert, delete")
    op.execute("alter table client add organization text, add purposes text[] not null default '{TREAT}'")


def downgrade() -> None:
    op.execute("alter table client drop organization, drop purposes")
    op.execute("drop table consent_rule")
