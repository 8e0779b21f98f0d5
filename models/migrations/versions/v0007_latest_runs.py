"""An index for the latest run of each cycle, which the overview asks for every minute."""

from models.migrations.steps import create_index, drop_index

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_run_latest", "run", ["account_id", "cycle", "id"])


def downgrade() -> None:
    drop_index("ix_run_latest", "run")
