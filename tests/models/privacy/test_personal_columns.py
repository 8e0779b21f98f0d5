"""Each column that may tell of a buyer has a fate."""

import importlib
import json
import pkgutil
from typing import Any

import pytest
from sqlalchemy import JSON, LargeBinary, String, delete, select, update
from sqlmodel import AutoString, Session, SQLModel, col

import models
from models.database.session import session_scope
from models.privacy.erasure import erase_person
from models.privacy.personal_columns import COLUMNS, Fate, columns_of
from models.privacy.persons import find_person
from models.sync.rejected import RejectedRecord
from tests.support.privacy import live, run_steps, tenant_of

KEPT_BY_LAW = (
    "booking.reference document.content document_file.pdf mail.recipients mail.subject mail.text mail.html "
    "mail.delivered_to mail.refused_by mail.error mail_file.content"
)
"""Invoices, records of payments and business letters stay for years; other tests see them go then."""
NEVER_OF_A_BUYER = {
    "numbers that only the channel, the carrier or the books connect with a person": """
        aside.external_id booking.label booking.order_number difference.subject document.label
        erasure.order_number offer.number outbound.key parcel.tracking_number sales_order.alternative_number
        sales_order.channel_number sales_order.external_id stock_movement.reference""",
    "the goods of an order, which stay; what a buyer wanted written on them is in `codes`": """
        order_line.details order_line.external_id order_line.title""",
    "names of ways to pay and to ship, and of marketplaces": """
        booking.method payment.method sales_order.carrier sales_order.payment_method
        sales_order.payment_method_name sales_order.platform sales_order.shipping_method shipment.carrier""",
    "amounts, currencies, countries and languages": """
        booking.country booking.currency booking.exchange_rate booking.taxes document.currency
        document.language offer.currency order_address.country payment.currency sales_order.currency""",
    "names of fields, kinds and articles, with values that name no buyer": """
        aside.kind aside.reason difference.field difference.here difference.there hold.field order_edit.field
        order_event.kind order_line.matched_by outbound.sent_values pick_order.reason""",
    "hashes and random keys": """
        document.sha256 document_file.sha256 listing.content_hash logo.sha256 mail.claim mail.message_id
        order_origin.asked_hash sales_order.content_hash installation.key""",
    "made by the program, without values of records (law 9)": """
        alarm.error alarm.flow_run_id call.call call.ending cursor.name cursor.value incident.error
        incident.key mail.key outbound.error run.counts run.error run.flow_run_id run.window""",
    "the merchant's own settings": """
        account.kind account.name account.settings bin.name logo.png mail.reply_to mail.sender_address
        mail.sender_name mail_file.content_id mail_file.media_type mail_file.name service.external_id
        service.mapped_to service.name shipping_method.carrier shipping_method.extras shipping_method.limits
        shipping_method.name shipping_method.product tenant.bank tenant.country tenant.currency
        tenant.language tenant.mails tenant.match_rules tenant.name tenant.retention tenant.seller
        tenant.taxes tenant.title warehouse.name""",
    "articles and what channels know of them": """
        article.attributes article.country_of_origin article.gtin article.manufacturer
        article.manufacturer_number article.meta article.sku article.supplier article.supplier_number
        article.unit article.variant_values article_category.category_external_id article_image.alt
        article_image.url article_number.loose article_number.value article_price.currency
        article_price.price_group article_text.description article_text.keywords article_text.language
        article_text.short_description article_text.title category.external_id category.name
        category.parent_external_id custom_code.loose custom_code.value listing.channel_number
        listing.external_id listing.loose_number listing.members listing.title stock_limit.scope_key""",
}
"""Columns that survive an erasure, by the reason why no buyer's word stands in them."""
WORD = "Planted"


def walk_columns() -> dict[str, set[str]]:
    """Return {table: columns that can hold a text or a file}; codes of a fixed set cannot."""
    for module in pkgutil.walk_packages(models.__path__, "models."):
        if not module.name.startswith("models.migrations"):
            importlib.import_module(module.name)
    return {
        table.name: {
            column.name
            for column in table.columns
            if isinstance(column.type, (AutoString, String, JSON, LargeBinary))
        }
        for table in SQLModel.metadata.sorted_tables
    }


def plant(session: Session, name: str, columns: set[str]) -> None:
    """Write the word into these columns of every row, beside the keys and values of a JSON object."""
    table = SQLModel.metadata.tables[name]
    keys = list(table.primary_key.columns)
    rows = session.execute(select(table)).mappings().all()
    if name == "order_edit":
        # What a person set of goods and amounts is kept.
        rows = [row for row in rows if row["field"].startswith("shipping.")]
    assert rows, f"no {name} to plant a word in"
    for number, row in enumerate(rows):
        values: dict[str, Any] = {}
        for column in columns:
            if not isinstance(table.c[column].type, JSON):
                values[column] = f"{WORD} {number}"
            else:
                values[column] = {**row[column], WORD: WORD}
        session.execute(update(table).where(*(key == row[key.name] for key in keys)).values(values))


@pytest.mark.parametrize("asked", [False, True])
def test_no_word_of_a_buyer_survives_an_erasure(database: str, asked: bool) -> None:
    """Planted in each column of each table but those above, it is gone after the period or the request."""
    spared = {name for names in (*NEVER_OF_A_BUYER.values(), KEPT_BY_LAW) for name in names.split()}
    there = walk_columns()
    assert spared <= {f"{table}.{column}" for table, columns in there.items() for column in columns}
    with session_scope() as session:
        shop = live(session)
        session.flush()
        for table, columns in there.items():
            if wanted := {column for column in columns if f"{table}.{column}" not in spared}:
                plant(session, table, wanted)
        # The other one belongs to nobody's order.
        session.execute(delete(RejectedRecord).where(col(RejectedRecord.external_id) != "1"))
        session.expire_all()
        if asked:
            person = find_person(session, tenant_of(session, shop), "1")
            erase_person(session, tenant_of(session, shop), person)
        else:
            run_steps(session)
        session.flush()
        left = [
            f"{table.name}.{name}"
            for table in SQLModel.metadata.sorted_tables
            for row in session.execute(table.select()).mappings()
            for name, value in row.items()
            if WORD in (json.dumps(value) if isinstance(value, dict | list) else str(value))
        ]

    assert left == []


def test_every_column_was_judged() -> None:
    """A text, JSON or file column that is new fails here until somebody says what is in it."""
    there = walk_columns()
    judged = {
        table: [name for names in fates.values() for name in names.split()]
        for table, fates in COLUMNS.items()
    }

    assert {table: sorted(names) for table, names in judged.items()} == {
        table: sorted(names) for table, names in there.items()
    }
    for name in columns_of(Fate.order):
        assert name == "sales_order" or "order_id" in SQLModel.metadata.tables[name].columns
