"""
Each version of a resource tells who wrote it: its Provenance is made of that.

Versions that are there get theirs from the audit trail, which has an entry of the same instant for each write.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_WALLED = ("resource", "resource_history", "audit_entry")
_WRITES = """(select tenant_id, leaf ->> 'entity_type' as type, leaf ->> 'entity' as id,
    (leaf ->> 'at')::timestamptz as at, max((leaf ->> 'actor_kind') || ':' || (leaf ->> 'actor')) as author
    from audit_entry where leaf ->> 'action' in ('C', 'U', 'D') and leaf ->> 'outcome' = '0'
    and leaf ->> 'entity' is not null group by 1, 2, 3, 4)"""


def upgrade() -> None:
    for table in ("resource", "resource_history"):
        op.execute(f"alter table {table} add author text")
    for table in _WALLED:  # the owner looks at every tenant's rows, for the length of this transaction
        op.execute(f"alter table {table} no force row level security")
    op.execute(f"""update resource r set author = w.author from {_WRITES} w
        where w.tenant_id = r.tenant_id and w.type = r.type and w.id = r.id and w.at = r.updated_at""")
    op.execute(f"""update resource_history h set author = w.author from {_WRITES} w, resource r
        where r.tenant_id = h.tenant_id and r.row = h.row and w.tenant_id = r.tenant_id and w.type = r.type
        and w.id = r.id and w.at = h.updated_at""")
    for table in _WALLED:
        op.execute(f"alter table {table} force row level security")


def downgrade() -> None:
    for table in ("resource", "resource_history"):
        op.execute(f"alter table {table} drop author")
