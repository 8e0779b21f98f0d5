"""Indexes for what is asked of tables with a million rows, nearly all of them done with."""

import sqlalchemy as sa

from models.migrations.steps import create_index, drop_index

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_listing_article", "listing", ["article_id", "account_id"])
    drop_index("ix_listing_article_id", "listing")
    drop_index("ix_listing_members_open", "listing")
    create_index(
        "ix_listing_members_open",
        "listing",
        ["account_id"],
        sqlite_where=sa.text("members_open IS 1"),
        postgresql_where=sa.text("members_open IS true"),
    )
    drop_index("ix_outbound_due", "outbound")
    create_index("ix_outbound_due", "outbound", ["account_id", "kind", "state", "changed_at", "id"])
    create_index(
        "ix_hold_open",
        "hold",
        ["reason", "order_id"],
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )


def downgrade() -> None:
    drop_index("ix_hold_open", "hold")
    drop_index("ix_outbound_due", "outbound")
    create_index("ix_outbound_due", "outbound", ["account_id", "kind", "state", "next_try_at"])
    drop_index("ix_listing_members_open", "listing")
    create_index("ix_listing_members_open", "listing", ["members_open"])
    create_index("ix_listing_article_id", "listing", ["article_id"])
    drop_index("ix_listing_article", "listing")
