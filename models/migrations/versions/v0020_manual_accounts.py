"""Accounts in which people enter orders by hand are of the kind `manual`, no longer `own`."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE account SET kind = 'manual' WHERE kind = 'own'")


def downgrade() -> None:
    op.execute("UPDATE account SET kind = 'own' WHERE kind = 'manual'")
