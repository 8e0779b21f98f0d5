"""Anonymising orders: what tells of their buyers goes, what tells of goods, money and steps stays.

Which columns those are stands in `models.privacy.personal_columns`. Figures, numbers, stock, bookings and
what a channel was told are left as they are, and an order that its channel tells anew gets nothing back
(`without_buyer`).
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
from models.intake.trials import delete_trials
from models.order_desk.offers import Offer, OfferState
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Customer, Order
from models.orders.row_values import DETAILS_KEPT
from models.privacy.personal_columns import Fate, columns_of
from models.privacy.retention import blank_asides, ended_before, may_go
from models.sync.rejected import Aside
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant

_DETAILS = """
amount authorised b_stock box candidates carrier changes corrects country difference document documents event
field from goodwill gross into limit line lines list missing method now_in number of open orders outcome paid
price put_back quantity reason remembered return rule scrapped sku state to_stock total tracking units usual
waits were_in
"""
KEPT_DETAILS = frozenset(_DETAILS.split())
"""What of a step or a hold is kept: whatever is not named here may be a buyer's, or words of a person."""
_CHANGES = """
total shipping_amount fee_amount currency payment_method payment_method_name payment_kind shipping_method
shipping_method_id checkout_at channel_number alternative_number platform shipping_tax_rate
"""
KEPT_CHANGES = frozenset(_CHANGES.split())
"""Fields of an order whose changes are kept, beside those of lines."""
CODES = frozenset(map(str, HoldReason)) | {"term", "asked"}
"""Reasons that are no words of a person."""
CUSTOMER_GONE = "anonymous "
"""With its number, what stands for the channel's id of a buyer that is gone: another may get that one."""


def _is_kept_field(name: str) -> bool:
    return name.startswith("line ") or name in KEPT_CHANGES


def keep_details(detail: Mapping[str, Any], _row: Any = None) -> dict[str, Any]:
    """Return what of the detail of a step or a hold tells of no buyer."""
    kept = {name: value for name, value in detail.items() if name in KEPT_DETAILS}
    if "changes" in kept:
        kept["changes"] = {name: pair for name, pair in kept["changes"].items() if _is_kept_field(name)}
    if kept.get("reason") not in CODES:
        kept.pop("reason", None)
    return kept


def _keep_order_details(details: Mapping[str, Any], _row: Any) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name in DETAILS_KEPT}


def _keep_codes(codes: Mapping[str, Any], _row: Any) -> dict[str, Any]:
    # Attributes may be what a buyer had written on the goods.
    return {name: value for name, value in codes.items() if name != "attributes"}


def keep_offer(content: Mapping[str, Any], _row: Any = None) -> dict[str, Any]:
    """Return what of an offer's content tells of no buyer."""
    kept = {name: value for name, value in content.items() if name not in ("comment", "memo")}
    for role in AddressRole:
        if kept.get(role):
            kept[role] = {"country": kept[role].get("country", "")}
    return kept


def _keep_told(told: str, row: Any) -> str:
    return told if _is_kept_field(row["field"]) else ""


KEEPERS: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("sales_order", "details"): _keep_order_details,
    ("order_event", "detail"): keep_details,
    ("hold", "detail"): keep_details,
    ("order_line", "codes"): _keep_codes,
    ("order_edit", "told"): _keep_told,
    ("offer", "content"): keep_offer,
}
"""Columns of which a part is kept; the others that go with an order are blank afterwards."""


def anonymise_orders(
    session: Session, tenant: Tenant, ids: Sequence[int | None], *, asked: bool = False
) -> list[int]:
    """Take the buyers' data out of those of the orders that need them no more; return which.

    `asked`: their buyers asked for it, so nobody waits for the tenant's days. What is set aside of these
    orders goes, too, and a buyer with no other order is unknown afterwards. Repeating it is harmless.
    """
    tenant_id = need_id(tenant.id)
    lock_tenants(session, [tenant_id])
    before = None if asked else ended_before(tenant)
    if before is None and not asked:
        return []
    session.flush()
    done: list[int] = []
    left = {need_id(one) for one in ids}
    # What was merged goes after the order that it became part of.
    while left:
        query = select_rows(Order.id).where(among(col(Order.id), left), *may_go(session, tenant_id, before))
        found = [need_id(one) for one in session.exec(query.order_by(col(Order.id)).with_for_update())]
        if not found:
            break
        _anonymise(session, tenant, found, asked=asked)
        done += found
        left -= set(found)
    session.expire_all()
    return done


def anonymise_erased(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> list[int]:
    """Do the same for orders whose buyers asked for it."""
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
    forget_customers(session, {row.customer_id for row in rows if row.customer_id is not None})
    numbers: dict[int, list[str]] = {}
    for row in rows:
        numbers.setdefault(row.account_id, []).append(row.external_id)
    for account_id, external_ids in numbers.items():
        query = select_rows(Aside.id).where(
            Aside.account_id == account_id, Aside.kind == "order", among(col(Aside.external_id), external_ids)
        )
        blank_asides(session, tenant, session.exec(query).all())


def _blank(session: Session, name: str, columns: Sequence[str], ids: Sequence[int]) -> None:
    """Empty columns of the rows of orders, or leave in them what a keeper keeps."""
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


def forget_customers(session: Session, ids: Collection[int]) -> None:
    """Take names and addresses off buyers of whom no order tells any more; their numbers here stay.

    A number that bookings name must not be given to another.
    """
    table = table_of(Customer)
    session.execute(
        update(table)
        .where(among(table.c.id, ids), ~exists().where(col(Order.customer_id) == table.c.id))
        .values(external_id=literal(CUSTOMER_GONE) + cast(table.c.id, String), user_name="", email="")
    )


def close_offers(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Take buyers' data out of offers whose day is long over, and decline those that are open still."""
    lock_tenants(session, [need_id(tenant.id)])
    for offer in session.exec(select_rows(Offer).where(among(col(Offer.id), ids))).all():
        if offer.state is OfferState.open:
            offer.state, offer.decided_at = OfferState.declined, utc_now()
        offer.content = keep_offer(offer.content)
        session.add(offer)
    session.flush()


def delete_due_trials(session: Session, tenant: Tenant, ids: Sequence[int | None]) -> None:
    """Delete trial orders; whoever wants to inspect them reads them again."""
    lock_tenants(session, [need_id(tenant.id)])
    delete_trials(session, [need_id(one) for one in ids])
