"""Pick lists as people read them: the stops of a walk with the orders' units, and summaries of lists."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from models.catalog.article import Article, titles_of
from models.database.conditions import in_batches
from models.orders.order import Order
from models.tenants.tenant import Tenant
from models.warehouse.bins import bins_of
from models.warehouse.levels import StockLevel
from models.warehouse.pick_items import get_list
from models.warehouse.pick_lists import PickItem, PickList, PickListState, PickMode, PickOrder
from models.warehouse.warehouses import Warehouse


@dataclass(frozen=True)
class PickPart:
    """Units at a stop that belong to one order."""

    order: str
    box: int
    """0 if there are no boxes."""
    quantity: int
    picked: int


@dataclass
class PickStop:
    """One article at one place; quantities are units of the article."""

    warehouse: str
    bin: str
    """Empty if the article has no bin there."""
    sku: str
    gtin: str
    title: str
    quantity: int = 0
    picked: int = 0
    put_back: int = 0
    parts: list[PickPart] = field(default_factory=list)
    """Ordered by the orders' ranks."""


@dataclass(frozen=True)
class PickSheet:
    """A pick list with its stops in walking order."""

    number: int
    mode: PickMode
    state: PickListState
    created_at: datetime
    ended_at: datetime | None
    orders: list[str]
    """Order numbers by rank."""
    stops: list[PickStop]


@dataclass(frozen=True)
class PickListSummary:
    number: int
    mode: PickMode
    state: PickListState
    created_at: datetime
    ended_at: datetime | None
    orders: int
    quantity: int
    picked: int


def read_sheet(session: Session, list_id: int) -> PickSheet:
    """Return a pick list to be read or printed. Raises: NotFoundError."""
    pick_list = get_list(session, list_id)
    language = session.get_one(Tenant, pick_list.tenant_id).language
    orders = session.execute(
        select(PickOrder, col(Order.external_id))
        .join(Order, col(Order.id) == col(PickOrder.order_id))
        .where(col(PickOrder.pick_list_id) == list_id)
        .order_by(col(PickOrder.rank))
        .execution_options(populate_existing=True)
    ).all()
    by_id = {row.order_id: (row, number) for row, number in orders}
    items = session.execute(
        select(PickItem, Article, Warehouse)
        .join(Article, col(Article.id) == col(PickItem.article_id))
        .join(StockLevel, col(StockLevel.id) == col(PickItem.level_id))
        .join(Warehouse, col(Warehouse.id) == col(StockLevel.warehouse_id))
        .where(col(PickItem.pick_list_id) == list_id)
        .order_by(col(PickItem.position), col(PickItem.id))
        .execution_options(populate_existing=True)
    ).all()
    article_ids = sorted({item.article_id for item, _, _ in items})
    bins = bins_of(session, article_ids)
    titles: dict[int, str] = {}
    for batch in in_batches(article_ids):
        titles |= titles_of(session, batch, language)
    stops: dict[int, PickStop] = {}
    for item, article, warehouse in items:
        place = bins.get((warehouse.row_id, item.article_id))
        stop = stops.setdefault(
            item.level_id,
            PickStop(
                warehouse=warehouse.name,
                bin=place.name if place else "",
                sku=article.sku,
                gtin=article.gtin,
                title=titles.get(item.article_id, ""),
            ),
        )
        stop.quantity += item.quantity
        stop.picked += item.picked
        stop.put_back += item.put_back
        if item.quantity:
            row, number = by_id[item.order_id]
            stop.parts.append(PickPart(number, row.box, item.quantity, item.picked))
    return PickSheet(
        number=list_id,
        mode=pick_list.mode,
        state=pick_list.state,
        created_at=pick_list.created_at,
        ended_at=pick_list.ended_at,
        orders=[number for _, number in orders],
        stops=list(stops.values()),
    )


def list_lists(
    session: Session, tenant_id: int, *, only_open: bool = True, limit: int | None = None
) -> list[PickListSummary]:
    """Return a tenant's pick lists, newest first, with their numbers of orders and units."""
    query = select(PickList).where(PickList.tenant_id == tenant_id)
    if only_open:
        query = query.where(PickList.state == PickListState.open)
    rows = session.exec(query.order_by(col(PickList.id).desc()).limit(limit)).all()
    orders: dict[int, int] = {}
    units: dict[int, tuple[int, int]] = {}
    for batch in in_batches([row.row_id for row in rows]):
        counts = session.execute(
            select(col(PickOrder.pick_list_id), func.count())
            .where(col(PickOrder.pick_list_id).in_(batch))
            .group_by(col(PickOrder.pick_list_id))
        )
        orders |= dict(counts.tuples().all())
        for list_id, quantity, picked in session.execute(
            select(col(PickItem.pick_list_id), func.sum(PickItem.quantity), func.sum(PickItem.picked))
            .where(col(PickItem.pick_list_id).in_(batch))
            .group_by(col(PickItem.pick_list_id))
        ):
            units[list_id] = int(quantity), int(picked)
    return [
        PickListSummary(
            row.row_id,
            row.mode,
            row.state,
            row.created_at,
            row.ended_at,
            orders[row.row_id],
            *units.get(row.row_id, (0, 0)),
        )
        for row in rows
    ]
