"""Anonymising orders: data about the buyer is removed; goods, money and history stay.

`models.privacy.personal_columns` lists the columns concerned. Numbers, amounts, stock, bookings and published
values stay unchanged. A channel that reports the order again does not restore the data (`without_buyer`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import String, bindparam, cast, exists, literal, select, update
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as select_rows

from models.clock import utc_now
from models.database.bulk import insert_rows, table_of
from models.database.columns import need_id
from models.database.conditions import among
from models.intake.order_deletion import delete_test_orders
from models.order_desk.offers import Offer, OfferState
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Customer, Order
from models.orders.origin import erase_reference
from models.orders.row_values import ANONYMOUS_DETAILS, MATCH_FIELDS
from models.privacy.personal_columns import Fate, columns_of
from models.privacy.retention import clear_raw_rejected, may_be_anonymised, retention_cutoff
from models.sync.rejected import RejectedRecord
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant

_DETAILS = """
amount authorised b_stock box candidates carrier changes corrects country difference document documents event
field from goodwill gross into limit line lines list missing method now_in number of open orders outcome paid
price put_back quantity reason remembered return rule scrapped sku state to_stock total tracking units usual
waits were_in
"""
KEPT_DETAILS = frozenset(_DETAILS.split())
"""Details of an event or a hold that are kept; all others may contain buyers' data or a person's words."""
_CHANGES = """
total shipping_amount fee_amount currency payment_method payment_method_name payment_kind shipping_method
shipping_method_id checkout_at channel_number alternative_number platform shipping_tax_rate
"""
KEPT_CHANGES = frozenset(_CHANGES.split())
"""Fields of an order whose changes are kept in its history, besides those of its lines."""
KEPT_CODES = frozenset(MATCH_FIELDS) - {"attributes"}
"""Numbers of an article; attributes can be a text that the buyer ordered, such as an engraving."""
KEPT_OF_OFFERS = frozenset(
    ["lines", "currency", "shipping_amount", "payment", "shipping_method", "partial_shipping"]
)
"""What is kept of an offer besides the countries of its addresses."""
CODES = frozenset(map(str, HoldReason)) | {"term", "asked"}
"""Reasons that are codes and not a person's words."""
ANONYMOUS_PREFIX = "anonymous "
"""Prefix that, with our number of the buyer, replaces the channel's id: the channel may reuse that id."""


def _is_kept_field(name: str) -> bool:
    return name.startswith("line ") or name in KEPT_CHANGES


def keep_details(detail: Mapping[str, Any], _row: Any = None) -> dict[str, Any]:
    """Return the details of an event or a hold without buyers' data."""
    kept = {name: value for name, value in detail.items() if name in KEPT_DETAILS}
    if "changes" in kept:
        kept["changes"] = {name: pair for name, pair in kept["changes"].items() if _is_kept_field(name)}
    if kept.get("reason") not in CODES:
        kept.pop("reason", None)
    return kept


def _keep_order_details(details: Mapping[str, Any], _row: Any) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name in ANONYMOUS_DETAILS}


def _keep_codes(codes: Mapping[str, Any], _row: Any) -> dict[str, Any]:
    return {name: value for name, value in codes.items() if name in KEPT_CODES}


def keep_offer(content: Mapping[str, Any], _row: Any = None) -> dict[str, Any]:
    """Return an offer's content without buyers' data; of addresses only the country stays."""
    kept = {name: value for name, value in content.items() if name in KEPT_OF_OFFERS}
    for role in AddressRole:
        if role in content:
            address = content[role]
            kept[role] = {"country": address.get("country", "")} if address else address
    return kept


def _keep_edited(value: str, row: Any) -> str:
    return value if _is_kept_field(row["field"]) else ""


def _keep_reference_hash(reference: str | None, _row: Any) -> str | None:
    return erase_reference(reference)


KEEPERS: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("sales_order", "details"): _keep_order_details,
    ("order_event", "detail"): keep_details,
    ("hold", "detail"): keep_details,
    ("order_line", "codes"): _keep_codes,
    ("order_edit", "told"): _keep_edited,
    ("offer", "content"): keep_offer,
    ("order_origin", "reference"): _keep_reference_hash,
}
"""Columns that keep a part of their value, with the function that returns it; other columns are emptied."""


