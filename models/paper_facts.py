"""What several papers say of an order: its number, addresses and goods, and whether it may have them."""

from collections.abc import Sequence

from sqlmodel import Session, select

from models.columns import need_id
from models.document import print_text
from models.errors import RuleError
from models.order import (
    AddressRole,
    Order,
    OrderAddress,
    OrderLine,
    OrderState,
    lines_of,
    open_holds,
)
from models.paper import LANGUAGES, LONGEST_ADDRESS_LINE, Place
from models.release import hindrance
from models.service import ShippingMethod
from models.tenant import SellerData, Tenant

MAY_LEAVE = (OrderState.open, OrderState.released, OrderState.shipped)


def printed_number(order: Order) -> str:
    """Return the number by which the buyer knows an order; it is what the barcodes say."""
    return order.channel_number or order.external_id


def address_lines(address: OrderAddress) -> list[str]:
    """Return name and address, one line each, without the country."""
    lines = (
        address.company,
        f"{address.first_name} {address.last_name}",
        address.street,
        address.street2,
        f"{address.postcode} {address.city}",
    )
    return [printed for line in lines if (printed := print_text(line, LONGEST_ADDRESS_LINE))]


def abroad(address: OrderAddress, tenant: Tenant) -> str:
    """Return the country of an address, empty if it is the tenant's."""
    return address.country if address.country != tenant.country else ""


def paper_language(tenant: Tenant, language: str = "") -> str:
    """Return the language asked for, else the tenant's, else German."""
    wanted = language or tenant.language
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


def check_state(order: Order, *states: OrderState) -> None:
    if order.trial:
        raise RuleError(f"Order {order.external_id} is a trial: there are no papers of it.")
    if order.state not in states:
        raise RuleError(f"Order {order.external_id} is {order.state}: there is no such paper of it.")


def check_may_leave(session: Session, order: Order, lines: Sequence[OrderLine]) -> None:
    """Make sure that an order has a next parcel. Raises: RuleError."""
    check_state(order, OrderState.open, OrderState.released)
    if reasons := hindrance_of(session, order, lines):
        raise RuleError(f"Order {order.external_id} is held ({', '.join(reasons)}); settle that first.")
    if not any(next_units(lines).values()):
        raise RuleError(f"Order {order.external_id}: no stock is promised to it.")


def hindrance_of(session: Session, order: Order, lines: Sequence[OrderLine]) -> list[str]:
    holds = open_holds(session, [need_id(order.id)]).get(need_id(order.id), [])
    # Of what was released in spite of a shortage, what is there leaves.
    return hindrance(holds, lines, partly=order.state is OrderState.released)


def seller_on_paper(tenant: Tenant) -> SellerData:
    seller = SellerData.model_validate(tenant.seller)
    return seller if seller.name else seller.model_copy(update={"name": tenant.title or tenant.name})


def lines_of_order(session: Session, order: Order) -> list[OrderLine]:
    return lines_of(session, [need_id(order.id)]).get(need_id(order.id), [])


def address_of(session: Session, order: Order, role: AddressRole) -> OrderAddress:
    rows = session.exec(select(OrderAddress).where(OrderAddress.order_id == order.id)).all()
    by_role = {row.role: row for row in rows}
    address = by_role.get(role, by_role.get(AddressRole.billing))
    if address is None:
        raise RuleError(f"Order {order.external_id} has no address.")
    return address


def place_for(session: Session, order: Order, tenant: Tenant, role: AddressRole) -> Place:
    return place_of(address_of(session, order, role), tenant)


def place_of(address: OrderAddress, tenant: Tenant) -> Place:
    country = abroad(address, tenant)
    lines = address_lines(address)
    if country and address.state.strip():
        lines.append(address.state)
    return Place(lines=lines, country=country)


def shipping_name(session: Session, order: Order) -> str:
    """Return how an order is sent: as the tenant calls it, if that is known."""
    way = session.get(ShippingMethod, order.shipping_method_id) if order.shipping_method_id else None
    return way.name if way is not None else order.shipping_method


def next_units(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return by line the units of the next parcel: those that lie ready, or if none do those promised.

    What is kept back is in no next parcel.
    """
    ready = any(line.picked for line in lines)
    return {need_id(line.id): line.picked if ready else min(line.allocated, line.going) for line in lines}
