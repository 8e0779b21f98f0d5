"""What several papers share: units, addresses, and checks whether an order may have a paper."""

from collections.abc import Sequence

from sqlmodel import Session

from models.errors import RuleError
from models.fulfilment.release import blocking_reasons
from models.orders.holds import holds_of_order
from models.orders.order import Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import address_lines, foreign_country
from models.orders.queries import addresses_of_order, destination
from models.orders.states import TO_SHIP
from models.papers.records import Place
from models.tenants.methods import find_shipping_method
from models.tenants.records import SellerData
from models.tenants.tenant import Tenant

TO_SHIP_OR_SHIPPED = (*TO_SHIP, OrderState.shipped)


def check_state(order: Order, *states: OrderState) -> None:
    """Raises: RuleError, if the order is a test order or in none of these states."""
    if order.trial:
        raise RuleError(f"Order {order.external_id} is a test order: nothing is printed for it.")
    if order.state not in states:
        raise RuleError(f"Order {order.external_id} is {order.state}: this paper cannot be printed for it.")


def check_may_ship(session: Session, order: Order, lines: Sequence[OrderLine]) -> None:
    """Raises: RuleError, if the order has no next parcel: it is held, or no stock is allocated to it."""
    check_state(order, *TO_SHIP)
    if reasons := blocking_reasons_of(session, order, lines):
        raise RuleError(f"Order {order.external_id} is held ({', '.join(reasons)}); settle that first.")
    if not any(next_parcel_units(lines).values()):
        raise RuleError(f"Order {order.external_id} has no allocated stock.")


def blocking_reasons_of(session: Session, order: Order, lines: Sequence[OrderLine]) -> list[str]:
    """Return why an order may not be shipped; empty if it may."""
    # If an order was released despite a shortage, its available units are shipped.
    partly = order.state is OrderState.released
    return blocking_reasons(holds_of_order(session, order), lines, partly=partly)


def seller_on_paper(tenant: Tenant) -> SellerData:
    """Return a tenant's seller; without a legal name, under the tenant's title."""
    seller = SellerData.model_validate(tenant.seller)
    return seller if seller.name else seller.model_copy(update={"name": tenant.title or tenant.name})


def need_address(order: Order, address: OrderAddress | None) -> OrderAddress:
    """Return an order's address. Raises: RuleError, if it is missing."""
    if address is None:
        raise RuleError(f"Order {order.external_id} has no address.")
    return address


def destination_of(session: Session, order: Order) -> OrderAddress:
    """Return the address that an order is shipped to. Raises: RuleError, if it has none."""
    return need_address(order, destination(addresses_of_order(session, order)))


def printed_address(address: OrderAddress, tenant: Tenant) -> Place:
    """Return an address as it is printed: the country, and its state or province, only if it is abroad."""
    country = foreign_country(address, tenant)
    lines = address_lines(address)
    if country and address.state.strip():
        lines.append(address.state)
    return Place(lines=lines, country=country)


def shipping_name(session: Session, order: Order) -> str:
    """Return the tenant's name of an order's shipping method, else the channel's word for it."""
    method = find_shipping_method(session, order.shipping_method_id)
    return method.name if method is not None else order.shipping_method


def next_parcel_units(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return the next parcel's units by order line: the picked ones, or if none are picked, the allocated.

    Units that are held back are in no next parcel.
    """
    any_picked = any(line.picked for line in lines)
    return {line.row_id: line.picked if any_picked else min(line.allocated, line.to_ship) for line in lines}
