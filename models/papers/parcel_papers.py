"""Papers that go with the goods: packing slip, return slip, address label."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from models.catalog.article import Article, titles_of
from models.clock import local_date
from models.database.conditions import among
from models.errors import RuleError
from models.fulfilment.shipments import Shipment, shipments_of, units_of_shipment
from models.fulfilment.shipped_address import addresses_at, shipped_method
from models.orders.order import Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import paper_language, printed_number
from models.orders.queries import consolidated_orders, destination, lines_of_order
from models.orders.states import TO_SHIP
from models.papers.facts import (
    TO_SHIP_OR_SHIPPED,
    blocking_reasons_of,
    check_may_ship,
    check_state,
    destination_of,
    need_address,
    next_parcel_units,
    printed_address,
    seller_on_paper,
    shipping_name,
)
from models.papers.records import AddressLabel, Goods, PackingSlip, ReturnSlip
from models.tenants.tenant import Tenant
from models.warehouse.allocation import physical_demand


def packing_slip(
    session: Session, order: Order, shipment: Shipment | None = None, *, language: str = ""
) -> PackingSlip:
    """Return the contents of a shipment; without one, of the next parcel (`next_parcel_units`).

    For an order that is completely shipped, the default is its last shipment. Consolidated orders share one
    packing slip.
    Raises: RuleError, if there is nothing to pack, or the order may not be shipped.
    """
    if shipment is None and order.state is OrderState.shipped:
        shipment = _last_shipment(session, order)
    tenant = session.get_one(Tenant, order.tenant_id)
    language = paper_language(tenant, language)
    goods = _packed(session, order, shipment, language)
    others = _consolidated(session, order, shipment)
    for other in others:
        goods += _packed(session, other, _last_shipment(session, other) if shipment else None, language)
    return PackingSlip(
        language=language,
        seller=seller_on_paper(tenant),
        to=printed_address(_destination_at(session, order, shipment), tenant),
        order_number=printed_number(order),
        further_numbers=[printed_number(other) for other in others],
        ordered_on=local_date(order.placed_at),
        shipped_on=local_date(shipment.shipped_at) if shipment else None,
        shipping_method=(shipped_method(session, order, shipment) if shipment else None)
        or shipping_name(session, order),
        goods=goods,
    )


def _destination_at(session: Session, order: Order, shipment: Shipment | None) -> OrderAddress:
    """Return the address that a shipment was sent to; without one, where the order is shipped next."""
    if shipment is None:
        return destination_of(session, order)
    return need_address(order, destination(addresses_at(session, order, shipment.recorded_at)))


def _packed(session: Session, order: Order, shipment: Shipment | None, language: str) -> list[Goods]:
    """Return the goods of an order in this shipment, or in the next parcel, and the units that follow later.

    Raises: RuleError, as `packing_slip`.
    """
    lines = lines_of_order(session, order)
    if shipment is not None:
        check_state(order, *TO_SHIP_OR_SHIPPED, OrderState.cancelled)
        units = units_of_shipment(session, shipment)
        later = {line.row_id: line.remaining for line in lines}
    else:
        check_may_ship(session, order, lines)
        units = next_parcel_units(lines)
        later = {line.row_id: line.remaining - units[line.row_id] for line in lines}
    return _goods(session, lines, units, later, language)


def _last_shipment(session: Session, order: Order) -> Shipment | None:
    shipments = shipments_of(session, order.row_id)
    return shipments[-1][0] if shipments else None


def _consolidated(session: Session, order: Order, shipment: Shipment | None) -> list[Order]:
    """Return the other orders in the same parcel: of this shipment, or without one, of the next."""
    if order.ships_with_id is None:
        return []
    group = consolidated_orders(session, [order.row_id]).get(order.ships_with_id, [])
    others = [each for each in group if each.id != order.id]
    if shipment is None:
        return [each for each in others if each.state in TO_SHIP]
    return [
        each
        for each in others
        if (last := _last_shipment(session, each)) is not None and last.recorded_at == shipment.recorded_at
    ]


def return_slip(session: Session, order: Order, *, language: str = "") -> ReturnSlip:
    """Return what a buyer can send back: shipped units that have not come back, and units shipped next.

    Raises: RuleError, if there are no such units, or the order is a test order.
    """
    check_state(order, *TO_SHIP_OR_SHIPPED, OrderState.cancelled)
    lines = lines_of_order(session, order)
    units = {line.row_id: line.shipped - line.returned for line in lines}
    if not blocking_reasons_of(session, order, lines):
        for line_id, quantity in next_parcel_units(lines).items():
            units[line_id] += quantity
    tenant = session.get_one(Tenant, order.tenant_id)
    language = paper_language(tenant, language)
    goods = _goods(session, lines, units, {}, language)
    if not goods:
        raise RuleError(f"Order {order.external_id} has no units that the buyer could send back.")
    return ReturnSlip(
        language=language,
        seller=seller_on_paper(tenant),
        buyer=printed_address(destination_of(session, order), tenant),
        order_number=printed_number(order),
        ordered_on=local_date(order.placed_at),
        goods=goods,
    )


def address_label(session: Session, order: Order, *, language: str = "") -> AddressLabel:
    """Return the address label of an order's parcel; consolidated orders share one.

    Raises: RuleError, if the order may not be shipped, or its address lacks a name, street or city.
    """
    check_state(order, *TO_SHIP_OR_SHIPPED)
    shipment = _last_shipment(session, order) if order.state is OrderState.shipped else None
    others = _consolidated(session, order, shipment)
    for each in (order, *others):
        if each.state is not OrderState.shipped:
            check_may_ship(session, each, lines_of_order(session, each))
    tenant = session.get_one(Tenant, order.tenant_id)
    address = destination_of(session, order)
    needed = {
        "name": f"{address.company}{address.first_name}{address.last_name}",
        "street": address.street,
        "city": address.city,
    }
    if missing := [field for field, value in needed.items() if not value.strip()]:
        raise RuleError(f"Order {order.external_id}: the address has no {', '.join(missing)}.")
    return AddressLabel(
        language=paper_language(tenant, language),
        seller=seller_on_paper(tenant),
        to=printed_address(address, tenant),
        order_number=printed_number(order),
        further_numbers=[printed_number(other) for other in others],
        shipping_method=shipping_name(session, order),
    )


def _goods(
    session: Session,
    lines: Sequence[OrderLine],
    units: Mapping[int, int],
    later: Mapping[int, int],
    language: str,
) -> list[Goods]:
    """Return the printed goods of all lines with units in this parcel or in a later one."""
    chosen = [line for line in lines if units.get(line.row_id, 0) > 0 or later.get(line.row_id, 0) > 0]
    demand = physical_demand(session, [line.row_id for line in chosen])
    ids = {article_id for parts in demand.values() for article_id in parts}
    ids |= {line.article_id for line in chosen if line.article_id is not None}
    articles = {
        row.row_id: row
        for row in session.exec(select(Article).where(among(col(Article.id), sorted(ids)))).all()
    }
    titles = titles_of(session, sorted(ids), language)
    goods = []
    for line in chosen:
        quantity = max(0, units.get(line.row_id, 0))
        article = articles.get(line.article_id or 0)
        goods.append(
            Goods(
                number=article.sku if article else str(line.codes.get("sku", "")),
                gtin=article.gtin if article else str(line.codes.get("gtin", "")),
                title=line.title,
                quantity=quantity,
                later=max(0, later.get(line.row_id, 0)),
                parts=[
                    Goods(
                        number=articles[article_id].sku,
                        title=titles.get(article_id, ""),
                        quantity=quantity * count,
                    )
                    for article_id, count in demand.get(line.row_id, {}).items()
                    if article_id != line.article_id or count > 1
                ],
            )
        )
    return goods
