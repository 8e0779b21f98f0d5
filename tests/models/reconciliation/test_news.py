"""Which differences are only news on their way, from plain values."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models.orders.records import ComponentData
from models.reconciliation.news import OrderNews, StockNews, Unread, confirm, listings_of
from models.reconciliation.records import OUTBOUND_FOR, DifferenceData, DifferenceKind, Remedy
from models.sync.outbound import ORDER_UPDATES
from models.sync.records import OutboundKind, RejectedData
from tests.support.builders import make_line, make_order

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
"""Where this day begins, by German time."""
ORDER_KINDS = [kind for kind in DifferenceKind if kind is not DifferenceKind.stock]


def finding(kind: DifferenceKind = DifferenceKind.order_differs, **fields: str) -> DifferenceData:
    values = {"subject": "7", "field": "", "here": "7", "there": "9", **fields}
    return DifferenceData(kind, remedy=Remedy.read, **values)


def order_news(**fields: Any) -> OrderNews:
    values: dict[str, Any] = {
        "unread": Unread(),
        "lines": {"7": {"a", "b"}},
        "unpublished": {kind: set() for kind in ORDER_UPDATES},
        "paid_by": {},
        "paid_until": None,
    }
    return OrderNews(**{**values, **fields})


def stock_news(**fields: Any) -> StockNews:
    values: dict[str, Any] = {
        "unread": Unread(),
        "unpublished": set(),
        "articles": {"7": {1, 2}},
        "unallocated": set(),
    }
    return StockNews(**{**values, **fields})


def test_what_nothing_explains_is_real() -> None:
    """Of every kind."""
    for kind in ORDER_KINDS:
        assert not order_news().explains(finding(kind))
    assert not stock_news().explains(finding(DifferenceKind.stock))


@pytest.mark.parametrize(
    "news",
    [
        order_news(unread=Unread(numbers={"7"})),
        # Its line stands in another order there by now.
        order_news(unread=Unread(lines={"b"})),
    ],
)
def test_an_order_that_was_not_read_yet(news: OrderNews) -> None:
    """Whatever differs in it."""
    assert all(news.explains(finding(kind)) for kind in ORDER_KINDS)


@pytest.mark.parametrize("kind", ORDER_UPDATES)
def test_an_order_with_something_to_publish(kind: OutboundKind) -> None:
    """It explains the difference of its own kind, and no other."""
    news = order_news(unpublished={**{each: set() for each in ORDER_UPDATES}, kind: {"7"}})

    explained = {each for each in ORDER_KINDS if news.explains(finding(each))}
    assert {OUTBOUND_FOR[each] for each in explained} == {kind}


@pytest.mark.parametrize(
    ("paid_at", "paid_on", "paid_until", "is_news"),
    [
        (None, None, NOON, False),
        (NOON, None, None, False),
        (NOON, None, NOON, True),
        (NOON - timedelta(seconds=1), None, NOON, False),
        # A day without time counts until it is over.
        (MIDNIGHT, DAY, NOON, True),
        (MIDNIGHT, DAY, NOON + timedelta(days=1), False),
        (MIDNIGHT, DAY, MIDNIGHT + timedelta(days=1), False),
    ],
)
def test_a_payment_that_was_not_read_yet(
    paid_at: datetime | None, paid_on: date | None, paid_until: datetime | None, is_news: bool
) -> None:
    """It explains a difference in payment, and no other."""
    reported = make_order("7", make_line("a"), paid_at=paid_at, paid_on=paid_on)
    news = order_news(paid_by={"7": reported.paid_by}, paid_until=paid_until)

    assert news.explains(finding(DifferenceKind.payment)) is is_news
    assert not news.explains(finding(DifferenceKind.shipment))


@pytest.mark.parametrize(
    ("news", "there", "is_news"),
    [
        (stock_news(unpublished={"7"}), "9", True),
        (stock_news(unread=Unread(listings={"7"})), "9", True),
        # Sold by another listing, or in a bundle.
        (stock_news(unread=Unread(articles={2})), "9", True),
        (stock_news(unread=Unread(articles={3})), "9", False),
        (stock_news(unallocated={"7"}), "5", True),
        (stock_news(unallocated={"7"}), "9", False),
    ],
)
def test_stock_that_moves(news: StockNews, there: str, is_news: bool) -> None:
    """What was sold there and allocates nothing here yet explains a lower quantity alone."""
    assert news.explains(finding(DifferenceKind.stock, there=there)) is is_news


def test_only_what_two_looks_see_counts() -> None:
    """Real or on its way; what the second look sees otherwise is neither."""
    real, moves = finding(subject="1"), finding(subject="7")
    gone, other = finding(subject="3"), finding(subject="4", there="5")
    news = order_news(unread=Unread(numbers={"7"}))

    assert confirm([real, moves, gone, finding(subject="4")], [real, moves, other], news) == ([real], [moves])


def test_a_page_is_added_whole() -> None:
    """Orders, records that could not be used, lines, listings and those of components, articles."""
    part = ComponentData(external_id="P", quantity=1)
    orders = [
        make_order("1", make_line("a", listing_id="L")),
        make_order("2", make_line("b", components=[part])),
    ]
    unread = Unread()
    unread.add(orders, [RejectedData(kind="order", external_id="3", reason="?")], {9})

    assert unread == Unread({"1", "2", "3"}, {"a", "b"}, {"L", "P"}, {9})
    assert listings_of(line for order in orders for line in order.lines) == {"L", "P"}
