"""The statements of every scan, built once, because building them takes longer than executing them.

They are few, because each costs a round trip to the server: `OPEN_LIST` finds the list and the articles that
the code may stand for, `NEXT_ITEMS` reads everything that decides where the units go, and `COUNT_SCAN` writes
what was counted.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, insert, or_, select, update

from models.catalog.article import Article, ArticleNumber
from models.database.bulk import table_of
from models.orders.holds import Hold
from models.orders.order import Order, OrderLine, OrderState
from models.orders.scanned_codes import SCANNED_ARTICLE, SCANNED_COLUMNS, SCANNED_NUMBER
from models.tenants.locks import lock_statement, with_tenant_lock
from models.tenants.tenant import Tenant
from models.warehouse.levels import Allocation, StockLevel
from models.warehouse.pick_lists import PICKABLE_HOLDS, PickItem, PickList, PickOrder, PickScan

_LISTS, _ON_LIST, _ITEMS = table_of(PickList), table_of(PickOrder), table_of(PickItem)
_ORDERS, _HOLDS, LINES = table_of(Order), table_of(Hold), table_of(OrderLine)
_ALLOCATIONS, _LEVELS, _SCANS = table_of(Allocation), table_of(StockLevel), table_of(PickScan)
_NUMBERS, _ARTICLES, _TENANTS = table_of(ArticleNumber), table_of(Article), table_of(Tenant)

_OF_LIST = _ITEMS.c.pick_list_id == bindparam("list")
_OF_ARTICLE = and_(_OF_LIST, _ITEMS.c.article_id == bindparam("article"))
_IS_OPEN = _ITEMS.c.picked < _ITEMS.c.quantity
_STOPS = or_(
    _ORDERS.c.state != OrderState.released,
    exists().where(
        _HOLDS.c.order_id == _ORDERS.c.id,
        _HOLDS.c.released_at.is_(None),
        *(_HOLDS.c.reason != reason for reason in sorted(PICKABLE_HOLDS)),
    ),
)


def _with_allocations(query: Select[Any]) -> Select[Any]:
    """Add the allocations of order lines to a query: a row for each, or one row if there is none."""
    return (
        query.add_columns(
            LINES.c.id.label("line_id"),
            LINES.c.allocated,
            _ALLOCATIONS.c.level_id.label("allocation_level_id"),
            _LEVELS.c.article_id.label("allocation_article_id"),
            _ALLOCATIONS.c.quantity.label("allocation_quantity"),
            _ALLOCATIONS.c.picked.label("allocation_picked"),
        )
        .outerjoin(_ALLOCATIONS, _ALLOCATIONS.c.order_line_id == LINES.c.id)
        .outerjoin(_LEVELS, _LEVELS.c.id == _ALLOCATIONS.c.level_id)
    )


def _next_items(*conditions: ColumnElement[bool]) -> Select[Any]:
    items = (
        select(
            _ITEMS.c.id,
            _ITEMS.c.position,
            _ITEMS.c.order_id,
            _ITEMS.c.order_line_id,
            _ITEMS.c.level_id,
            (_ITEMS.c.quantity - _ITEMS.c.picked).label("to_pick"),
            _ON_LIST.c.box,
            _ORDERS.c.external_id,
            _STOPS.label("stops"),
        )
        .join_from(
            _ITEMS,
            _ON_LIST,
            and_(_ON_LIST.c.pick_list_id == _ITEMS.c.pick_list_id, _ON_LIST.c.order_id == _ITEMS.c.order_id),
        )
        .join(_ORDERS, _ORDERS.c.id == _ITEMS.c.order_id)
        .where(_OF_ARTICLE, _IS_OPEN, *conditions)
        .order_by(_ITEMS.c.position, _ITEMS.c.id)
        # Every item has at least one unit.
        .limit(bindparam("most"))
        .subquery("items")
    )
    # One item more than a scan can complete, to see whether any item stays open.
    still_open = (
        select(_ITEMS.c.id).where(_OF_LIST, _IS_OPEN).limit(bindparam("most") + 1).subquery("still_open")
    )
    is_noted = exists().where(
        _ON_LIST.c.pick_list_id == bindparam("list"),
        _ON_LIST.c.noted_at.is_not(None),
        _ON_LIST.c.outcome.is_(None),
    )
    asked, picked = func.sum(_ITEMS.c.quantity), func.sum(_ITEMS.c.picked)
    return _with_allocations(
        select(
            *(column for column in items.c if column.name not in ("position", "order_line_id")),
            select(is_noted).scalar_subquery().label("is_noted"),
            select(asked).where(_OF_ARTICLE).scalar_subquery().label("asked"),
            select(picked).where(_OF_ARTICLE).scalar_subquery().label("picked"),
            select(func.count()).select_from(still_open).scalar_subquery().label("open"),
        ).join_from(items, LINES, LINES.c.id == items.c.order_line_id)
    ).order_by(items.c.position, items.c.id)


LOCK_OWNER = lock_statement(select(_LISTS.c.tenant_id).where(_LISTS.c.id == bindparam("list")))
"""For `run_lock`: locks the tenant of `list`."""

OPEN_LIST = with_tenant_lock(
    select(_LISTS.c.state, _LISTS.c.scans, *SCANNED_COLUMNS)
    .join_from(_LISTS, _TENANTS, _TENANTS.c.id == _LISTS.c.tenant_id)
    .outerjoin(_NUMBERS, and_(_NUMBERS.c.tenant_id == _LISTS.c.tenant_id, SCANNED_NUMBER))
    .outerjoin(_ARTICLES, SCANNED_ARTICLE)
    .where(_LISTS.c.id == bindparam("list")),
    PickList,
)
"""Locks `list` and its tenant; returns its state, last scan, and each article that `loose` may stand for."""

NEXT_ITEMS = _next_items()
"""The next open items of `article` on `list`, at most `most`, in walking order, with their allocations.

