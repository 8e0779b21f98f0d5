"""Pick lists, and what of promised units lies ready."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_check, add_checked_count

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

PICKED = "picked >= 0 AND picked <= allocated"


def upgrade() -> None:
    add_checked_count("allocation", "picked", "ck_allocation_picked", "picked >= 0 AND picked <= quantity")
    if op.get_context().dialect.name == "sqlite":
        # There a check can only come with its column, and nothing has counted in this one yet.
        op.drop_column("order_line", "picked")
        add_checked_count("order_line", "picked", "ck_order_line_picked", PICKED)
    else:
        add_check("order_line", "ck_order_line_picked", PICKED)
    op.create_table(
        "pick_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(40), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_pick_list_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick_list")),
    )
    op.create_index("ix_pick_list_tenant_state", "pick_list", ["tenant_id", "state"])
    op.create_table(
        "pick_order",
        sa.Column("pick_list_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("box", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("box >= 0", name=op.f("ck_pick_order_box")),
        sa.ForeignKeyConstraint(["pick_list_id"], ["pick_list.id"], name=op.f("fk_pick_order_pick_list_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_pick_order_order_id")),
        sa.PrimaryKeyConstraint("pick_list_id", "order_id", name=op.f("pk_pick_order")),
    )
    op.create_index(
        "uq_pick_order_open",
        "pick_order",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "ix_pick_order_noted",
        "pick_order",
        ["pick_list_id"],
        sqlite_where=sa.text("noted_at IS NOT NULL"),
        postgresql_where=sa.text("noted_at IS NOT NULL"),
    )
    op.create_table(
        "pick_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pick_list_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("order_line_id", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("picked", sa.Integer(), nullable=False),
        sa.Column("put_back", sa.Integer(), nullable=False),
        sa.CheckConstraint("picked >= 0 AND picked <= quantity", name=op.f("ck_pick_item_picked")),
        sa.CheckConstraint("put_back >= 0", name=op.f("ck_pick_item_put_back")),
        sa.ForeignKeyConstraint(
            ["pick_list_id", "order_id"],
            ["pick_order.pick_list_id", "pick_order.order_id"],
            name=op.f("fk_pick_item_pick_list_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick_item")),
        sa.UniqueConstraint(
            "order_line_id",
            "level_id",
            "pick_list_id",
            name=op.f("uq_pick_item_order_line_id_level_id_pick_list_id"),
        ),
    )
    op.create_index("ix_pick_item_order", "pick_item", ["pick_list_id", "order_id"])
    op.create_index("ix_pick_item_article", "pick_item", ["pick_list_id", "article_id"])
    op.create_index(
        "ix_pick_item_open",
        "pick_item",
        ["pick_list_id", "article_id", "position"],
        sqlite_where=sa.text("picked < quantity"),
        postgresql_where=sa.text("picked < quantity"),
    )
    op.create_table(
        "pick_scan",
        sa.Column("pick_list_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pick_item_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_pick_scan_quantity")),
        sa.ForeignKeyConstraint(["pick_list_id"], ["pick_list.id"], name=op.f("fk_pick_scan_pick_list_id")),
        sa.ForeignKeyConstraint(["pick_item_id"], ["pick_item.id"], name=op.f("fk_pick_scan_pick_item_id")),
        sa.PrimaryKeyConstraint("pick_list_id", "number", "pick_item_id", name=op.f("pk_pick_scan")),
    )


def downgrade() -> None:
    op.drop_table("pick_scan")
    op.drop_table("pick_item")
    op.drop_table("pick_order")
    op.drop_table("pick_list")
    op.drop_column("allocation", "picked")
    if op.get_context().dialect.name == "sqlite":
        op.add_column("order_line", sa.Column("unchecked", sa.Integer(), nullable=False, server_default="0"))
        op.execute("UPDATE order_line SET unchecked = picked WHERE picked > 0")
        op.drop_column("order_line", "picked")
        op.execute("ALTER TABLE order_line RENAME COLUMN unchecked TO picked")
    else:
        op.drop_constraint("ck_order_line_picked", "order_line")
