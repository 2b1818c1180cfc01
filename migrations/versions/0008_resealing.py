"""
Let a key rotation seal append-only rows anew.

Triage notes, decisions, chat lines and old resource versions are never edited, so the app role could only insert
them; but when a patient's key is rotated, their sealed columns must be written again. Only those columns: numbers,
authors and times stay fixed.
"""

from alembic import op

from migrations.protection import APP_ROLE

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SEALED = {
    "triage_note": "content",
    "triage_decision": "line, reason",
    "chat_entry": "content",
    "resource_history": "content",
}


def upgrade() -> None:
    for table, columns in SEALED.items():
        op.execute(f"grant update ({columns}) on {table} to {APP_ROLE}")


def downgrade() -> None:
    for table, columns in SEALED.items():
        op.execute(f"revoke update ({columns}) on {table} from {APP_ROLE}")
