"""A record of every exchange with an outside system."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("call", sa.String(200), nullable=False),
        sa.Column("reads", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("ending", sa.String(60), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_call_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
    )
    op.create_index("ix_call_account", "call", ["account_id", "id"])
    op.create_index(
        "ix_call_failed",
        "call",
        ["id"],
        sqlite_where=sa.text("failed IS 1"),
        postgresql_where=sa.text("failed IS true"),
    )
    op.create_table(
        "call_order",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["sales_order.id"], name=op.f("fk_call_order_order_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["call_id"], ["call.id"], name=op.f("fk_call_order_call_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", "call_id", name=op.f("pk_call_order")),
    )
    op.create_index(op.f("ix_call_order_call_id"), "call_order", ["call_id"])


def downgrade() -> None:
    op.drop_table("call_order")
    op.drop_table("call")
