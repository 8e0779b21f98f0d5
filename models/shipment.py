"""Shipment: parcels of an order that left, with what is in each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.account import BuyerEvent, Side
from models.buyer_mail import tell_buyer
from models.columns import code, instant, need_id
from models.errors import RuleError
from models.order import (
    SHORTAGES,
    Actor,
    Hold,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    blocking_holds,
    lines_of,
    lock_order,
)
from models.outbound import OutboundKind, queue_outbound
from models.stock_moves import take_out


class ParcelData(BaseModel):
    """One parcel; `lines` are units by line id, empty for all that is left of the order."""

    tracking_number: str = RecordField(default="", max_length=80)
    weight_grams: int | None = RecordField(default=None, ge=1)
    lines: dict[int, int] = RecordField(default_factory=dict)


class Shipment(SQLModel, table=True):
    __tablename__ = "shipment"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="sales_order.id", index=True)
    told_by: Side = code(Side)
    carrier: str = ""
    shipped_at: datetime = instant()
    recorded_at: datetime = instant()


class Parcel(SQLModel, table=True):
    __tablename__ = "parcel"
    __table_args__ = (UniqueConstraint("shipment_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    shipment_id: int = Field(foreign_key="shipment.id")
    number: int
    tracking_number: str = Field(default="", index=True)
    weight_grams: int | None = None


class ParcelLine(SQLModel, table=True):
    __tablename__ = "parcel_line"
    __table_args__ = (
        PrimaryKeyConstraint("parcel_id", "order_line_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    parcel_id: int = Field(foreign_key="parcel.id")
    order_line_id: int = Field(foreign_key="order_line.id", index=True)
    quantity: int


def shipments_of(session: Session, order_id: int) -> list[tuple[Shipment, list[Parcel]]]:
    """Return an order's shipments with their parcels, oldest first."""
    shipments = session.exec(
        select(Shipment).where(Shipment.order_id == order_id).order_by(col(Shipment.id))
    ).all()
    parcels: dict[int, list[Parcel]] = defaultdict(list)
    for parcel in session.exec(
        select(Parcel)
        .where(col(Parcel.shipment_id).in_([shipment.id for shipment in shipments]))
        .order_by(col(Parcel.shipment_id), col(Parcel.number))
    ):
        parcels[parcel.shipment_id].append(parcel)
    return [(shipment, parcels[need_id(shipment.id)]) for shipment in shipments]


def move_shipments(session: Session, order_id: int, heir_id: int) -> None:
    """Move an order's shipments to the one that took over its lines; those with goods of others stay."""
    kept = (
        select(Parcel.shipment_id)
        .join(ParcelLine, col(ParcelLine.parcel_id) == col(Parcel.id))
        .join(OrderLine, col(OrderLine.id) == col(ParcelLine.order_line_id))
        .where(OrderLine.order_id == order_id)
    )
    session.execute(
        update(Shipment)
        .where(col(Shipment.order_id) == order_id, col(Shipment.id).not_in(kept))
        .values(order_id=heir_id)
        .execution_options(synchronize_session=False)
    )


def shipped_by(session: Session, order_ids: Sequence[int]) -> dict[int, set[Side]]:
    """Return by order who told of its shipments; one without any is missing."""
    sides: dict[int, set[Side]] = defaultdict(set)
    query = select(col(Shipment.order_id), col(Shipment.told_by)).where(col(Shipment.order_id).in_(order_ids))
    for order_id, side in session.execute(query.distinct()):
        sides[order_id].add(side)
    return sides


