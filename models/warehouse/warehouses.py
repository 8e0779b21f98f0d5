"""Warehouses of a tenant."""

from typing import Any

from sqlalchemy import ColumnElement, UniqueConstraint
from sqlmodel import Field, Session, col, select

# It defines how constraints are named, so it must be imported before any table is declared.
import models.database.columns

# Foreign keys point to their tables.
import models.tenants.tenant  # noqa: F401
from models.database.bulk import insert_or_update
from models.database.columns import Numbered
from models.errors import Action, Advice, NotFoundError, RuleError


class Warehouse(Numbered, table=True):
    __tablename__ = "warehouse"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    name: str = Field(max_length=60)
    priority: int = 0
    """Stock is allocated from the lowest first."""
    sellable: bool = True
    """Whether its goods are offered and allocated; false for goods of lesser quality."""


B_STOCK = "B-Ware"


def sells(warehouse_id: Any) -> ColumnElement[bool]:
    """Return the SQL condition that a warehouse sells its goods."""
    not_for_sale = select(Warehouse.id).where(col(Warehouse.sellable).is_(False))
    return warehouse_id.not_in(not_for_sale)  # type: ignore[no-any-return]


def main_warehouse(session: Session, tenant_id: int) -> Warehouse:
    """Return the tenant's first warehouse; it is created if there is none."""
    existing = list_warehouses(session, tenant_id)
    if existing:
        return existing[0]
    return _create_warehouse(session, {"tenant_id": tenant_id, "name": "main", "priority": 0})


def b_stock_warehouse(session: Session, tenant_id: int) -> Warehouse:
    """Return the tenant's warehouse for returned goods that are not as good as new; create it if missing."""
    values = {"tenant_id": tenant_id, "name": B_STOCK, "priority": 1000, "sellable": False}
    return _create_warehouse(session, values)


def _create_warehouse(session: Session, values: dict[str, Any]) -> Warehouse:
    """Return the tenant's warehouse with this name; create it with these values if it is missing."""
    insert_or_update(session, Warehouse, [values], key=("tenant_id", "name"))
    query = select(Warehouse).where(
        Warehouse.tenant_id == values["tenant_id"], Warehouse.name == values["name"]
    )
    return session.exec(query).one()


def _find_warehouse(session: Session, tenant_id: int, name: str) -> Warehouse | None:
    query = select(Warehouse).where(Warehouse.tenant_id == tenant_id, Warehouse.name == name)
    return session.exec(query).first()


def list_warehouses(session: Session, tenant_id: int) -> list[Warehouse]:
    """Return a tenant's warehouses in the order of allocation."""
    query = (
        select(Warehouse)
        .where(Warehouse.tenant_id == tenant_id)
        .order_by(col(Warehouse.priority), col(Warehouse.id))
    )
    return list(session.exec(query).all())


def pick_warehouse(session: Session, tenant_id: int, name: str | None) -> Warehouse:
    """Return the warehouse with this name, or the first one without a name. Raises: NotFoundError."""
    if not name:
        return main_warehouse(session, tenant_id)
    row = _find_warehouse(session, tenant_id, name)
    if row is None:
        raise NotFoundError(
            f"There is no warehouse {name!r}.", Advice(Action.warehouse_add, name, {"priority": "1"})
        )
    return row


def save_warehouse(session: Session, tenant_id: int, name: str, priority: int) -> bool:
    """Add a warehouse or change its priority; return whether it is new. Raises: RuleError, for a bad name."""
    if not name.strip() or name != name.strip() or len(name) > 60:
        raise RuleError("A warehouse's name has 1 to 60 characters and no blank at either end.")
    # The first warehouse is created on demand; it must exist before there is another one.
    main_warehouse(session, tenant_id)
    row = _find_warehouse(session, tenant_id, name)
    is_new = row is None
    row = row or Warehouse(tenant_id=tenant_id, name=name)
    row.priority = priority
    session.add(row)
    session.flush()
    return is_new
