"""
Consents that name codes, security labels or a period of the data decide by them.

Rules that are there keep covering more than was written, until their Consent is saved again or index keys rotate:
neither the codes of a Consent nor those of a resource can be read here, as both are sealed.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""alter table consent_rule add needs bytea[], add coded bytea, add data_from timestamptz,
        add data_until timestamptz""")


def downgrade() -> None:
    op.execute("alter table consent_rule drop needs, drop coded, drop data_from, drop data_until")
