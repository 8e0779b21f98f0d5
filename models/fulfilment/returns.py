"""Returns (Rücksendung): announced, received and judged. `models.invoicing.return_credits` credits them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel
from pydantic import Field as RecordField
from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from models.clock import utc_now
from models.database.columns import Numbered, code, instant, money
from models.errors import Action, Advice, NotFoundError, RuleError
from models.mails.buyer_events import queue_buyer_mail
from models.orders.history import Actor, add_event
from models.orders.order import Order
from models.orders.queries import lines_of_order, lock_order
from models.tenants.records import BuyerEvent
from models.values import MAX_COUNT
from models.warehouse.ledger import return_to_stock
from models.warehouse.warehouses import b_stock_warehouse, main_warehouse

LONGEST_REASON = 300


class ReturnState(StrEnum):
    announced = "announced"
    received = "received"
    """Received and judged, but not credited yet."""
    credited = "credited"
    cancelled = "cancelled"
    """It never arrived."""


class InspectedUnits(BaseModel, frozen=True):
    """How the returned units of one line were judged."""

    to_stock: int = RecordField(default=0, ge=0, le=MAX_COUNT)
    """As good as new: put back into stock and sold again."""
    b_stock: int = RecordField(default=0, ge=0, le=MAX_COUNT)
    """Put into the B-stock warehouse, from which nothing is sold automatically."""
    scrapped: int = RecordField(default=0, ge=0, le=MAX_COUNT)

    @property
    def units(self) -> int:
        """Number of units that came back."""
        return self.to_stock + self.b_stock + self.scrapped


class Return(Numbered, table=True):
    __tablename__ = "order_return"
    __table_args__ = (Index("ix_order_return_state", "state", "id"),)

    order_id: int = Field(foreign_key="sales_order.id", index=True)
    state: ReturnState = code(ReturnState, ReturnState.announced)
    reason: str = ""
    announced_at: datetime = instant()
    received_at: datetime | None = instant(nullable=True)
    credited_amount: Decimal = money(Decimal(0))


class ReturnLine(SQLModel, table=True):
    __tablename__ = "return_line"
    __table_args__ = (
        PrimaryKeyConstraint("return_id", "order_line_id"),
        CheckConstraint("announced >= 0 AND to_stock >= 0 AND b_stock >= 0 AND scrapped >= 0", name="counts"),
    )

    return_id: int = Field(foreign_key="order_return.id")
    # No foreign key: a migration may lock only one table in use, and lines with shipped units are never
    # deleted.
    order_line_id: int
    announced: int = 0
    to_stock: int = 0
    b_stock: int = 0
    scrapped: int = 0

    @property
    def units(self) -> int:
        """Number of units that came back."""
        return self.to_stock + self.b_stock + self.scrapped


def announce_return(session: Session, order: Order, units: Mapping[int, int], reason: str = "") -> Return:
    """Save a return that a buyer announced, as {line id: units}; without units, of everything returnable.

    Locks the order and its tenant.
    Raises: RuleError, for an unknown line, or for more units than are shipped and neither returned nor
    announced.
    """
    lock_order(session, order)
    lines = {line.row_id: line for line in lines_of_order(session, order)}
    announced = _announced(session, order)
    returnable = {
        line_id: line.shipped - line.returned - announced.get(line_id, 0) for line_id, line in lines.items()
    }
    wanted = dict(units) or {line_id: count for line_id, count in returnable.items() if count > 0}
    if not wanted:
        raise RuleError(f"Order {order.external_id} has no shipped units that could be returned.")
    for line_id, count in wanted.items():
        if not 0 < count <= returnable.get(line_id, 0):
            name = lines[line_id].external_id if line_id in lines else str(line_id)
            raise RuleError(
                f"Line {name} of order {order.external_id}: {count} units cannot be returned, "
                f"{max(0, returnable.get(line_id, 0))} are shipped and not announced yet."
            )
    row = Return(order_id=order.row_id, reason=_reason(reason))
    session.add(row)
    session.flush()
    for line_id, count in sorted(wanted.items()):
        session.add(ReturnLine(return_id=row.row_id, order_line_id=line_id, announced=count))
    detail = {"return": row.id, "units": sum(wanted.values()), "reason": row.reason}
    add_event(session, order, "return_announced", detail, actor=Actor.person)
    session.flush()
    return row


def receive_return(session: Session, row: Return, judged: Mapping[int, InspectedUnits]) -> None:
    """Save the units that arrived, by line id and judgement, and book them into stock.

    Units for sale are allocated to waiting orders. Units may differ from the announced ones, up to those
    shipped and not returned. Locks the order and its tenant.
    Raises: RuleError, if the return is already received or cancelled, nothing arrived, or more than was
    shipped.
    """
    order = _lock_announced(session, row)
    lines = {line.row_id: line for line in lines_of_order(session, order)}
    arrived = {line_id: each for line_id, each in judged.items() if each.units}
    if not arrived:
        raise RuleError(f"No unit of return {row.id} has arrived.", Advice(Action.return_cancel, str(row.id)))
    for line_id, each in arrived.items():
        outside = lines[line_id].shipped - lines[line_id].returned if line_id in lines else 0
        if each.units > outside:
            name = lines[line_id].external_id if line_id in lines else str(line_id)
            raise RuleError(
                f"Line {name}: {each.units} units cannot have arrived, {outside} are shipped and not "
                "returned."
            )
    rows = {each.order_line_id: each for each in lines_of_return(session, row.row_id)}
    for line_id, each in arrived.items():
        line_row = rows.get(line_id) or ReturnLine(return_id=row.row_id, order_line_id=line_id)
        line_row.to_stock, line_row.b_stock, line_row.scrapped = each.to_stock, each.b_stock, each.scrapped
        lines[line_id].returned += each.units
        session.add_all([line_row, lines[line_id]])
    row.state, row.received_at = ReturnState.received, utc_now()
    session.add(row)
    session.flush()
    reference = f"return {row.id}"
    for warehouse, units in (
        (main_warehouse, {line_id: each.to_stock for line_id, each in arrived.items()}),
        (b_stock_warehouse, {line_id: each.b_stock for line_id, each in arrived.items()}),
    ):
        wanted = {line_id: count for line_id, count in units.items() if count}
        if wanted:
            return_to_stock(session, warehouse(session, order.tenant_id).row_id, wanted, reference)
    detail = {
        "return": row.id,
        **{
            name: sum(getattr(each, name) for each in arrived.values())
            for name in InspectedUnits.model_fields
        },
    }
    add_event(session, order, "return_received", detail, actor=Actor.person)
    queue_buyer_mail(session, order, BuyerEvent.return_received, row.row_id)
    session.flush()


def cancel_return(session: Session, row: Return) -> None:
    """Cancel a return that never arrived. Raises: RuleError, if it was received."""
    order = _lock_announced(session, row)
    row.state = ReturnState.cancelled
    session.add(row)
    add_event(session, order, "return_cancelled", {"return": row.id}, actor=Actor.person)
    session.flush()


def _lock_announced(session: Session, row: Return) -> Order:
    """Lock the order of a return, reload the return, and return the order.

    Raises: RuleError, if the return is received or cancelled.
    """
    order = session.get_one(Order, row.order_id)
    lock_order(session, order)
    session.refresh(row)
    if row.state is not ReturnState.announced:
        raise RuleError(f"Return {row.id} is {row.state} already.")
    return order


def get_return(session: Session, return_id: int) -> Return:
    """Return the return with this number. Raises: NotFoundError."""
    row = session.get(Return, return_id)
    if row is None:
        raise NotFoundError(f"There is no return {return_id}.", Advice(Action.return_list))
    return row


def list_returns(
    session: Session, states: Sequence[ReturnState] = (), *, limit: int | None = None
) -> list[Return]:
    """Return returns, newest first."""
    query = select(Return).order_by(col(Return.id).desc()).limit(limit)
    if states:
        query = query.where(col(Return.state).in_(states))
    return list(session.exec(query).all())


def lines_of_return(session: Session, return_id: int) -> list[ReturnLine]:
    """Return the lines of a return, in the order of the order's lines."""
    query = select(ReturnLine).where(ReturnLine.return_id == return_id)
    return list(session.exec(query.order_by(col(ReturnLine.order_line_id))).all())


def _announced(session: Session, order: Order) -> dict[int, int]:
    """Return {line id: units announced and not received yet}."""
    rows = session.exec(
        select(ReturnLine)
        .join(Return, col(Return.id) == col(ReturnLine.return_id))
        .where(Return.order_id == order.id, Return.state == ReturnState.announced)
    )
    units: dict[int, int] = {}
    for row in rows:
        units[row.order_line_id] = units.get(row.order_line_id, 0) + row.announced
    return units


def _reason(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > LONGEST_REASON:
        raise RuleError(f"A reason has at most {LONGEST_REASON} characters.")
    return words
