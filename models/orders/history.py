"""The history of an order: events and edits."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import PrimaryKeyConstraint
from sqlmodel import JSON, Field, Session, SQLModel, Text, col, select

from models.clock import utc_now
from models.database.columns import Numbered, code, instant
from models.database.conditions import among
from models.database.provenance import by_run
from models.orders.order import Order


class Actor(StrEnum):
    channel = "channel"
    cycle = "cycle"
    person = "person"


class OrderEdit(SQLModel, table=True):
    """A field that a person changed, and the channel's value at that time: later, it counts as unchanged."""

    __tablename__ = "order_edit"
    __table_args__ = (PrimaryKeyConstraint("order_id", "field"),)

    order_id: int = Field(foreign_key="sales_order.id")
    field: str = Field(max_length=120)
    """The field's name in `models.intake.order_changes`, e.g. shipping.street or line 4711."""
    told: str = Field(sa_type=Text)


class OrderEvent(Numbered, table=True):
    """One step in an order's history."""

    __tablename__ = "order_event"

    order_id: int = Field(foreign_key="sales_order.id", index=True)
    at: datetime = instant()
    actor: Actor = code(Actor, Actor.cycle)
    kind: str = Field(max_length=40)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    run_id: int | None = by_run()


def event_values(
    order_id: int, kind: str, detail: dict[str, Any], *, actor: Actor = Actor.cycle
) -> dict[str, Any]:
    """Return the values of an `OrderEvent` row, for bulk inserts."""
    return {"order_id": order_id, "at": utc_now(), "actor": actor, "kind": kind, "detail": detail}


def edits_of(session: Session, order_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Return {order id: {field: the channel's value when a person changed the field}}."""
    edits: dict[int, dict[str, str]] = {}
    for edit in session.exec(select(OrderEdit).where(among(col(OrderEdit.order_id), order_ids))):
        edits.setdefault(edit.order_id, {})[edit.field] = edit.told
    return edits


def events_of(session: Session, order_id: int) -> list[OrderEvent]:
    """Return an order's history, oldest first."""
    query = select(OrderEvent).where(OrderEvent.order_id == order_id).order_by(col(OrderEvent.id))
    return list(session.exec(query).all())


def add_event(
    session: Session,
    order: Order,
    kind: str,
    detail: dict[str, Any] | None = None,
    *,
    actor: Actor = Actor.cycle,
) -> None:
    """Add one step to an order's history."""
    session.add(OrderEvent(order_id=order.row_id, actor=actor, kind=kind, detail=detail or {}))
