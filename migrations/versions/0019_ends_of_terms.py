"""
What ends by itself: chat lines after three years, sessions and links after six months.

Chat lines could not be deleted at all, so their term never ended. Now the app role may delete those that are old
enough; younger ones are not there for a DELETE, whatever the code asks for, by the database's own clock.
"""

from alembic import op

from migrations.protection import APP_ROLE

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXED = {"session": "expires_at", "link": "expires_at", "chat_entry": "at"}


def upgrade() -> None:
    for table, column in INDEXED.items():
        op.execute(f"create index {table}_tenant_id_{column}_idx on {table} (tenant_id, {column})")
    op.execute(
        "create policy term_wall on chat_entry as restrictive for delete"
        " using (at <= now() - interval '36 months')"
    )
    op.execute(f"grant delete on chat_entry to {APP_ROLE}")


def downgrade() -> None:
    op.execute(f"revoke delete on chat_entry from {APP_ROLE}")
    op.execute("drop policy term_wall on chat_entry")
    for table, column in INDEXED.items():
        op.execute(f"drop index {table}_tenant_id_{column}_idx")
