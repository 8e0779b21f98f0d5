"""Papers that go with the goods: packing slip, return slip, address label."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from models.catalog.article import Article, parts_of, titles_of
from models.clock import local_date
from models.database.conditions import among
from models.errors import RuleError
from models.fulfilment.shipments import Shipment, contents_of, shipments_of
from models.fulfilment.shipped_address import addresses_at, shipped_method
from models.orders.order import AddressRole, LinePart, Order, OrderLine, OrderState
from models.orders.printed import paper_language, printed_number
from models.orders.queries import TO_SHIP, consolidated_orders
from models.papers.facts import (
    MAY_SHIP_STATES,
    address_for,
    address_of,
    blocking_reasons_of,
    check_may_ship,
    check_state,
    lines_of_order,
    next_parcel_units,
    printed_address,
    seller_on_paper,
    shipping_name,
)
from models.papers.records import AddressLabel, Goods, PackingSlip, Place, ReturnSlip
from models.tenants.tenant import Tenant


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
    spoken = paper_language(tenant, language)
    goods = _packed(session, order, shipment, spoken)
    mates = _consolidated(session, order, shipment)
    for mate in mates:
        goods += _packed(session, mate, _last_shipment(session, mate) if shipment else None, spoken)
    return PackingSlip(
        language=spoken,
        seller=seller_on_paper(tenant),
        to=_shipped_to(session, order, tenant, shipment)
        if shipment
        else address_for(session, order, tenant, AddressRole.shipping),
        order_number=printed_number(order),
        further_numbers=[printed_number(mate) for mate in mates],
        ordered_on=local_date(order.placed_at),
        shipped_on=local_date(shipment.shipped_at) if shipment else None,
        shipping_method=(shipped_method(session, order, shipment) if shipment else None)
        or shipping_name(session, order),
        goods=goods,
    )


def _shipped_to(session: Session, order: Order, tenant: Tenant, shipment: Shipment) -> Place:
    found = addresses_at(session, order, shipment.recorded_at)
    address = found.get(AddressRole.shipping, found.get(AddressRole.billing))
    if address is None:
        raise RuleError(f"Order {order.external_id} has no address.")
    return printed_address(address, tenant)


def _packed(session: Session, order: Order, shipment: Shipment | None, language: str) -> list[Goods]:
    """Return the goods of an order in this shipment, or in the next parcel, and those that follow later.

    Raises: RuleError, as `packing_slip`.
    """
    lines = lines_of_order(session, order)
    if shipment is not None:
        check_state(order, *MAY_SHIP_STATES, OrderState.cancelled)
        units = _units_of(session, shipment)
    else:
        check_may_ship(session, order, lines)
        units = next_parcel_units(lines)
    after = dict.fromkeys(units, 0) if shipment else units
    later = {
        line.row_id: line.quantity - line.cancelled - line.shipped - after.get(line.row_id, 0)
        for line in lines
    }
    return _goods(session, lines, units, later, language)


def _last_shipment(session: Session, order: Order) -> Shipment | None:
    shipments = shipments_of(session, order.row_id)
    return shipments[-1][0] if shipments else None


def _consolidated(session: Session, order: Order, shipment: Shipment | None) -> list[Order]:
    """Return the other orders in the same parcel: of this shipment, or without one, of the next."""
    if order.ships_with_id is None:
        return []
    group = consolidated_orders(session, [order.row_id]).get(order.ships_with_id, [])
    mates = [each for each in group if each.id != order.id]
    if shipment is None:
        return [each for each in mates if each.state in TO_SHIP]
    last = {each.id: _last_shipment(session, each) for each in mates}
    return [
        each
        for each in mates
        if (left := last[each.id]) is not None and left.recorded_at == shipment.recorded_at
    ]


def return_slip(session: Session, order: Order, *, language: str = "") -> ReturnSlip:
    """Return what a buyer can send back: shipped units that have not come back, and units shipped next.

    Raises: RuleError, if there are no such units, or the order is a test order.
    """
    check_state(order, *MAY_SHIP_STATES, OrderState.cancelled)
    lines = lines_of_order(session, order)
    units = {line.row_id: line.shipped - line.returned for line in lines}
    if not blocking_reasons_of(session, order, lines):
        for line_id, quantity in next_parcel_units(lines).items():
            units[line_id] += quantity
    tenant = session.get_one(Tenant, order.tenant_id)
    spoken = paper_language(tenant, language)
    goods = _goods(session, lines, units, {}, spoken)
    if not goods:
        raise RuleError(f"Order {order.external_id}: the buyer has nothing of it that could come back.")
    return ReturnSlip(
        language=spoken,
        seller=seller_on_paper(tenant),
        buyer=address_for(session, order, tenant, AddressRole.shipping),
        order_number=printed_number(order),
        ordered_on=local_date(order.placed_at),
        goods=goods,
    )


def address_label(session: Session, order: Order, *, language: str = "") -> AddressLabel:
    """Return the address label of an order's parcel; consolidated orders share one.

    Raises: RuleError, if the order may not be shipped, or its address lacks a name, street or city.
    """
    check_state(order, *MAY_SHIP_STATES)
    shipment = _last_shipment(session, order) if order.state is OrderState.shipped else None
    mates = _consolidated(session, order, shipment)
    for each in (order, *mates):
        if each.state is not OrderState.shipped:
            check_may_ship(session, each, lines_of_order(session, each))
    tenant = session.get_one(Tenant, order.tenant_id)
    address = address_of(session, order, AddressRole.shipping)
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
        to=address_for(session, order, tenant, AddressRole.shipping),
        order_number=printed_number(order),
        further_numbers=[printed_number(mate) for mate in mates],
        shipping_method=shipping_name(session, order),
    )


def _units_of(session: Session, shipment: Shipment) -> dict[int, int]:
    parcels = next(
        parcels for row, parcels in shipments_of(session, shipment.order_id) if row.id == shipment.id
    )
    units: dict[int, int] = defaultdict(int)
    for content in contents_of(session, [parcel.row_id for parcel in parcels]).values():
        for line_id, quantity in content.items():
            units[line_id] += quantity
    return dict(units)


def _goods(
    session: Session,
    lines: Sequence[OrderLine],
    units: Mapping[int, int],
    later: Mapping[int, int],
    language: str,
) -> list[Goods]:
    """Return the printed goods of all lines with units in this parcel or in a later one."""
    chosen = [line for line in lines if units.get(line.row_id, 0) > 0 or later.get(line.row_id, 0) > 0]
    asked: dict[int, list[LinePart]] = defaultdict(list)
    query = select(LinePart).where(among(col(LinePart.order_line_id), [line.id for line in chosen]))
    for part in session.exec(query.order_by(col(LinePart.article_id))):
        asked[part.order_line_id].append(part)
    bundles = parts_of(session, [part.article_id for each in asked.values() for part in each])
    ids = {part.article_id for each in asked.values() for part in each}
    ids |= {article_id for each in bundles.values() for article_id, _ in each}
    articles = {
        row.row_id: row
        for row in session.exec(select(Article).where(among(col(Article.id), sorted(ids)))).all()
    }
    titles = titles_of(session, sorted(ids), language)
    goods = []
    for line in chosen:
        quantity = max(0, units.get(line.row_id, 0))
        article = articles.get(line.article_id or 0)
        parts = _parts(asked[line.row_id], bundles)
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
                    for article_id, count in parts.items()
                    if article_id != line.article_id or count > 1
                ],
            )
        )
    return goods


def _parts(asked: Sequence[LinePart], bundles: Mapping[int, Sequence[tuple[int, int]]]) -> dict[int, int]:
    parts: dict[int, int] = defaultdict(int)
    for part in asked:
        for article_id, quantity in bundles.get(part.article_id, [(part.article_id, 1)]):
            parts[article_id] += part.quantity * quantity
    return parts
