"""Documents that never change, their series of numbers, and what of an order line was invoiced."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_checked_count, add_column, create_index, drop_index, freeze

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("tenant", sa.Column("seller", sa.JSON(), nullable=False, server_default="{}"))
    add_column(
        "tenant", sa.Column("numbers_in_doubt", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    add_checked_count(
        "order_line", "invoiced", "ck_order_line_invoiced", "invoiced >= 0 AND invoiced <= shipped"
    )
    create_index(
        "ix_order_line_to_invoice",
        "order_line",
        ["account_id", "order_id"],
        sqlite_where=sa.text("shipped > invoiced"),
        postgresql_where=sa.text("shipped > invoiced"),
    )
    op.create_table(
        "document_series",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_document_series_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "year", name=op.f("pk_document_series")),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("shipping_amount", sa.BigInteger(), nullable=False),
        sa.Column("fee_amount", sa.BigInteger(), nullable=False),
        sa.Column("corrects_id", sa.Integer(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_document_tenant_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_document_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name=op.f("fk_document_order_id")),
        sa.ForeignKeyConstraint(["corrects_id"], ["document.id"], name=op.f("fk_document_corrects_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint(
            "tenant_id", "kind", "year", "number", name=op.f("uq_document_tenant_id_kind_year_number")
        ),
        sa.UniqueConstraint("corrects_id", name=op.f("uq_document_corrects_id")),
    )
    op.create_index(op.f("ix_document_order_id"), "document", ["order_id"])
    op.create_index(op.f("ix_document_label"), "document", ["label"])
    op.create_index("ix_document_account", "document", ["account_id", "id"])
    op.create_table(
        "document_file",
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_document_file_document_id")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_file")),
    )
    op.create_table(
        "document_line",
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("order_line_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_document_line_document_id")),
        sa.PrimaryKeyConstraint("document_id", "order_line_id", name=op.f("pk_document_line")),
    )
    op.create_index(op.f("ix_document_line_order_line_id"), "document_line", ["order_line_id"])
    for table in ("document", "document_line", "document_file"):
        freeze(table)


def downgrade() -> None:
    op.drop_table("document_line")
    op.drop_table("document_file")
    op.drop_table("document")
    op.drop_table("document_series")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
    drop_index("ix_order_line_to_invoice", "order_line")
    op.drop_column("order_line", "invoiced")
    op.drop_column("tenant", "numbers_in_doubt")
    op.drop_column("tenant", "seller")