Each row also has: whether its order must stop (`stops`), whether an order of the list is noted (`is_noted`),
the units of the article that the list asks for and has, and the number of open items of the list, at most
`most` + 1.
"""

NEXT_ITEMS_WITHOUT = _next_items(_ITEMS.c.order_id.not_in(bindparam("stops", expanding=True)))
"""The same without the orders `stops`."""

ALLOCATED = _with_allocations(select().select_from(LINES))
"""The allocations of order lines; the caller restricts it by `LINES`."""

COUNT_UNITS = (
    update(_ALLOCATIONS)
    .where(_ALLOCATIONS.c.order_line_id == bindparam("line"), _ALLOCATIONS.c.level_id == bindparam("level"))
    .values(picked=_ALLOCATIONS.c.picked + bindparam("units")),
    update(LINES).where(LINES.c.id == bindparam("line")).values(picked=bindparam("ready")),
    update(_ITEMS)
    .where(_ITEMS.c.id == bindparam("item"))
    .values(picked=_ITEMS.c.picked + bindparam("units")),
)
"""Counts units of an item, with the parameters of `pick_items.counts_of`."""

COUNT_SCAN = (
    *COUNT_UNITS,
    update(_LISTS).where(_LISTS.c.id == bindparam("list")).values(scans=bindparam("scan")),
    insert(_SCANS).values(
        pick_list_id=bindparam("list"),
        number=bindparam("scan"),
        pick_item_id=bindparam("item"),
        quantity=bindparam("units"),
    ),
)
"""Counts units of an item as scan number `scan` of `list`."""

_OTHERS = _ITEMS.alias()
LIST_SUMS = select(
    func.sum(_ITEMS.c.quantity),
    func.sum(_ITEMS.c.picked),
    select(
        exists().where(_OTHERS.c.pick_list_id == bindparam("list"), _OTHERS.c.picked < _OTHERS.c.quantity)
    ).scalar_subquery(),
).where(_OF_ARTICLE)
"""Units of `article` that `list` asks for and has, and whether any item of the list is open."""
