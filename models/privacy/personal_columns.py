"""Where buyers' data lie: of each column that can hold text, whether they may be in it, and when they go.

A test reads it beside the tables: a column that nobody has judged fails it.
"""

from collections.abc import Mapping
from enum import StrEnum


class Fate(StrEnum):
    """When buyers' data leave a column."""

    none = "none"
    """There are none in it."""
    order = "order"
    """They are taken out with those of the order (`models.privacy.anonymisation`)."""
    customer = "customer"
    """With those of the buyer's last order."""
    record = "record"
    """When as much time has passed as an order's are kept, or with its order: raw records set aside."""
    document = "document"
    """After the years of invoices and booking records."""
    letter = "letter"
    """With the whole row, after the years of business letters."""


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
        # The country alone names nobody, and taxes go by it.
        Fate.none: "country",
        Fate.order: "company salutation first_name last_name street street2 postcode city state phone email "
        "vat_id",
    },
    "order_edit": {Fate.none: "field", Fate.order: "told"},
    "order_event": {Fate.none: "kind", Fate.order: "detail"},
    "order_line": {Fate.none: "external_id title matched_by details", Fate.order: "codes"},
    "order_origin": {Fate.none: "reference asked_hash"},
    "order_return": {Fate.order: "reason"},
    "outbound": {Fate.none: "key sent_values error"},
    # By a parcel's number its carrier alone finds a person, and not for long.
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
        # Numbers and the hash by which a record is known again; whose it was, the channel alone knows.
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
    """Return by table the columns of one fate."""
    return {table: fates[fate].split() for table, fates in COLUMNS.items() if fate in fates}
