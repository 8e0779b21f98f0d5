"""Papers for pickers: what to take for a few orders or for a pick list, in walking order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from models.catalog.article import Article, titles_of
from models.clock import today
from models.database.conditions import among
from models.errors import RuleError
from models.orders.order import Order, OrderState
from models.orders.printed import paper_language, printed_number
from models.orders.queries import lines_of_order
from models.papers.facts import check_may_ship, check_state, seller_on_paper
from models.papers.records import PickPaper, PickRow, PickTarget
from models.tenants.tenant import Tenant
from models.warehouse.bins import bins_of
from models.warehouse.levels import StockLevel
from models.warehouse.pick_items import get_list
from models.warehouse.pick_lists import PickListState, PickOrder, units_to_pick
from models.warehouse.pick_sheets import read_sheet
from models.warehouse.warehouses import Warehouse


def check_pickable(session: Session, order: Order) -> None:
    """Raises: RuleError, unless the order has units to pick.

    It must be released and may be shipped, and some of its allocated units must not be picked yet.
    """
    check_state(order, OrderState.released)
    check_may_ship(session, order, lines_of_order(session, order))
    if not units_to_pick(session, [order.row_id]):
        raise RuleError(f"Order {order.external_id} has nothing left to pick.")


def pick_papers(session: Session, orders: Sequence[Order], *, language: str = "") -> list[PickPaper]:
    """Return what to pick for all these orders together, in walking order, one paper per warehouse.

    Every order must pass `check_pickable`. Nothing is stored, and no pick list is opened.
    """
    numbers = {order.row_id: printed_number(order) for order in orders}
    units = units_to_pick(session, list(numbers))
    levels = session.exec(
        select(StockLevel).where(among(col(StockLevel.id), sorted({row[2] for row in units})))
    ).all()
    warehouse_of = {level.row_id: level.warehouse_id for level in levels}
    wanted: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for order_id, _, level_id, article_id, quantity in sorted(units):
        wanted[warehouse_of[level_id], article_id][order_id] += quantity
    ids = sorted({article_id for _, article_id in wanted})
    articles = {row.id: row for row in session.exec(select(Article).where(among(col(Article.id), ids)))}
    bins = bins_of(session, ids)
    papers = []
    for warehouse in _warehouses(session, {warehouse_id for warehouse_id, _ in wanted}):
        tenant = session.get_one(Tenant, warehouse.tenant_id)
        language_on_paper = paper_language(tenant, language)
        titles = titles_of(session, ids, language_on_paper)
        stops = []
        for (warehouse_id, article_id), parts in wanted.items():
            if warehouse_id != warehouse.id:
                continue
            place = bins.get((warehouse_id, article_id))
            row = PickRow(
                bin=place.name if place else "",
                sku=articles[article_id].sku,
                gtin=articles[article_id].gtin,
                title=titles.get(article_id, ""),
                quantity=sum(parts.values()),
                targets=[
                    PickTarget(quantity=quantity, order_number=numbers[order_id])
                    for order_id, quantity in parts.items()
                ],
            )
            # Articles without a bin come last.
            stops.append(((place is None, place.place if place else 0, row.bin, row.sku), row))
        stops.sort(key=lambda stop: stop[0])
        rows = [row for _, row in stops]
        papers.append(
            PickPaper(
                language=language_on_paper,
                seller=seller_on_paper(tenant),
                warehouse=warehouse.name,
                dated=today(),
                rows=rows,
            )
        )
    return papers


def pick_list_papers(session: Session, list_id: int, *, language: str = "") -> list[PickPaper]:
    """Return what is still to be picked for a pick list, in walking order, one paper per warehouse.

    Raises: NotFoundError, if there is no such list; RuleError, if nothing is left to pick.
    """
    sheet = read_sheet(session, list_id)
    tenant = session.get_one(Tenant, get_list(session, list_id).tenant_id)
    numbers = _printed_numbers(session, list_id)
    rows: dict[str, list[PickRow]] = defaultdict(list)
    for stop in sheet.stops:
        targets = [
            PickTarget(
                quantity=part.quantity - part.picked,
                order_number=numbers.get(part.order, part.order),
                box=str(part.box or ""),
            )
            for part in stop.parts
            if part.quantity > part.picked
        ]
        if targets and sheet.state is PickListState.open:
            row = PickRow(
                bin=stop.bin,
                sku=stop.sku,
                gtin=stop.gtin,
                title=stop.title,
                quantity=sum(target.quantity for target in targets),
                targets=targets,
            )
            rows[stop.warehouse].append(row)
    if not rows:
        raise RuleError(f"Pick list {list_id} has nothing left to pick.")
    return [
        PickPaper(
            language=paper_language(tenant, language),
            seller=seller_on_paper(tenant),
            number=str(list_id),
            warehouse=warehouse,
            dated=today(),
            rows=of_warehouse,
        )
        for warehouse, of_warehouse in rows.items()
    ]


def _printed_numbers(session: Session, list_id: int) -> dict[str, str]:
    """Return {external id: printed number} for the orders of a pick list."""
    query = select(Order).join(PickOrder, col(PickOrder.order_id) == col(Order.id))
    rows = session.exec(query.where(PickOrder.pick_list_id == list_id)).all()
    return {order.external_id: printed_number(order) for order in rows}


def _warehouses(session: Session, ids: Iterable[int]) -> Sequence[Warehouse]:
    query = select(Warehouse).where(among(col(Warehouse.id), sorted(ids)))
    return session.exec(query.order_by(col(Warehouse.priority), col(Warehouse.id))).all()
