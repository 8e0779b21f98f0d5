"""How a tenant's sales abroad are taxed, and what bookings tell of it."""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import add_column

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BOOKED = (("tax_case", 40), ("country", 2), ("exchange_rate", 20))


def upgrade() -> None:
    add_column("tenant", sa.Column("taxes", sa.JSON(), nullable=False, server_default="{}"))
    for name, length in BOOKED:
        add_column("booking", sa.Column(name, sa.String(length), nullable=True))


def downgrade() -> None:
    for name, _ in BOOKED:
        op.drop_column("booking", name)
    op.drop_column("tenant", "taxes")
