"""Returns and what became of their units, partial credit notes, warehouses from which nothing is sold."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("document", sa.Column("credits_id", sa.Integer(), nullable=True))
    add_column("warehouse", sa.Column("sellable", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "order_return",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("credited_amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_return_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_return")),
    )
    op.create_index(op.f("ix_order_return_order_id"), "order_return", ["order_id"])
    op.create_index("ix_order_return_state", "order_return", ["state", "id"])
    op.create_table(
        "return_line",
        sa.Column("return_id", sa.Integer(), nullable=False),
        sa.Column("order_line_id", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Integer(), nullable=False),
        sa.Column("to_stock", sa.Integer(), nullable=False),
        sa.Column("b_stock", sa.Integer(), nullable=False),
        sa.Column("scrapped", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "announced >= 0 AND to_stock >= 0 AND b_stock >= 0 AND scrapped >= 0",
            name=op.f("ck_return_line_counts"),
        ),
        sa.ForeignKeyConstraint(["return_id"], ["order_return.id"], name=op.f("fk_return_line_return_id")),
        sa.PrimaryKeyConstraint("return_id", "order_line_id", name=op.f("pk_return_line")),
    )


def downgrade() -> None:
    op.drop_table("return_line")
    op.drop_table("order_return")
    op.drop_column("warehouse", "sellable")
    op.drop_column("document", "credits_id")
