"""What an order's methods mean, what is owed of it, reminders, edits by people, and ways to send goods."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column, create_index, drop_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for amount in ("authorised_amount", "refunded_amount", "credited_amount"):
        add_column("sales_order", sa.Column(amount, sa.BigInteger(), nullable=False, server_default="0"))
    add_column("sales_order", sa.Column("payment_kind", sa.String(40), nullable=True))
    add_column("sales_order", sa.Column("reminders", sa.Integer(), nullable=False, server_default="0"))
    add_column("sales_order", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    add_column("sales_order", sa.Column("shipping_method_id", sa.Integer(), nullable=True))
    add_column("sales_order", sa.Column("express", sa.Boolean(), nullable=False, server_default=sa.false()))
    create_index("ix_sales_order_customer_id", "sales_order", ["customer_id"])
    add_column("hold", sa.Column("accepted", sa.Boolean(), nullable=False, server_default=sa.false()))
    add_column("payment", sa.Column("kind", sa.String(40), nullable=False, server_default="received"))
    op.create_table(
        "order_edit",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(120), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_edit_order_id")),
        sa.PrimaryKeyConstraint("order_id", "field", name=op.f("pk_order_edit")),
    )
    op.create_table(
        "shipping_method",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("carrier", sa.String(60), nullable=False),
        sa.Column("limits", sa.String(40), nullable=False),
        sa.Column("product", sa.String(60), nullable=False),
        sa.Column("extras", sa.JSON(), nullable=False),
        sa.Column("express", sa.Boolean(), nullable=False),
        sa.Column("pickup", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_shipping_method_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipping_method")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_shipping_method_tenant_id_name")),
    )


def downgrade() -> None:
    op.drop_table("shipping_method")
    op.drop_table("order_edit")
    op.drop_column("payment", "kind")
    op.drop_column("hold", "accepted")
    drop_index("ix_sales_order_customer_id", "sales_order")
    for column in (
        "express",
        "shipping_method_id",
        "reminded_at",
        "reminders",
        "payment_kind",
        "credited_amount",
        "refunded_amount",
        "authorised_amount",
    ):
        op.drop_column("sales_order", column)
