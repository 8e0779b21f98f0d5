"""Columns that can hold text: whether they contain buyers' data, and when that is removed.

A test compares this list with the tables: a column missing here fails the test.
"""

from collections.abc import Mapping
from enum import StrEnum


class Fate(StrEnum):
    """When buyers' data is removed from a column."""

    none = "none"
    """Never: it contains none."""
    order = "order"
    """When the order is anonymised (`models.privacy.anonymisation`)."""
    customer = "customer"
    """When the buyer's last order is anonymised."""
    record = "record"
    """With the order, or after the same period: the raw data of rejected records."""
    document = "document"
    """After the retention period of invoices and booking records."""
    letter = "letter"
    """The whole row is deleted after the retention period of business letters."""


COLUMNS: Mapping[str, Mapping[Fate, str]] = {
    "account": {Fate.none: "name kind settings"},
    "alarm": {Fate.none: "error flow_run_id"},
    "allocation": {},
    "article": {
        Fate.none: "sku gtin manufacturer manufacturer_number supplier supplier_number unit "
        "country_of_origin variant_values attributes meta"
    },
    "article_bin": {},
    "article_category": {Fate.none: "category_external_id"},
    "article_image": {Fate.none: "url alt"},
    "article_number": {Fate.none: "value loose"},
    "article_price": {Fate.none: "price_group currency"},
    "article_text": {Fate.none: "language title short_description description keywords"},
    "aside": {Fate.none: "kind external_id reason", Fate.record: "raw"},
    "bin": {Fate.none: "name"},
    "booking": {
        Fate.none: "currency taxes label order_number method country exchange_rate",
        Fate.document: "reference",
    },
    "bundle_part": {},
    "call": {Fate.none: "call ending"},
    "call_order": {},
    "category": {Fate.none: "external_id parent_external_id name"},
    "cursor": {Fate.none: "name value"},
    "custom_code": {Fate.none: "value loose"},
    "custom_code_part": {},
    "customer": {Fate.customer: "external_id user_name email"},
    "difference": {Fate.none: "subject field here there"},
    "document": {Fate.none: "label language currency sha256", Fate.document: "content"},
    "document_file": {Fate.none: "sha256", Fate.document: "pdf"},
    "document_line": {},
    "document_series": {},
    "erasure": {Fate.none: "order_number"},
    "hold": {Fate.none: "field", Fate.order: "detail"},
    "incident": {Fate.none: "key error"},
    "installation": {Fate.none: "key"},
    "lease": {},
    "line_part": {},
    "listing": {Fate.none: "external_id channel_number loose_number title content_hash members"},
    "logo": {Fate.none: "sha256 png"},
    "mail": {
        Fate.none: "key message_id sender_name sender_address reply_to claim",
        Fate.letter: "recipients subject text html delivered_to refused_by error",
    },
    "mail_file": {Fate.none: "name media_type content_id", Fate.letter: "content"},
    "offer": {Fate.none: "number currency", Fate.order: "content"},
    "order_address": {
        # A country alone identifies nobody, and the tax case depends on it.
        Fate.none: "country",
        Fate.order: "company salutation first_name last_name street street2 postcode city state phone email "
        "vat_id",
    },
    "order_edit": {Fate.none: "field", Fate.order: "told"},
    "order_event": {Fate.none: "kind", Fate.order: "detail"},
    "order_line": {Fate.none: "external_id title matched_by details", Fate.order: "codes"},
    "order_origin": {Fate.none: "asked_hash", Fate.order: "reference"},
    "order_return": {Fate.order: "reason"},
    "outbound": {Fate.none: "key sent_values error"},
    # Only the carrier can find a person by a parcel's number, and only for a short time.
    "parcel": {Fate.none: "tracking_number"},
    "parcel_line": {},
    "payment": {Fate.none: "currency method", Fate.order: "reference"},
    "pick_item": {},
    "pick_list": {},
    "pick_order": {Fate.none: "reason"},
    "pick_scan": {},
    "return_line": {},
    "rhythm": {},
    "run": {Fate.none: "counts error flow_run_id window"},
    "sales_order": {
        # Numbers, and the hash that recognises a known record: only the channel knows the buyer behind them.
        Fate.none: "external_id channel_number alternative_number platform currency payment_method "
        "payment_method_name shipping_method carrier content_hash",
        Fate.order: "buyer_comment memo details",
    },
    "service": {Fate.none: "external_id name mapped_to"},
    "shipment": {Fate.none: "carrier"},
    "shipping_method": {Fate.none: "name carrier limits product extras"},
    "stock_level": {},
    "stock_limit": {Fate.none: "scope_key"},
    "stock_movement": {Fate.none: "reference"},
    "tenant": {
        Fate.none: "name title language country currency seller bank mails taxes retention match_rules"
    },
    "warehouse": {Fate.none: "name"},
}


def columns_of(fate: Fate) -> dict[str, list[str]]:
    """Return {table: columns} for one fate."""
    return {table: fates[fate].split() for table, fates in COLUMNS.items() if fate in fates}
