"""
The tenant wall that every table gets, as migrations write it.

Row-level security is the second wall behind the repositories: it shows the app role only rows of the tenant that the
transaction named, and none when it named none (security.md §3). FORCE makes it hold for the owner too.
"""

from alembic import op

APP_ROLE = "teleconsult_app"  # owns nothing, cannot log in by itself; records.store.engine names the same role


def wall(table: str, verbs: str) -> None:
    """Put the tenant wall on a table and let the app role do `verbs` (SQL privileges, comma separated) to it."""
    tenant = "nullif(current_setting('app.tenant', true), '')::uuid"  # '' after a SET LOCAL has ended
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy tenant_wall on {table} using (tenant_id = {tenant}) with check (tenant_id = {tenant})")
    op.execute(f"grant {verbs} on {table} to {APP_ROLE}")
