"""Indexes for what is asked of tables with a million rows, nearly all of them done with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_listing_article", "listing", ["article_id", "account_id"])
    op.drop_index("ix_listing_article_id", "listing")
    op.drop_index("ix_listing_members_open", "listing")
    op.create_index(
        "ix_listing_members_open",
        "listing",
        ["account_id"],
        sqlite_where=sa.text("members_open IS 1"),
        postgresql_where=sa.text("members_open IS true"),
    )
    op.drop_index("ix_outbound_due", "outbound")
    op.create_index("ix_outbound_due", "outbound", ["account_id", "kind", "state", "changed_at", "id"])
    op.create_index(
        "ix_hold_open",
        "hold",
        ["reason", "order_id"],
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_hold_open", "hold")
    op.drop_index("ix_outbound_due", "outbound")
    op.create_index("ix_outbound_due", "outbound", ["account_id", "kind", "state", "next_try_at"])
    op.drop_index("ix_listing_members_open", "listing")
    op.create_index("ix_listing_members_open", "listing", ["members_open"])
    op.create_index("ix_listing_article_id", "listing", ["article_id"])
    op.drop_index("ix_listing_article", "listing")