def contents_of(session: Session, parcel_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return for each parcel its units by line id."""
    contents: dict[int, dict[int, int]] = defaultdict(dict)
    for row in session.exec(select(ParcelLine).where(col(ParcelLine.parcel_id).in_(parcel_ids))):
        contents[row.parcel_id][row.order_line_id] = row.quantity
    return contents


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
    """Book parcels out of the house; what was shipped here is queued for the channel.

    Of what nobody carries (`carried`), because its buyer has fetched it, no mail tells that it is on its way.

    Raises: RuleError, for an order that is held, cancelled, merged, pending or a trial, an unknown line,
    more than is left of a line, or nothing left; then nothing is changed.
    """
    lock_order(session, order)
    order_id = need_id(order.id)
    lines = {need_id(line.id): line for line in lines_of(session, [order_id]).get(order_id, [])}
    left = {
        line_id: line.quantity - line.cancelled - line.shipped
        for line_id, line in lines.items()
        if line.quantity - line.cancelled - line.shipped > 0
    }
    if told_by is Side.warenfluss:
        _check_may_ship(session, order, left, _units(parcels, left), lines)
    if not parcels:
        raise RuleError("A shipment needs at least one parcel.")
    contents: list[dict[int, int]] = []
    for parcel in parcels:
        wanted = dict(parcel.lines) or dict(left)
        for line_id, quantity in wanted.items():
            if line_id not in lines:
                raise RuleError(f"Order {order.external_id} has no line {line_id}.")
            if quantity < 1 or quantity > left.get(line_id, 0):
                raise RuleError(
                    f"Line {lines[line_id].external_id} of order {order.external_id}: {quantity} cannot be "
                    f"shipped, {left.get(line_id, 0)} are left."
                )
            left[line_id] -= quantity
        contents.append(wanted)
        left = {line_id: quantity for line_id, quantity in left.items() if quantity}

    shipment = Shipment(order_id=order_id, told_by=told_by, carrier=carrier, shipped_at=shipped_at)
    session.add(shipment)
    session.flush()
    totals: dict[int, int] = defaultdict(int)
    for number, (parcel, content) in enumerate(zip(parcels, contents, strict=True), start=1):
        row = Parcel(
            shipment_id=need_id(shipment.id),
            number=number,
            tracking_number=parcel.tracking_number,
            weight_grams=parcel.weight_grams,
        )
        session.add(row)
        session.flush()
        for line_id, quantity in content.items():
            session.add(ParcelLine(parcel_id=need_id(row.id), order_line_id=line_id, quantity=quantity))
            totals[line_id] += quantity
    take_out(session, totals, reference=f"order {order.external_id}")
    if not left:
        order.state, order.shipped_at = OrderState.shipped, shipped_at
    order.carrier = carrier
    session.add(order)
    session.add(
        OrderEvent(
            order_id=order_id,
            actor=Actor.person if told_by is Side.warenfluss else Actor.channel,
            kind="shipped" if not left else "partly_shipped",
            detail={
                "carrier": carrier,
                "tracking": [parcel.tracking_number for parcel in parcels],
                "units": sum(totals.values()),
            },
        )
    )
    session.flush()
    if told_by is Side.warenfluss:
        queue_outbound(session, order.account_id, OutboundKind.shipment, [order_id])
        if carried:
            tell_buyer(session, order, BuyerEvent.shipped, need_id(shipment.id))
    return shipment


def add_tracking(session: Session, order: Order, tracking_number: str, carrier: str = "") -> bool:
    """Give a parcel that was shipped here without a number this one; the channel is told with the rest.

    Returns: False, if a parcel of the order has this number already; then nothing changes.
    Raises: RuleError, if no parcel lacks a number.
    """
    lock_order(session, order)
    pairs = [pair for pair in shipments_of(session, need_id(order.id)) if pair[0].told_by is Side.warenfluss]
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
    session.add(OrderEvent(order_id=need_id(order.id), actor=Actor.person, kind="tracked", detail=detail))
    session.flush()
    queue_outbound(session, order.account_id, OutboundKind.shipment, [need_id(order.id)])
    return True


def _units(parcels: Sequence[ParcelData], left: Mapping[int, int]) -> dict[int, int]:
    """Return units by line that are to leave; a parcel without lines takes all."""
    units: dict[int, int] = defaultdict(int)
    for parcel in parcels:
        for line_id, quantity in (parcel.lines or left).items():
            units[line_id] += quantity
    return units


def _check_may_ship(
    session: Session,
    order: Order,
    left: Mapping[int, int],
    units: Mapping[int, int],
    lines: Mapping[int, OrderLine],
) -> None:
    if order.trial:
        raise RuleError(f"Order {order.external_id} is a trial and is never shipped.")
    if order.state not in (OrderState.open, OrderState.released):
        raise RuleError(f"Order {order.external_id} is {order.state} and cannot be shipped.")
    holds = [hold for hold in blocking_holds(session, need_id(order.id)) if not _spares(hold, units, lines)]
    if holds:
        reasons = ", ".join(sorted({hold.reason for hold in holds}))
        raise RuleError(f"Order {order.external_id} is held ({reasons}); settle that first.")
    if not left:
        raise RuleError(f"Nothing is left to ship of order {order.external_id}.")


def _spares(hold: Hold, units: Mapping[int, int], lines: Mapping[int, OrderLine]) -> bool:
    """Return whether a hold for what is short concerns none of these units."""
    line_id = hold.order_line_id
    if hold.reason not in SHORTAGES or line_id is None or line_id not in lines:
        return False
    return units.get(line_id, 0) <= lines[line_id].allocated
