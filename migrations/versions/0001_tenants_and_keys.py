"""
Tenants, key rows and the app role.

First, because every other table hangs on a tenant, and its sealed columns on these keys.
"""

from alembic import op

from migrations.protection import APP_ROLE, wall

DEFAULT_TENANT = "00000000-0000-4000-8000-000000000001"  # records.actors names the same one

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def create_app_role() -> None:
    """Create the role the app runs as, and let the owner become it. Roles are cluster-wide: another may be first."""
    op.execute(f"""do $$ begin
        if not exists (select from pg_roles where rolname = '{APP_ROLE}') then
            begin create role {APP_ROLE} nologin;
            exception when duplicate_object or unique_violation then null; end;
        end if;
        if not pg_has_role(current_user, '{APP_ROLE}', 'MEMBER') then
            execute format('grant {APP_ROLE} to %I', current_user);
        end if;
    end $$""")
    op.execute(f"grant usage on schema public to {APP_ROLE}")
    op.execute(f"grant select on alembic_version to {APP_ROLE}")  # Database.open compares it with its own


def upgrade() -> None:
    create_app_role()
    op.execute("""create table tenant (
        id uuid not null, name text not null, suite integer default 1 not null,
        created_at timestamptz not null, primary key (id)
    )""")
    tenant = "nullif(current_setting('app.tenant', true), '')::uuid"
    op.execute("alter table tenant enable row level security")
    op.execute(f"create policy tenant_wall on tenant using (id = {tenant})")
    op.execute(f"grant select, insert on tenant to {APP_ROLE}")
    op.execute(f"insert into tenant (id, name, created_at) values ('{DEFAULT_TENANT}', 'default', now())")
    op.execute("alter table tenant force row level security")  # after the insert, which names no tenant
    op.execute("""create table tenant_key (
        tenant_id uuid not null, version integer not null, kek_id text not null,
        wrapped bytea not null, created_at timestamptz not null, primary key (tenant_id, version)
    )""")
    wall("tenant_key", "select, insert, update, delete")
    op.execute("""create table index_key (
        tenant_id uuid not null, version integer not null, kek_id text not null,
        wrapped bytea not null, created_at timestamptz not null, complete_at timestamptz,
        primary key (tenant_id, version)
    )""")
    wall("index_key", "select, insert, update, delete")
    op.execute("""create table signing_key (
        tenant_id uuid not null, version integer not null, kek_id text not null,
        wrapped bytea not null, created_at timestamptz not null, primary key (tenant_id, version)
    )""")
    wall("signing_key", "select, insert, update")


def downgrade() -> None:
    op.execute("drop table signing_key")
    op.execute("drop table index_key")
    op.execute("drop table tenant_key")
    op.execute("drop table tenant")
