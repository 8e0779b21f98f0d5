"""Booking records of documents and payments, which never change."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import freeze

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "booking",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=True),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("taxes", sa.JSON(), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("order_number", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(document_id IS NULL) <> (payment_id IS NULL)", name=op.f("ck_booking_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
        sa.UniqueConstraint("document_id", name=op.f("uq_booking_document_id")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_booking_payment_id")),
    )
    op.create_index("ix_booking_tenant_day", "booking", ["tenant_id", "booked_on", "id"])
    freeze("booking")


def downgrade() -> None:
    op.drop_table("booking")
