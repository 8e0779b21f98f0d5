"""Pictures on papers, which never change."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import freeze

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "logo",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_logo")),
    )
    freeze("logo")


def downgrade() -> None:
    op.drop_table("logo")
