"""What several papers share: goods, addresses, and checks whether an order may have a paper."""

from collections.abc import Sequence

from sqlmodel import Session, select

from models.errors import RuleError
from models.fulfilment.release import blocking_reasons
from models.orders.holds import open_holds
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import address_lines, foreign_country
from models.orders.queries import lines_of
from models.papers.records import Place
from models.tenants.methods import ShippingMethod
from models.tenants.records import SellerData
from models.tenants.tenant import Tenant

MAY_SHIP_STATES = (OrderState.open, OrderState.released, OrderState.shipped)


def check_state(order: Order, *states: OrderState) -> None:
    if order.trial:
        raise RuleError(f"Order {order.external_id} is a trial: there are no papers of it.")
    if order.state not in states:
        raise RuleError(f"Order {order.external_id} is {order.state}: there is no such paper of it.")


def check_may_ship(session: Session, order: Order, lines: Sequence[OrderLine]) -> None:
    """Raises: RuleError, if the order has no next parcel: it is held, or no stock is allocated to it."""
    check_state(order, OrderState.open, OrderState.released)
    if reasons := blocking_reasons_of(session, order, lines):
        raise RuleError(f"Order {order.external_id} is held ({', '.join(reasons)}); settle that first.")
    if not any(next_parcel_units(lines).values()):
        raise RuleError(f"Order {order.external_id}: no stock is promised to it.")


def blocking_reasons_of(session: Session, order: Order, lines: Sequence[OrderLine]) -> list[str]:
    holds = open_holds(session, [order.row_id]).get(order.row_id, [])
    # If an order was released despite a shortage, the units that are there are shipped.
    return blocking_reasons(holds, lines, partly=order.state is OrderState.released)


def seller_on_paper(tenant: Tenant) -> SellerData:
    seller = SellerData.model_validate(tenant.seller)
    return seller if seller.name else seller.model_copy(update={"name": tenant.title or tenant.name})


def lines_of_order(session: Session, order: Order) -> list[OrderLine]:
    return lines_of(session, [order.row_id]).get(order.row_id, [])


def address_of(session: Session, order: Order, role: AddressRole) -> OrderAddress:
    rows = session.exec(select(OrderAddress).where(OrderAddress.order_id == order.id)).all()
    by_role = {row.role: row for row in rows}
    address = by_role.get(role, by_role.get(AddressRole.billing))
    if address is None:
        raise RuleError(f"Order {order.external_id} has no address.")
    return address


def address_for(session: Session, order: Order, tenant: Tenant, role: AddressRole) -> Place:
    return printed_address(address_of(session, order, role), tenant)


def printed_address(address: OrderAddress, tenant: Tenant) -> Place:
    country = foreign_country(address, tenant)
    lines = address_lines(address)
    if country and address.state.strip():
        lines.append(address.state)
    return Place(lines=lines, country=country)


def shipping_name(session: Session, order: Order) -> str:
    """Return the tenant's name of an order's shipping method, else the channel's word for it."""
    way = session.get(ShippingMethod, order.shipping_method_id) if order.shipping_method_id else None
    return way.name if way is not None else order.shipping_method


def next_parcel_units(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return the next parcel's units by order line: the picked ones, or if none are picked, the allocated.

    Units that are held back are in no next parcel.
    """
    ready = any(line.picked for line in lines)
    return {line.row_id: line.picked if ready else min(line.allocated, line.going) for line in lines}
