"""When buyers' data go: settings of tenants, what was anonymised, erased or asked to be erased.

What was issued stays as it is for eight years by the database itself, whatever a program asks of it; then it
takes one change, which leaves number, day, sums and hash.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations.steps import (
    FROZEN,
    add_column,
    create_index,
    drop_index,
    fill,
    freeze_again,
    let_change,
)

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

LEAST_YEARS = 8
HAS_ENDED = (
    "anonymised_at IS NULL AND NOT trial AND CASE WHEN state = 'merged' THEN true "
    "WHEN state = 'shipped' THEN paid_amount + credited_amount = total "
    "WHEN state = 'cancelled' THEN paid_amount + credited_amount = total "
    "OR paid_amount = 0 AND credited_amount = 0 ELSE false END"
)
HAS_REFERENCE = "payment_id IS NOT NULL AND reference <> ''"
DOCUMENT = (
    "id tenant_id account_id order_id kind year number label issued_at issued_on language currency net tax "
    "gross shipping_amount fee_amount corrects_id credits_id sha256 run_id"
)
BOOKING = (
    "id tenant_id account_id order_id document_id payment_id kind booked_on recorded_at currency gross taxes "
    "label order_number method customer_id tax_case country exchange_rate"
)


def _same(columns: str) -> str:
    return " AND ".join(f"NEW.{name} IS OLD.{name}" for name in columns.split())


def _same_but(*columns: str) -> str:
    names = ", ".join(f"'{name}'" for name in columns)
    return f"to_jsonb(NEW) - ARRAY[{names}] = to_jsonb(OLD) - ARRAY[{names}]"


def upgrade() -> None:
    add_column("tenant", sa.Column("retention", sa.JSON(), nullable=False, server_default="{}"))
    add_column("sales_order", sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True))
    add_column("document", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    add_column("mail", sa.Column("tenant_id", sa.Integer(), nullable=True))
    fill(
        "mail",
        "tenant_id = (SELECT tenant_id FROM sales_order WHERE sales_order.id = mail.order_id)",
        "order_id IS NOT NULL AND tenant_id IS NULL",
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("order_number", sa.String(80), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_erasure_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("account_id", "order_number", name=op.f("uq_erasure_account_id_order_number")),
    )
    for name, table, columns, condition in (
        ("ix_sales_order_to_anonymise", "sales_order", ["tenant_id", "placed_at"], HAS_ENDED),
        ("ix_document_kept", "document", ["tenant_id", "issued_on"], "erased_at IS NULL"),
        ("ix_booking_reference", "booking", ["tenant_id", "booked_on"], HAS_REFERENCE),
    ):
        where = sa.text(condition)
        create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    create_index("ix_mail_tenant_sent", "mail", ["tenant_id", "sent_at"])
    drop_index("ix_mail_sent_at", "mail")
    let_change(
        "document",
        sqlite=(
            "OLD.erased_at IS NULL AND coalesce(CAST(strftime('%Y', NEW.erased_at) AS INTEGER), 0) > "
            f"CAST(strftime('%Y', OLD.issued_on) AS INTEGER) + {LEAST_YEARS} AND {_same(DOCUMENT)}"
        ),
        postgresql=(
            "OLD.erased_at IS NULL AND coalesce(extract(year FROM NEW.erased_at AT TIME ZONE 'UTC'), 0) > "
            f"extract(year FROM OLD.issued_on) + {LEAST_YEARS} AND {_same_but('content', 'erased_at')}"
        ),
    )
    let_change(
        "booking",
        sqlite=(
            "NEW.reference = '' AND OLD.payment_id IS NOT NULL AND CAST(strftime('%Y', 'now') AS INTEGER) > "
            f"CAST(strftime('%Y', OLD.booked_on) AS INTEGER) + {LEAST_YEARS} AND {_same(BOOKING)}"
        ),
        postgresql=(
            "NEW.reference = '' AND OLD.payment_id IS NOT NULL AND "
            "extract(year FROM now() AT TIME ZONE 'UTC') > "
            f"extract(year FROM OLD.booked_on) + {LEAST_YEARS} AND {_same_but('reference')}"
        ),
    )
    _let_files_go()


def _let_files_go() -> None:
    """Let the PDF of an erased document be deleted."""
    erased = "SELECT 1 FROM document WHERE id = OLD.document_id AND erased_at IS NOT NULL"
    if op.get_context().dialect.name != "postgresql":
        op.execute("DROP TRIGGER document_file_stays_delete")
        op.execute(
            "CREATE TRIGGER document_file_stays_delete BEFORE DELETE ON document_file "
            f"WHEN NOT EXISTS ({erased}) BEGIN SELECT RAISE(ABORT, '{FROZEN}'); END"
        )
        return
    with op.get_context().autocommit_block():
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF TG_OP = 'DELETE' AND EXISTS ({erased}) THEN RETURN OLD; END IF; "
            f"RAISE EXCEPTION '{FROZEN}' USING ERRCODE = 'integrity_constraint_violation', "
            "TABLE = TG_TABLE_NAME; END $$"
        )
        op.execute(
            "CREATE OR REPLACE TRIGGER document_file_stays BEFORE UPDATE OR DELETE ON document_file "
            "FOR EACH ROW EXECUTE FUNCTION refuse_unless_erased()"
        )


def downgrade() -> None:
    for table in ("document_file", "booking", "document"):
        freeze_again(table)
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_unless_erased()")
    create_index("ix_mail_sent_at", "mail", ["sent_at"])
    drop_index("ix_mail_tenant_sent", "mail")
    drop_index("ix_booking_reference", "booking")
    drop_index("ix_document_kept", "document")
    drop_index("ix_sales_order_to_anonymise", "sales_order")
    op.drop_table("erasure")
    op.drop_column("mail", "tenant_id")
    op.drop_column("document", "erased_at")
    op.drop_column("sales_order", "anonymised_at")
    op.drop_column("tenant", "retention")
