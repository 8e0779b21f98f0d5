"""Consolidation (Zusammenfassen): orders picked and shipped as one parcel, but paid and invoiced separately.

All orders of a group have the same `Order.ships_with_id`. Each keeps its number, so that its channel and its
buyer are notified of its own shipment, with the tracking number of the shared parcel.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import exists
from sqlmodel import Session, col, select

from models.errors import Action, Advice, RuleError
from models.fulfilment.dispatch import record_shipments
from models.fulfilment.shipments import ParcelData, Shipment, ShipmentData
from models.orders.history import Actor, add_event
from models.orders.holds import NOT_BLOCKING, Hold, open_holds
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import consolidated_orders, destination, lines_of, lock_each, order_addresses
from models.orders.records import AddressData
from models.orders.states import TO_SHIP, state_name
from models.tenants.methods import find_shipping_method
from models.tenants.records import PaymentKind
from models.warehouse.pick_lists import flag_orders

MAX_GROUP_SIZE = 20
CONTACT_FIELDS = frozenset({"email", "phone", "vat_id", "salutation"})
"""Address fields that do not determine where a parcel goes."""
PLACE_FIELDS = tuple(name for name in AddressData.model_fields if name not in CONTACT_FIELDS)

Destination = tuple[str, ...]


def consolidate_orders(session: Session, orders: Sequence[Order]) -> list[Order]:
    """Consolidate orders (and any they are already consolidated with) into one parcel; return all by id.

    Locks all of them.
    Raises: RuleError, unless all belong to one tenant, are open, neither held nor split, and have the same
    address and shipping method; not for pickup or cash on delivery.
    """
    group = _lock_with_group(session, orders)
    if not 2 <= len(group) <= MAX_GROUP_SIZE:
        raise RuleError(f"2 to {MAX_GROUP_SIZE} orders can be consolidated, not {len(group)}.")
    first = group[0]
    ids = [order.row_id for order in group]
    holds, lines = open_holds(session, ids), lines_of(session, ids)
    destinations = _destinations_of(session, group)
    for order in group:
        if order.tenant_id != first.tenant_id:
            raise RuleError(f"Orders {first.external_id} and {order.external_id} have different tenants.")
        _check_may_consolidate(session, order, holds.get(order.row_id, ()), lines.get(order.row_id, ()))
        if destinations[order.row_id] != destinations[first.row_id]:
            raise RuleError(
                f"Orders {first.external_id} and {order.external_id} have different shipping addresses or "
                "shipping methods."
            )
    numbers = [order.external_id for order in group]
    for order in group:
        order.ships_with_id = first.id
        session.add(order)
        others = [number for number in numbers if number != order.external_id]
        add_event(session, order, "joined", {"with": others}, actor=Actor.person)
    session.flush()
    return group


def _check_may_consolidate(
    session: Session, order: Order, holds: Sequence[Hold], lines: Sequence[OrderLine]
) -> None:
    """Raises: RuleError, if something about the order itself forbids a parcel shared with other orders."""
    if order.trial or order.state is not OrderState.open:
        raise RuleError(f"Order {order.external_id} is {state_name(order)}, not open.")
    if reasons := {hold.reason for hold in holds} - NOT_BLOCKING:
        raise RuleError(f"Order {order.external_id} is held ({', '.join(sorted(reasons))}).")
    if any(line.kept_back for line in lines):
        raise RuleError(
            f"Order {order.external_id} is split, and consolidated orders ship whole.",
            Advice(Action.order_unsplit, order.external_id),
        )
    method = find_shipping_method(session, order.shipping_method_id)
    if method is not None and method.pickup:
        raise RuleError(f"Order {order.external_id} is collected by its buyer and not shipped in a parcel.")
    if order.payment_kind is PaymentKind.cash_on_delivery:
        raise RuleError(f"Order {order.external_id} is paid on delivery and needs a parcel of its own.")


def separate_order(session: Session, order: Order) -> None:
    """Separate an order from its group. Raises: RuleError, if it is in no group or has nothing to ship."""
    group = _lock_with_group(session, [order])
    if order.ships_with_id is None or order.state not in TO_SHIP:
        raise RuleError(f"Order {order.external_id} is not consolidated, or has been shipped.")
    _remove_from_group(session, group, {order.row_id: ""}, actor=Actor.person)


def lock_groups(session: Session, orders: Sequence[Order]) -> dict[int, list[Order]]:
    """Lock every consolidation group that has one of these orders. Return {group id: members still to ship}.

    An order that was cancelled or merged, or that has another address or method by now, is separated, with
    the reason in its history. Shipped orders stay in their group. The caller holds the tenant's lock.
    """
    named = [order.row_id for order in orders if order.ships_with_id is not None]
    if not named:
        return {}
    groups = consolidated_orders(session, named)
    lock_each(session, [order for group in groups.values() for order in group])
    to_ship: dict[int, list[Order]] = {}
    for group_id, group in groups.items():
        leaving = {
            order.row_id: f"is {order.state}"
            for order in group
            if order.state not in (*TO_SHIP, OrderState.shipped)
        }
        candidates = [order for order in group if order.state in TO_SHIP]
        destinations = _destinations_of(session, candidates)
        # The group's first order may be shipped already; then the next one decides where the others go.
        leaving |= {
            order.row_id: "has another address or shipping method"
            for order in candidates
            if destinations[order.row_id] != destinations[candidates[0].row_id]
        }
        if leaving:
            _remove_from_group(session, group, leaving)
        to_ship[group_id] = [order for order in candidates if order.ships_with_id is not None]
    return to_ship


def ship_consolidated(
    session: Session, wanted: Sequence[ShipmentData], *, carried: bool = True
) -> list[Shipment | RuleError]:
    """Record shipments as `record_shipments`, and ship the rest of each order's consolidation group too.

    The group is shipped with the first tracking number given for it: all of its orders, or none.
    """
    lock_each(session, [each.order for each in wanted])
    if all(each.order.ships_with_id is None for each in wanted):
        return record_shipments(session, wanted, carried=carried)
    groups = consolidated_orders(session, [each.order.row_id for each in wanted])
    lock_each(session, [order for group in groups.values() for order in group])
    results: dict[int, Shipment | RuleError] = {}
    alone = [place for place, each in enumerate(wanted) if len(_to_ship_of(groups, each.order)) < 2]
    done = record_shipments(session, [wanted[place] for place in alone], carried=carried)
    results.update(zip(alone, done, strict=True))
    for group in groups.values():
        places = {
            place: each
            for place, each in enumerate(wanted)
            if place not in results and each.order.ships_with_id == group[0].ships_with_id
        }
        if places:
            results.update(_ship_group(session, [o for o in group if o.state in TO_SHIP], places, carried))
    return [results[place] for place in range(len(wanted))]


def _ship_group(
    session: Session, group: Sequence[Order], places: Mapping[int, ShipmentData], carried: bool
) -> dict[int, Shipment | RuleError]:
    """Ship a consolidation group, all or none; return the results of the orders that were named."""
    first = next(iter(places.values()))
    numbers = ", ".join(order.external_id for order in group)
    separate = Advice(Action.order_separate, first.order.external_id)
    try:
        if len(set(_destinations_of(session, group).values())) > 1:
            raise RuleError("their addresses or shipping methods differ by now.", separate)
        if any(parcel.lines for each in places.values() for parcel in each.parcels):
            raise RuleError("they ship whole.", separate)
        named = {each.order.row_id for each in places.values()}
        parcel = [ParcelData(tracking_number=each.tracking_number) for each in first.parcels[:1]]
        others = [order for order in group if order.row_id not in named]
        with session.begin_nested():
            page = [*places.values(), *(replace(first, order=order, parcels=parcel) for order in others)]
            shipments = []
            for result in record_shipments(session, page, carried=carried):
                if isinstance(result, RuleError):
                    raise result
                shipments.append(result)
    except RuleError as error:
        refusal = RuleError(f"Orders {numbers} are consolidated: {error}", *error.advice)
        return dict.fromkeys(places, refusal)
    return dict(zip(places, shipments, strict=False))


def suggest_consolidations(session: Session, tenant_id: int) -> list[list[Order]]:
    """Return open orders that could be consolidated: same address, same method, neither held nor split."""
    query = (
        select(Order)
        .outerjoin(
            Hold,
            (col(Hold.order_id) == col(Order.id))
            & col(Hold.released_at).is_(None)
            & col(Hold.reason).not_in(NOT_BLOCKING),
        )
        .where(
            Order.tenant_id == tenant_id,
            Order.state == OrderState.open,
            col(Order.trial).is_(False),
            col(Order.ships_with_id).is_(None),
            col(Order.payment_kind).is_distinct_from(PaymentKind.cash_on_delivery),
            col(Hold.id).is_(None),
            ~exists().where(col(OrderLine.order_id) == col(Order.id), col(OrderLine.kept_back) > 0),
        )
        .order_by(col(Order.placed_at), col(Order.id))
    )
    orders = session.exec(query).all()
    destinations = _destinations_of(session, orders)
    found: dict[Destination, list[Order]] = defaultdict(list)
    for order in orders:
        _method, *address = destinations[order.row_id]
        if any(address):
            found[destinations[order.row_id]].append(order)
    return [group for group in found.values() if len(group) > 1]


def _to_ship_of(groups: Mapping[int, Sequence[Order]], order: Order) -> list[Order]:
    return [each for each in groups.get(order.ships_with_id or 0, ()) if each.state in TO_SHIP]


def _lock_with_group(session: Session, orders: Sequence[Order]) -> list[Order]:
    lock_each(session, orders)
    groups = consolidated_orders(session, [order.row_id for order in orders])
    found = {order.row_id: order for order in orders}
    found |= {order.row_id: order for group in groups.values() for order in group}
    lock_each(session, list(found.values()))
    return [found[order_id] for order_id in sorted(found)]


def _remove_from_group(
    session: Session, group: Sequence[Order], leaving: Mapping[int, str], *, actor: Actor = Actor.cycle
) -> None:
    """Separate orders from their group, each with a reason; one that would remain alone is separated too."""
    staying = [order for order in group if order.row_id not in leaving]
    if len(staying) < 2 and all(order.state in TO_SHIP for order in staying):
        leaving = {**leaving, **{order.row_id: "the other orders were separated" for order in staying}}
    first_id = min((order.row_id for order in group if order.row_id not in leaving), default=None)
    for order in group:
        session.add(order)
        if order.row_id not in leaving:
            # With the id of a member, no two groups have the same id.
            order.ships_with_id = first_id
            continue
        order.ships_with_id = None
        reason = leaving[order.row_id]
        add_event(session, order, "parted", {"reason": reason} if reason else None, actor=actor)
    session.flush()
    flag_orders(session, leaving)


def _destinations_of(session: Session, orders: Sequence[Order]) -> dict[int, Destination]:
    """Return {order id: shipping method and address}; orders with equal values fit into one parcel."""
    addresses = order_addresses(session, [order.row_id for order in orders])
    destinations: dict[int, Destination] = {}
    for order in orders:
        address = destination(addresses.get(order.row_id, {}))
        parts = [" ".join(str(getattr(address, name, "")).casefold().split()) for name in PLACE_FIELDS]
        destinations[order.row_id] = (str(order.shipping_method_id or order.shipping_method), *parts)
    return destinations
