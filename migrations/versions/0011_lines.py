"""
What was found out about a visit's lines: the patient's test before the call, and what the call's lines were fit for.

Both stand in the clear: figures and codes, nothing that says who or where.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table visit add column line_check jsonb, add column line_record jsonb")


def downgrade() -> None:
    op.execute("alter table visit drop column line_check, drop column line_record")
