"""Orders that were anonymised before lose their reference, too: it may hold a person's words."""

from models.migrations.steps import fill

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    anonymous = "SELECT id FROM sales_order WHERE anonymised_at IS NOT NULL"
    fill(
        "order_origin",
        "reference = NULL",
        f"reference IS NOT NULL AND order_id IN ({anonymous})",
        key="order_id",
    )


def downgrade() -> None:
    # An erased text does not come back.
    pass
