"""
Fewer index rows a resource: all beginnings of a string in one row, and the elements that have a value in one column.

The rows themselves are blind, so a migration cannot write them anew. Keys that exist keep their layout, 1; keys made
from now on have layout 2, in a new installation at once, in an older one by `keys rotate index`.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table index_key add layout integer not null default 1")
    op.execute("alter table resource add present bytea")


def downgrade() -> None:
    op.execute("alter table resource drop present")
    op.execute("alter table index_key drop layout")
