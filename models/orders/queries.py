"""Find and lock orders, and read their lines and addresses."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlmodel import Session, col, select

from models.database.columns import need_id
from models.database.conditions import among, in_batches
from models.errors import NotFoundError, RuleError
from models.orders.order import AddressRole, LinePart, Order, OrderAddress, OrderLine, OrderState
from models.orders.states import TO_SHIP
from models.sync.calls import CallOrder
from models.tenants.locks import lock_tenants


def ids_by_number(session: Session, account_id: int, numbers: Collection[str]) -> dict[str, int]:
    """Return {external id: order id} of the account's orders; unknown numbers are missing."""
    found: dict[str, int] = {}
    for batch in in_batches(sorted(numbers)):
        for number, order_id in session.exec(
            select(Order.external_id, Order.id).where(
                Order.account_id == account_id, among(col(Order.external_id), batch)
            )
        ):
            found[number] = need_id(order_id)
    return found


def order_numbers(session: Session, order_ids: Sequence[int]) -> dict[int, str]:
    """Return {order id: external id}."""
    numbers: dict[int, str] = {}
    for batch in in_batches(order_ids):
        rows = session.execute(
            select(col(Order.id), col(Order.external_id)).where(among(col(Order.id), batch))
        )
        numbers.update(rows.tuples().all())
    return numbers


