"""Mails to buyers: whose they are, who they are from, their files; what a tenant's mails need to know."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column, create_index, drop_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("bank", "mails"):
        add_column("tenant", sa.Column(name, sa.JSON(), nullable=False, server_default="{}"))
    for name in ("sender_name", "sender_address", "reply_to"):
        add_column("mail", sa.Column(name, sa.String(), nullable=False, server_default=""))
    add_column("mail", sa.Column("order_id", sa.Integer(), nullable=True))
    add_column("mail", sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True))
    create_index(op.f("ix_mail_order_id"), "mail", ["order_id"])
    op.create_table(
        "mail_file",
        sa.Column("mail_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("content_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["mail.id"], name=op.f("fk_mail_file_mail_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mail_id", "number", name=op.f("pk_mail_file")),
    )


def downgrade() -> None:
    op.drop_table("mail_file")
    drop_index("ix_mail_order_id", "mail")
    for name in ("given_up_at", "order_id", "reply_to", "sender_address", "sender_name"):
        op.drop_column("mail", name)
    for name in ("mails", "bank"):
        op.drop_column("tenant", name)
