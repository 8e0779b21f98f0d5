"""What is kept back of order lines, and whether an order or a buyer allows parts."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_checked_count, add_column, create_index, drop_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEPT_BACK = "kept_back >= 0 AND kept_back + cancelled + shipped <= quantity"


def upgrade() -> None:
    add_checked_count("order_line", "kept_back", "ck_order_line_kept_back", KEPT_BACK)
    add_column("order_line", sa.Column("kept_until", sa.Date(), nullable=True))
    where = sa.text("kept_back > 0")
    create_index(
        "ix_order_line_kept_back",
        "order_line",
        ["account_id", "order_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    add_column("sales_order", sa.Column("partial_shipping", sa.Boolean(), nullable=True))
    add_column("customer", sa.Column("partial_shipping", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("customer", "partial_shipping")
    op.drop_column("sales_order", "partial_shipping")
    drop_index("ix_order_line_kept_back", "order_line")
    op.drop_column("order_line", "kept_until")
    op.drop_column("order_line", "kept_back")
