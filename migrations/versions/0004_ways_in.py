"""
Links, sessions, tickets, accounts and API clients.

Tokens are kept as SHA-256 only: a stolen database opens no door.
"""

from alembic import op

from migrations.protection import wall

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def create_tokens() -> None:
    """Links, sessions and tickets."""
    op.execute("""create table link (
        tenant_id uuid not null, token_hash bytea not null, visit_id uuid not null,
        kind text not null, role text not null, not_before timestamptz not null,
        expires_at timestamptz not null, created_at timestamptz not null, session_id text,
        redeemed_at timestamptz, revoked_at timestamptz, primary key (tenant_id, token_hash),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    op.execute("create index link_tenant_id_visit_id_idx on link (tenant_id, visit_id)")
    wall("link", "select, insert, update, delete")
    op.execute("""create table session (
        tenant_id uuid not null, token_hash bytea not null, id text not null,
        principal jsonb not null, created_at timestamptz not null, seen_at timestamptz not null,
        expires_at timestamptz not null, idle_s integer not null, revoked_at timestamptz,
        primary key (tenant_id, token_hash), unique (tenant_id, id)
    )""")
    wall("session", "select, insert, update, delete")
    op.execute("""create table ticket (
        tenant_id uuid not null, token_hash bytea not null, session_id text not null,
        visit_id uuid not null, seat text not null, role text not null, display bytea not null,
        expires_at timestamptz not null, redeemed_at timestamptz, primary key (tenant_id, token_hash),
        foreign key (tenant_id, visit_id) references visit (tenant_id, id)
    )""")
    op.execute("create index ticket_tenant_id_expires_at_idx on ticket (tenant_id, expires_at)")
    wall("ticket", "select, insert, update, delete")


def create_parties() -> None:
    """Staff accounts, API clients, settings."""
    op.execute("""create table account (
        tenant_id uuid not null, id uuid not null, email bytea not null, display text not null,
        registration_number text, role text not null, password_hash text not null,
        created_at timestamptz not null, disabled_at timestamptz, primary key (tenant_id, id)
    )""")
    wall("account", "select, insert, update")
    op.execute("""create table account_index (
        tenant_id uuid not null, key_version integer not null, token bytea not null,
        account_id uuid not null, primary key (tenant_id, key_version, token),
        foreign key (tenant_id, account_id) references account (tenant_id, id)
    )""")
    wall("account_index", "select, insert, delete")
    op.execute("""create table client (
        tenant_id uuid not null, id text not null, jwks json, jwks_url text, scopes text[] not null,
        created_at timestamptz not null, disabled_at timestamptz, primary key (tenant_id, id)
    )""")
    wall("client", "select, insert, update")
    op.execute("""create table client_assertion (
        tenant_id uuid not null, client_id text not null, jti text not null,
        expires_at timestamptz not null, primary key (tenant_id, client_id, jti)
    )""")
    op.execute("create index client_assertion_tenant_id_expires_at_idx on client_assertion (tenant_id, expires_at)")
    wall("client_assertion", "select, insert, delete")
    op.execute("""create table setting (
        tenant_id uuid not null, name text not null, value jsonb not null,
        updated_at timestamptz not null, primary key (tenant_id, name)
    )""")
    wall("setting", "select, insert, update")


def upgrade() -> None:
    create_tokens()
    create_parties()


def downgrade() -> None:
    op.execute("drop table setting")
    op.execute("drop table client_assertion")
    op.execute("drop table client")
    op.execute("drop table account_index")
    op.execute("drop table account")
    op.execute("drop table ticket")
    op.execute("drop table session")
    op.execute("drop table link")
