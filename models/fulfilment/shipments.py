"""Shipments: the parcels of an order that were shipped, and what is in each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint, func, update
from sqlmodel import Field, Session, SQLModel, col, select

from models.database.columns import Numbered, code, instant
from models.database.conditions import among
from models.orders.order import Order, OrderLine
from models.tenants.records import Side


class ParcelData(BaseModel):
    """One parcel; `lines` is {line id: units}, empty for everything still to ship and not held back."""

    tracking_number: str = RecordField(default="", max_length=80)
    weight_grams: int | None = RecordField(default=None, ge=1)
    lines: dict[int, int] = RecordField(default_factory=dict)


@dataclass(frozen=True)
class ShipmentData:
    """Parcels of one order that are shipped at the same time."""

    order: Order
    carrier: str
    parcels: Sequence[ParcelData]
    shipped_at: datetime


class Shipment(Numbered, table=True):
    __tablename__ = "shipment"

    order_id: int = Field(foreign_key="sales_order.id", index=True)
    told_by: Side = code(Side)
    carrier: str = ""
    shipped_at: datetime = instant()
    recorded_at: datetime = instant()


class Parcel(Numbered, table=True):
    __tablename__ = "parcel"
    __table_args__ = (UniqueConstraint("shipment_id", "number"),)

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
    return [(shipment, parcels[shipment.row_id]) for shipment in shipments]


def tracking_numbers(session: Session, order_ids: Sequence[int]) -> dict[int, set[str]]:
    """Return {order id: tracking numbers of its parcels}; a parcel without a number counts as ""."""
    numbers: dict[int, set[str]] = defaultdict(set)
    query = (
        select(col(Shipment.order_id), col(Parcel.tracking_number))
        .join(Parcel, col(Parcel.shipment_id) == col(Shipment.id))
        .where(among(col(Shipment.order_id), order_ids))
    )
    for order_id, number in session.execute(query):
        numbers[order_id].add(number)
    return numbers


def transfer_shipments(session: Session, from_order_id: int, to_order_id: int) -> None:
    """Move shipments to the order that has their lines now; a shipment of a line that stayed is not moved."""
    staying = (
        select(Parcel.shipment_id)
        .join(ParcelLine, col(ParcelLine.parcel_id) == col(Parcel.id))
        .join(OrderLine, col(OrderLine.id) == col(ParcelLine.order_line_id))
        .where(OrderLine.order_id == from_order_id)
    )
    session.execute(
        update(Shipment)
        .where(col(Shipment.order_id) == from_order_id, col(Shipment.id).not_in(staying))
        .values(order_id=to_order_id)
        .execution_options(synchronize_session=False)
    )


def shipment_sources(session: Session, order_ids: Sequence[int]) -> dict[int, set[Side]]:
    """Return {order id: sides that reported its shipments}; orders without shipments are missing."""
    sides: dict[int, set[Side]] = defaultdict(set)
    query = select(col(Shipment.order_id), col(Shipment.told_by)).where(col(Shipment.order_id).in_(order_ids))
    for order_id, side in session.execute(query.distinct()):
        sides[order_id].add(side)
    return sides


def units_of_shipment(session: Session, shipment: Shipment) -> dict[int, int]:
    """Return {line id: units} of a shipment's parcels together."""
    rows = session.execute(
        select(col(ParcelLine.order_line_id), func.sum(ParcelLine.quantity))
        .join(Parcel, col(Parcel.id) == col(ParcelLine.parcel_id))
        .where(col(Parcel.shipment_id) == shipment.id)
        .group_by(col(ParcelLine.order_line_id))
    )
    return {line_id: int(units) for line_id, units in rows}


def contents_of(session: Session, parcel_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return {parcel id: {line id: units}}."""
    contents: dict[int, dict[int, int]] = defaultdict(dict)
    for row in session.exec(select(ParcelLine).where(col(ParcelLine.parcel_id).in_(parcel_ids))):
        contents[row.parcel_id][row.order_line_id] = row.quantity
    return contents
