"""
A second wall around a patient's link: its transactions see one visit, whatever the repositories ask for.

The tenant wall keeps clinics apart; the policy table keeps patients apart, in Python. A restrictive policy now does the
same in the database: when a transaction names `app.visit`, rows of other visits and other patients are not there.
Staff, services and the system name none and see the tenant, as before.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAMED = "nullif(current_setting('app.visit', true), '')::uuid"  # '' after a SET LOCAL has ended
BY_VISIT = ("visit_place", "visit_transition", "consent", "intake", "triage_note", "triage_decision", "note",
            "chat_entry", "link", "ticket")  # fmt: skip
BY_PATIENT = {"patient": "id", "patient_key": "patient_id", "patient_index": "patient_id"}


def upgrade() -> None:
    walls = {"visit": f"id = {NAMED}"}
    walls |= dict.fromkeys(BY_VISIT, f"visit_id = {NAMED}")
    walls |= {
        table: f"{column} in (select v.patient_id from visit v where v.id = {NAMED})"
        for table, column in BY_PATIENT.items()
    }
    for table, condition in walls.items():
        op.execute(
            f"create policy own_visit_wall on {table} as restrictive"
            f" using ({NAMED} is null or {condition}) with check ({NAMED} is null or {condition})"
        )


def downgrade() -> None:
    for table in ("visit", *BY_VISIT, *BY_PATIENT):
        op.execute(f"drop policy own_visit_wall on {table}")
