"""Bins of warehouses, and where an article lies."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.CheckConstraint("place >= 0", name=op.f("ck_bin_place")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"], name=op.f("fk_bin_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bin")),
        sa.UniqueConstraint("warehouse_id", "name", name=op.f("uq_bin_warehouse_id_name")),
    )
    op.create_table(
        "article_bin",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=False),
        sa.Column("bin_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"], name=op.f("fk_article_bin_warehouse_id")),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"], name=op.f("fk_article_bin_article_id")),
        sa.ForeignKeyConstraint(["bin_id"], ["bin.id"], name=op.f("fk_article_bin_bin_id")),
        sa.PrimaryKeyConstraint("warehouse_id", "article_id", name=op.f("pk_article_bin")),
    )
    op.create_index(op.f("ix_article_bin_article_id"), "article_bin", ["article_id"])
    op.create_index(op.f("ix_article_bin_bin_id"), "article_bin", ["bin_id"])


def downgrade() -> None:
    op.drop_table("article_bin")
    op.drop_table("bin")
