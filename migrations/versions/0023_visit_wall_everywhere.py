"""
The visit wall around everything that a patient's link has no business with.

0010 put it around what belongs to a visit. Raw SQL in a patient's transaction still saw the whole tenant's accounts,
audit entries, API clients, sessions and broken glass. Now it sees its own practitioner's account, whom its resources
name, and nothing of the others. A condition without a column is judged once for a query, not for each row.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NAMED = "nullif(current_setting('app.visit', true), '')::uuid"  # as in 0010
NOT_THEIRS = ("account_index", "client", "client_assertion", "session", "throttle", "break_glass", "legal_hold",
              "erasure")  # fmt: skip


def upgrade() -> None:
    for table in NOT_THEIRS:
        op.execute(f"create policy own_visit_wall on {table} as restrictive using ({NAMED} is null)")
    practitioner = f"id in (select v.practitioner_id from visit v where v.id = {NAMED})"
    op.execute(f"create policy own_visit_wall on account as restrictive using ({NAMED} is null or {practitioner})")
    # Only for reading: append_audit writes in a patient's transaction too, as the owner, whom walls hold as well.
    op.execute(f"create policy own_visit_wall on audit_entry as restrictive for select using ({NAMED} is null)")


def downgrade() -> None:
    for table in (*NOT_THEIRS, "account", "audit_entry"):
        op.execute(f"drop policy own_visit_wall on {table}")