def orders_of_calls(session: Session, call_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return {call id: external ids of the orders that the call named}."""
    found: dict[int, list[str]] = {}
    for batch in in_batches(call_ids):
        for call_id, external_id in session.exec(
            select(CallOrder.call_id, Order.external_id)
            .join(Order, col(Order.id) == col(CallOrder.order_id))
            .where(among(col(CallOrder.call_id), batch))
            .order_by(col(CallOrder.call_id), col(Order.id))
        ):
            found.setdefault(call_id, []).append(external_id)
    return found


def find_order(session: Session, number: str, account_id: int | None = None) -> Order:
    """Return the order with this external id; if there is none, the one with this number at the marketplace.

    Raises: NotFoundError if there is none, RuleError if there are several.
    """
    found = find_orders(session, [number], account_id)[number]
    if isinstance(found, RuleError):
        raise found
    return found


def find_orders(
    session: Session, numbers: Sequence[str], account_id: int | None = None
) -> dict[str, Order | RuleError]:
    """Return {number: its order, or the error that `find_order` would raise}."""
    found: dict[str, list[Order]] = {}
    for name in ("external_id", "channel_number"):
        for batch in in_batches([number for number in dict.fromkeys(numbers) if number not in found]):
            query = select(Order).where(among(getattr(Order, name), batch))
            if account_id is not None:
                query = query.where(Order.account_id == account_id)
            for order in session.exec(query.order_by(col(Order.id))):
                found.setdefault(getattr(order, name), []).append(order)
    return {number: _only(number, found.get(number, [])) for number in numbers}


def _only(number: str, found: Sequence[Order]) -> Order | RuleError:
    if not found:
        return NotFoundError(f"There is no order {number!r}.")
    if len(found) > 1:
        return RuleError(f"Several orders have the number {number!r}; name the account too.")
    return found[0]


def lock_orders(session: Session, account_id: int, external_ids: Iterable[str]) -> list[Order]:
    """Lock and return the account's orders with these external ids; the caller holds the tenant's lock."""
    return list(
        session.exec(
            select(Order)
            .where(Order.account_id == account_id, among(col(Order.external_id), external_ids))
            .order_by(col(Order.id))
            .with_for_update()
        ).all()
    )


def lock_order(session: Session, order: Order) -> None:
    """Lock an order's tenant and the order, and reload it, so that no other transaction changes it."""
    lock_tenants(session, [order.tenant_id])
    session.flush()
    session.refresh(order, with_for_update=True)


def lock_each(session: Session, orders: Sequence[Order]) -> None:
    """Lock the orders' tenants, then the orders, and reload them."""
    lock_tenants(session, {order.tenant_id for order in orders})
    session.flush()
    for batch in in_batches([order.row_id for order in orders]):
        session.exec(
            select(Order)
            .where(among(col(Order.id), batch))
            .order_by(col(Order.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()


def list_publishable(session: Session, order_ids: Sequence[int]) -> list[Order]:
    """Return the orders that have updates published under their own number: no test orders, no merged ones.

    For a merged order, the order that it was merged into is published.
    """
    return list(
        session.exec(
            select(Order).where(
                among(col(Order.id), order_ids),
                col(Order.state) != OrderState.merged,
                col(Order.trial).is_(False),
            )
        ).all()
    )


def lines_of(session: Session, order_ids: Sequence[int]) -> dict[int, list[OrderLine]]:
    """Return {order id: its lines by position}, reloaded from the database."""
    rows = session.exec(
        select(OrderLine)
        .where(among(col(OrderLine.order_id), order_ids))
        .order_by(col(OrderLine.order_id), col(OrderLine.position), col(OrderLine.id))
        .execution_options(populate_existing=True)
    ).all()
    lines: dict[int, list[OrderLine]] = {}
    for row in rows:
        lines.setdefault(row.order_id, []).append(row)
    return lines


def lines_of_order(session: Session, order: Order) -> list[OrderLine]:
    """Return an order's lines by position, reloaded from the database."""
    return lines_of(session, [order.row_id]).get(order.row_id, [])


def line_parts_of(session: Session, line_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Return {matched line id: [(article id, quantity per unit of the line), …]}, ordered by article id."""
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for batch in in_batches(line_ids):
        rows = session.execute(
            select(col(LinePart.order_line_id), col(LinePart.article_id), col(LinePart.quantity))
            .where(among(col(LinePart.order_line_id), batch))
            .order_by(col(LinePart.order_line_id), col(LinePart.article_id))
        )
        for line_id, article_id, quantity in rows:
            parts[line_id].append((article_id, quantity))
    return dict(parts)


def order_addresses(session: Session, order_ids: Sequence[int]) -> dict[int, dict[AddressRole, OrderAddress]]:
    """Return {order id: its addresses by role}; orders without addresses are missing."""
    addresses: dict[int, dict[AddressRole, OrderAddress]] = {}
    for batch in in_batches(order_ids):
        for row in session.exec(select(OrderAddress).where(among(col(OrderAddress.order_id), batch))):
            addresses.setdefault(row.order_id, {})[row.role] = row
    return addresses


def addresses_of_order(session: Session, order: Order) -> dict[AddressRole, OrderAddress]:
    """Return an order's addresses by role."""
    return order_addresses(session, [order.row_id]).get(order.row_id, {})


def destination(addresses: Mapping[AddressRole, OrderAddress]) -> OrderAddress | None:
    """Return the address that goods are shipped to: without a shipping address, the billing address."""
    return addresses.get(AddressRole.shipping, addresses.get(AddressRole.billing))


def consolidated_orders(session: Session, order_ids: Iterable[int]) -> dict[int, list[Order]]:
    """Return {group id: members by id} of every consolidation group that contains one of these orders."""
    ids = select(Order.ships_with_id).where(
        among(col(Order.id), order_ids), col(Order.ships_with_id).is_not(None)
    )
    groups: dict[int, list[Order]] = defaultdict(list)
    query = select(Order).where(col(Order.ships_with_id).in_(ids)).order_by(col(Order.id))
    for order in session.exec(query):
        groups[need_id(order.ships_with_id)].append(order)
    return groups


def consolidated_numbers(session: Session, order: Order) -> list[str]:
    """Return the external ids of the other orders in an order's consolidation group, also of shipped ones."""
    query = select(Order.external_id).where(
        col(Order.ships_with_id).is_not(None),
        Order.ships_with_id == order.ships_with_id,
        Order.id != order.id,
        col(Order.state).in_([*TO_SHIP, OrderState.shipped]),
    )
    return list(session.exec(query.order_by(col(Order.id))))
