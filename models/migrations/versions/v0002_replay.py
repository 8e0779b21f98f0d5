"""What a replay needs: which run wrote an order's history, which orders a run set out to read."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("order_event", sa.Column("run_id", sa.Integer(), nullable=True))
    add_column("run", sa.Column("window", sa.JSON(), nullable=True))
    add_column("outbound", sa.Column("repeat_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbound", "repeat_version")
    op.drop_column("run", "window")
    op.drop_column("order_event", "run_id")
