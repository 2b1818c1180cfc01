"""
FHIR resources: sealed content, history, and blind indexes.

Index rows go with their resource (cascade), so that erasing a resource leaves nothing to find it by.
"""

from alembic import op

from migrations.protection import wall

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEX_TABLES = {
    "resource_token": ("token bytea not null, ", "token, row"),
    "resource_date": (
        "key bytea not null, low timestamptz not null, high timestamptz not null, ",
        "key, low, high, row",
    ),
    "resource_reference": (
        "key bytea not null, target_type text not null, target_id text not null, ",
        "target_id, target_type, key, row",
    ),
    "resource_quantity": ("key bytea not null, low numeric not null, high numeric not null, ", "key, low, high, row"),
}


def upgrade() -> None:
    op.execute("""create table resource (
        tenant_id uuid not null, row bigint generated always as identity, type text not null, id text not null,
        version integer not null, patient_id uuid, origin text not null, updated_at timestamptz not null,
        deleted boolean default false not null, content bytea,
        primary key (tenant_id, row), unique (tenant_id, type, id),
        foreign key (tenant_id, patient_id) references patient (tenant_id, id)
    )""")
    op.execute("create index resource_tenant_id_type_row_idx on resource (tenant_id, type, row)")
    op.execute("create index resource_tenant_id_type_updated_at_idx on resource (tenant_id, type, updated_at)")
    op.execute("create index resource_tenant_id_patient_id_idx on resource (tenant_id, patient_id)")
    wall("resource", "select, insert, update, delete")
    op.execute("""create table resource_history (
        tenant_id uuid not null, row bigint not null, version integer not null, patient_id uuid,
        updated_at timestamptz not null, deleted boolean not null, content bytea,
        primary key (tenant_id, row, version),
        foreign key (tenant_id, row) references resource (tenant_id, row) on delete cascade
    )""")
    wall("resource_history", "select, insert, delete")
    for table, (columns, key) in INDEX_TABLES.items():
        op.execute(f"""create table {table} (
            tenant_id uuid not null, {columns}row bigint not null, primary key (tenant_id, {key}),
            foreign key (tenant_id, row) references resource (tenant_id, row) on delete cascade
        )""")
        op.execute(f"create index {table}_tenant_id_row_idx on {table} (tenant_id, row)")
        wall(table, "select, insert, delete")


def downgrade() -> None:
    for table in (*INDEX_TABLES, "resource_history", "resource"):
        op.execute(f"drop table {table}")