def anonymise_orders(
    session: Session, tenant: Tenant, ids: Sequence[int | None], *, asked: bool = False
) -> list[int]:
    """Remove the buyers' data from each of these orders that no longer needs it; return their ids.

    If `asked` is true, the buyers asked for erasure, and the tenant's retention period does not apply. The
    orders' rejected records lose their raw data, and a buyer without other orders becomes unknown. Safe to
    repeat. Takes the tenant's lock.
    """
    tenant_id = tenant.row_id
    lock_tenants(session, [tenant_id])
    before = None if asked else retention_cutoff(tenant)
    if before is None and not asked:
        return []
    session.flush()
    done: list[int] = []
    left = {need_id(one) for one in ids}
    # A merged order can only be anonymised after the order it was merged into, hence the loop.
    while left:
        query = select_rows(Order.id).where(
            among(col(Order.id), left), *may_be_anonymised(session, tenant_id, before)
        )
        found = [need_id(one) for one in session.exec(query.order_by(col(Order.id)).with_for_update())]
        if not found:
            break
        _anonymise(session, tenant, found, asked=asked)
        done += found
        left -= set(found)
    session.expire_all()
    return done


def anonymise_erased(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> list[int]:
    """Anonymise orders whose buyers asked for it; see `anonymise_orders`."""
    return anonymise_orders(session, tenant, ids, asked=True)


def _anonymise(session: Session, tenant: Tenant, ids: Sequence[int], *, asked: bool) -> None:
    order = table_of(Order)
    rows = session.execute(
        select(order.c.account_id, order.c.external_id, order.c.customer_id).where(among(order.c.id, ids))
    ).all()
    for table, columns in columns_of(Fate.order).items():
        _blank(session, table, columns, ids)
    session.execute(
        update(order).where(among(order.c.id, ids)).values(anonymised_at=utc_now(), customer_id=None)
    )
    detail = {"reason": "asked" if asked else "term"}
    insert_rows(
        session, OrderEvent, [event_values(one, "anonymised", detail, actor=Actor.cycle) for one in ids]
    )
    anonymise_customers(session, {row.customer_id for row in rows if row.customer_id is not None})
    numbers: dict[int, list[str]] = {}
    for row in rows:
        numbers.setdefault(row.account_id, []).append(row.external_id)
    for account_id, external_ids in numbers.items():
        query = select_rows(RejectedRecord.id).where(
            RejectedRecord.account_id == account_id,
            RejectedRecord.kind == "order",
            among(col(RejectedRecord.external_id), external_ids),
        )
        clear_raw_rejected(session, tenant, session.exec(query).all())


def _blank(session: Session, name: str, columns: Sequence[str], ids: Sequence[int]) -> None:
    """Empty columns in all rows of these orders; columns with a keeper keep its part."""
    table = SQLModel.metadata.tables[name]
    of_orders = among(table.c.id if name == Order.__tablename__ else table.c.order_id, ids)
    plain = [column for column in columns if (name, column) not in KEEPERS]
    if plain:
        session.execute(update(table).where(of_orders).values(dict.fromkeys(plain, "")))
    for column in (each for each in columns if each not in plain):
        keep = KEEPERS[name, column]
        keys = list(table.primary_key.columns)
        rows = session.execute(select(*keys, table.c[column]).where(of_orders)).mappings().all()
        changed = [
            {**{f"of_{key.name}": row[key.name] for key in keys}, "kept": kept}
            for row in rows
            if (kept := keep(row[column], row)) != row[column]
        ]
        if changed:
            statement = update(table).values({column: bindparam("kept", type_=table.c[column].type)})
            for key in keys:
                statement = statement.where(key == bindparam(f"of_{key.name}"))
            session.connection().execute(statement, changed)


def anonymise_customers(session: Session, ids: Collection[int]) -> None:
    """Remove names and addresses of buyers without a named order; the rows and their numbers stay.

    Bookings refer to these numbers, so they must not be given to another buyer.
    """
    table = table_of(Customer)
    session.execute(
        update(table)
        .where(among(table.c.id, ids), ~exists().where(col(Order.customer_id) == table.c.id))
        .values(external_id=literal(ANONYMOUS_PREFIX) + cast(table.c.id, String), user_name="", email="")
    )


def close_offers(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Remove buyers' data from expired offers and decline those still open. Takes the tenant's lock."""
    lock_tenants(session, [tenant.row_id])
    for offer in session.exec(select_rows(Offer).where(among(col(Offer.id), ids))).all():
        if offer.state is OfferState.open:
            offer.state, offer.decided_at = OfferState.declined, utc_now()
        offer.content = keep_offer(offer.content)
        session.add(offer)
    session.flush()


def delete_due_test_orders(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Delete test orders; they can be imported again. Takes the tenant's lock."""
    lock_tenants(session, [tenant.row_id])
    delete_test_orders(session, [need_id(one) for one in ids])
