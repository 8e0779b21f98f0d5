"""Dispatch: parcels are recorded as shipped; stock, order, buyer and channel follow in the same commit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.bulk import insert_returning, insert_rows
from models.database.conditions import among
from models.errors import Action, Advice, RuleError
from models.fulfilment.shipments import Parcel, ParcelData, ParcelLine, Shipment, ShipmentData, shipments_of
from models.mails.buyer_events import queue_buyer_mails
from models.orders.history import Actor, OrderEvent, event_values
from models.orders.holds import NOT_BLOCKING, SHORTAGES, Hold, open_holds
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import lines_of, lock_each, lock_order
from models.orders.states import TO_SHIP, change_state, state_name
from models.sync.outbound import queue_outbound
from models.sync.records import OutboundKind
from models.tenants.records import BuyerEvent, Side
from models.warehouse.ledger import withdraw_each


def record_shipment(
    session: Session,
    order: Order,
    carrier: str,
    parcels: Sequence[ParcelData],
    shipped_at: datetime,
    *,
    told_by: Side = Side.warenfluss,
    carried: bool = True,
) -> Shipment:
    """Record the parcels of one order as shipped; see `record_shipments`.

    Held-back units ship only if the channel reports it.
    Raises: RuleError, if the order is held, cancelled, merged, pending or a test order, for an unknown line,
    more units than remain of a line, or if nothing remains; then nothing is changed.
    """
    wanted = ShipmentData(order, carrier, parcels, shipped_at)
    (result,) = record_shipments(session, [wanted], told_by=told_by, carried=carried)
    if isinstance(result, RuleError):
        raise result
    return result


def record_shipments(
    session: Session,
    wanted: Sequence[ShipmentData],
    *,
    told_by: Side = Side.warenfluss,
    carried: bool = True,
) -> list[Shipment | RuleError]:
    """Record parcels of many orders as shipped; shipments made here are queued for the channel.

    If `carried` is false, the buyer collected the goods: no mail says that a parcel is on its way. An order
    that is named twice is shipped twice, in the given order. Locks the orders and their tenants.
    Returns: in the given order, each shipment, or the error why nothing of it was recorded.
    """
    results: dict[int, Shipment | RuleError] = {}
    rest = dict(enumerate(wanted))
    while rest:
        places: dict[int, int] = {}
        for place, each in rest.items():
            places.setdefault(each.order.row_id, place)
        page = [rest.pop(place) for place in places.values()]
        results.update(zip(places.values(), _record_page(session, page, told_by, carried), strict=True))
    return [results[place] for place in range(len(wanted))]


@dataclass(frozen=True)
class _Dispatch:
    """What one order ships."""

    data: ShipmentData
    contents: list[dict[int, int]]
    """{line id: units} for each parcel."""
    is_all: bool
    """Whether nothing remains to ship afterwards, not even held-back units."""

    @property
    def order_id(self) -> int:
        return self.data.order.row_id

    @property
    def units(self) -> dict[int, int]:
        """{line id: units} of all parcels."""
        units: dict[int, int] = defaultdict(int)
        for content in self.contents:
            for line_id, quantity in content.items():
                units[line_id] += quantity
        return units


def _record_page(
    session: Session, page: Sequence[ShipmentData], told_by: Side, carried: bool
) -> list[Shipment | RuleError]:
    """Record shipments of different orders: no order may be on the page twice."""
    lock_each(session, [each.order for each in page])
    order_ids = [each.order.row_id for each in page]
    lines = lines_of(session, order_ids)
    holds = open_holds(session, order_ids)
    results: list[_Dispatch | RuleError] = []
    for each, order_id in zip(page, order_ids, strict=True):
        try:
            results.append(_check_dispatch(each, lines.get(order_id, []), holds.get(order_id, []), told_by))
        except RuleError as error:
            results.append(error)
    dispatches = [each for each in results if isinstance(each, _Dispatch)]
    if not dispatches:
        return [each for each in results if isinstance(each, RuleError)]
    shipments = _save(session, dispatches, told_by)
    withdraw_each(session, [(f"order {each.data.order.external_id}", each.units) for each in dispatches])
    _update_orders(session, dispatches, told_by)
    if told_by is Side.warenfluss:
        by_account: dict[int, list[int]] = defaultdict(list)
        for dispatch in dispatches:
            by_account[dispatch.data.order.account_id].append(dispatch.order_id)
        for account_id, its_orders in sorted(by_account.items()):
            queue_outbound(session, account_id, OutboundKind.shipment, its_orders)
        if carried:
            pairs = zip(dispatches, shipments, strict=True)
            subjects = [(dispatch.data.order, shipment.row_id) for dispatch, shipment in pairs]
            queue_buyer_mails(session, BuyerEvent.shipped, subjects)
    recorded = iter(shipments)
    return [each if isinstance(each, RuleError) else next(recorded) for each in results]


def _check_dispatch(
    data: ShipmentData, rows: Sequence[OrderLine], holds: Sequence[Hold], told_by: Side
) -> _Dispatch:
    """Return what the order ships. Raises: RuleError, as `record_shipment`."""
    order = data.order
    lines = {line.row_id: line for line in rows}
    left = {line_id: line.remaining for line_id, line in lines.items() if line.remaining > 0}
    if told_by is Side.warenfluss:
        left = {line_id: line.to_ship for line_id, line in lines.items() if line.to_ship > 0}
        _check_may_ship(order, left, _units(data.parcels, left), lines, holds)
    if not data.parcels:
        raise RuleError("A shipment needs at least one parcel.")
    contents: list[dict[int, int]] = []
    for parcel in data.parcels:
        wanted = dict(parcel.lines) or dict(left)
        for line_id, quantity in wanted.items():
            if line_id not in lines:
                raise RuleError(f"Order {order.external_id} has no line {line_id}.")
            if quantity < 1 or quantity > left.get(line_id, 0):
                kept_back = lines[line_id].kept_back
                raise RuleError(
                    f"Line {lines[line_id].external_id} of order {order.external_id}: {quantity} units "
                    f"cannot be shipped, {left.get(line_id, 0)} are left"
                    + (f" and {kept_back} held back." if kept_back else "."),
                    *([Advice(Action.order_unsplit, order.external_id)] if kept_back else []),
                )
            left[line_id] -= quantity
        contents.append(wanted)
        left = {line_id: quantity for line_id, quantity in left.items() if quantity}
    kept_back = told_by is Side.warenfluss and any(line.kept_back for line in rows)
    return _Dispatch(data, contents, is_all=not left and not kept_back)


def _save(session: Session, dispatches: Sequence[_Dispatch], told_by: Side) -> list[Shipment]:
    """Insert shipments with their parcels; return them in the given order."""
    now = utc_now()
    shipment_ids = insert_returning(
        session,
        Shipment,
        [
            {
                "order_id": each.order_id,
                "told_by": told_by,
                "carrier": each.data.carrier,
                "shipped_at": each.data.shipped_at,
                "recorded_at": now,
            }
            for each in dispatches
        ],
    )
    parcels = [
        (shipment_id, number, parcel, content)
        for shipment_id, each in zip(shipment_ids, dispatches, strict=True)
        for number, (parcel, content) in enumerate(
            zip(each.data.parcels, each.contents, strict=True), start=1
        )
    ]
    parcel_ids = insert_returning(
        session,
        Parcel,
        [
            {
                "shipment_id": shipment_id,
                "number": number,
                "tracking_number": parcel.tracking_number,
                "weight_grams": parcel.weight_grams,
            }
            for shipment_id, number, parcel, _ in parcels
        ],
    )
    insert_rows(
        session,
        ParcelLine,
        [
            {"parcel_id": parcel_id, "order_line_id": line_id, "quantity": quantity}
            for parcel_id, (_, _, _, content) in zip(parcel_ids, parcels, strict=True)
            for line_id, quantity in content.items()
        ],
    )
    query = select(Shipment).where(among(col(Shipment.id), shipment_ids)).order_by(col(Shipment.id))
    return list(session.exec(query).all())


def _update_orders(session: Session, dispatches: Sequence[_Dispatch], told_by: Side) -> None:
    """Update orders and their histories after the shipment."""
    actor = Actor.person if told_by is Side.warenfluss else Actor.channel
    for each in dispatches:
        order = each.data.order
        if each.is_all:
            change_state(order, OrderState.shipped, actor)
            order.shipped_at = each.data.shipped_at
        order.carrier = each.data.carrier
        session.add(order)
    session.flush()
    insert_rows(
        session,
        OrderEvent,
        [
            event_values(
                each.order_id,
                "shipped" if each.is_all else "partly_shipped",
                {
                    "carrier": each.data.carrier,
                    "tracking": [parcel.tracking_number for parcel in each.data.parcels],
                    "units": sum(each.units.values()),
                },
                actor=actor,
            )
            for each in dispatches
        ],
    )


def add_tracking(session: Session, order: Order, tracking_number: str, carrier: str = "") -> bool:
    """Give this number to a parcel that was shipped here without one, and queue the shipment for the channel.

    Returns: False, if a parcel of the order has this number already; then nothing is changed. Locks the order
    and its tenant.
    Raises: RuleError, if every parcel has a number.
    """
    lock_order(session, order)
    pairs = [pair for pair in shipments_of(session, order.row_id) if pair[0].told_by is Side.warenfluss]
    parcels = [(shipment, parcel) for shipment, parcels in pairs for parcel in parcels]
    if any(parcel.tracking_number == tracking_number for _, parcel in parcels):
        return False
    found = next(((shipment, parcel) for shipment, parcel in parcels if not parcel.tracking_number), None)
    if found is None:
        raise RuleError(f"Order {order.external_id} has no parcel without a tracking number.")
    shipment, parcel = found
    parcel.tracking_number = tracking_number
    if carrier:
        shipment.carrier = order.carrier = carrier
    session.add_all([shipment, parcel, order])
    detail = {"carrier": shipment.carrier, "tracking": [tracking_number]}
    session.add(OrderEvent(order_id=order.row_id, actor=Actor.person, kind="tracked", detail=detail))
    session.flush()
    queue_outbound(session, order.account_id, OutboundKind.shipment, [order.row_id])
    return True


def _units(parcels: Sequence[ParcelData], left: Mapping[int, int]) -> dict[int, int]:
    """Return {line id: units to ship}; a parcel without lines takes everything in `left`."""
    units: dict[int, int] = defaultdict(int)
    for parcel in parcels:
        for line_id, quantity in (parcel.lines or left).items():
            units[line_id] += quantity
    return units


def _check_may_ship(
    order: Order,
    left: Mapping[int, int],
    units: Mapping[int, int],
    lines: Mapping[int, OrderLine],
    holds: Sequence[Hold],
) -> None:
    """Raises: RuleError, if people may not ship these units of an order, or nothing is `left` to ship."""
    if order.trial or order.state not in TO_SHIP:
        raise RuleError(f"Order {order.external_id} is {state_name(order)} and cannot be shipped.")
    reasons = {
        hold.reason
        for hold in holds
        if hold.reason not in NOT_BLOCKING and not _is_unaffected(hold, units, lines)
    }
    if reasons:
        raise RuleError(
            f"Order {order.external_id} is held ({', '.join(sorted(reasons))}); settle that first."
        )
    if not left:
        if any(line.kept_back for line in lines.values()):
            raise RuleError(
                f"All remaining units of order {order.external_id} are held back.",
                Advice(Action.order_unsplit, order.external_id),
            )
        raise RuleError(f"Order {order.external_id} has nothing left to ship.")


def _is_unaffected(hold: Hold, units: Mapping[int, int], lines: Mapping[int, OrderLine]) -> bool:
    """Return whether a hold for a shortage does not concern these units, because they are allocated."""
    line_id = hold.order_line_id
    if hold.reason not in SHORTAGES or line_id is None or line_id not in lines:
        return False
    return units.get(line_id, 0) <= lines[line_id].allocated
