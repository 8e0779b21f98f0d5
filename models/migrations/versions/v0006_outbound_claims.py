"""A change that is being sent names the run that holds it; a parked one, what is known of it."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("outbound", sa.Column("run_id", sa.Integer(), nullable=True))
    # A default, so that no row of a table in use has to be written anew.
    add_column("outbound", sa.Column("in_doubt", sa.Boolean(), nullable=False, server_default=sa.false()))
    add_column("outbound", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("outbound", "reported_at")
    op.drop_column("outbound", "in_doubt")
    op.drop_column("outbound", "run_id")
