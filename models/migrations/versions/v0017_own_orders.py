"""Orders taken by hand and where they came from, offers, and orders that go together."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column, create_index, drop_index

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("sales_order", sa.Column("ships_with_id", sa.Integer(), nullable=True))
    create_index(
        "ix_sales_order_ships_with",
        "sales_order",
        ["ships_with_id"],
        sqlite_where=sa.text("ships_with_id IS NOT NULL"),
        postgresql_where=sa.text("ships_with_id IS NOT NULL"),
    )
    op.create_table(
        "order_origin",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("reference", sa.String(80), nullable=True),
        sa.Column("asked_hash", sa.String(64), nullable=False),
        sa.Column("from_order_id", sa.Integer(), nullable=True),
        sa.Column("return_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_order_origin_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_origin")),
        sa.UniqueConstraint("account_id", "reference", name=op.f("uq_order_origin_account_id_reference")),
    )
    op.create_index(op.f("ix_order_origin_from_order_id"), "order_origin", ["from_order_id"])
    op.create_index(op.f("ix_order_origin_return_id"), "order_origin", ["return_id"])
    op.create_table(
        "offer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_offer_account_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_offer_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_offer_tenant_id_number")),
    )
    op.create_index(op.f("ix_offer_order_id"), "offer", ["order_id"])
    op.create_index("ix_offer_state", "offer", ["state", "id"])


def downgrade() -> None:
    op.drop_table("offer")
    op.drop_table("order_origin")
    drop_index("ix_sales_order_ships_with", "sales_order")
    op.drop_column("sales_order", "ships_with_id")
