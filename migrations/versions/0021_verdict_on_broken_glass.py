"""
What a privacy officer found of an access that broke the glass.

"Reviewed" alone told neither the accused nor an auditor anything. The verdict is a code, in the clear; the note is free
text about a patient, so it is sealed with their key. Rows that were reviewed before have neither.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""alter table break_glass add verdict text check (verdict in ('justified', 'unjustified')),
        add note bytea""")


def downgrade() -> None:
    op.execute("alter table break_glass drop verdict, drop note")
