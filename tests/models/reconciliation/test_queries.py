"""What reconciliation reads of our side."""

from datetime import timedelta
from decimal import Decimal

from sqlmodel import Session, col, update

from models.clock import utc_now
from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.shipments import ParcelData
from models.intake.merges import owners_of_lines
from models.orders.history import Actor
from models.orders.holds import Hold, HoldReason
from models.orders.match_rules import DEFAULT_RULES
from models.orders.order import OrderState
from models.orders.records import ComponentData
from models.payments.payment import record_payment
from models.reconciliation.news import Unread
from models.reconciliation.queries import (
    articles_of_lines,
    list_listings_after,
    list_recent_orders,
    listings_by_number,
    read_order_news,
    read_orders,
    read_stock_news,
    with_merged_into,
)
from models.sync.outbound import Outbound, OutboundState, queue_outbound
from models.sync.records import OutboundKind
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    settle_outbound,
    take_in,
)


def sell(session: Session, *numbers: str) -> Shop:
    """Take in orders of one mug each, with a line named after the order."""
    shop = make_shop(session)
    add_article(session, shop, "MUG", on_hand=99, listed=True)
    take_in(session, shop, *(make_order(number, make_line(f"l{number}", "MUG")) for number in numbers))
    return shop


def merge(session: Session, number: str, into: str) -> None:
    order = get_order(session, number)
    order.state, order.merged_into_id = OrderState.merged, get_order(session, into).id
    session.add(order)
    session.flush()


def test_an_order_comes_with_what_is_compared_of_it(database: str) -> None:
    """Lines, payments, and its holds over changes, ended ones included; test orders stay apart."""
    with session_scope() as session:
        shop = sell(session, "1", "2")
        order = get_order(session, "1")
        record_payment(session, shop.account, order, Decimal(5), PLACED_AT)
        for reason in (HoldReason.changed_after_release, HoldReason.total_mismatch):
            hold_order(session, order, reason, {})
        session.execute(update(Hold).values(released_at=utc_now()))
        take_in(session, shop, make_order("T", make_line("t")), trial=True)

        ours = read_orders(session, shop.account.id, {}, ["1", "2", "T", "4711"], {}, trial=False)

        assert ours.keys() == {"1", "2"}
        assert [line.external_id for line in ours["1"].lines] == ["l1"]
        assert [hold.reason for hold in ours["1"].holds] == [HoldReason.changed_after_release]
        assert [row.amount for row in ours["1"].payments] == [Decimal(5)]
        assert (ours["2"].holds, ours["2"].payments) == ((), ())
        trials = read_orders(session, shop.account.id, {}, ["1", "T"], {}, trial=True)
        assert trials.keys() == {"T"}


def test_a_merged_order_is_old_news_while_its_lines_stand_elsewhere(database: str) -> None:
    """Once the order that has them is reported without them, they were separated again."""
    with session_scope() as session:
        shop = sell(session, "1", "2")
        merge(session, "1", "2")
        both = make_order("2", make_line("l2", "MUG"), make_line("l1", "MUG"))
        take_in(session, shop, both)
        old, alone = make_order("1", make_line("l1", "MUG")), make_order("2", make_line("l2", "MUG"))

        def is_old_news(*page: str) -> bool:
            records = {"1": old, "2": alone if "2" in page else both}
            reported = {number: records[number] for number in ("1", *page)}
            owners = owners_of_lines(session, shop.account.id, reported.values(), trial=False)
            ours = read_orders(session, shop.account.id, reported, [], owners, trial=False)
            return ours["1"].is_outdated

        assert is_old_news()
        assert not is_old_news("2")


def test_orders_that_something_happened_to(database: str) -> None:
    """Changed, paid, shipped here, or cancelled and published; page by page."""
    with session_scope() as session:
        shop = sell(session, *"12345")
        cancel_order(session, get_order(session, "4"), actor=Actor.person)
        cancel_order(session, get_order(session, "5"), actor=Actor.person)
        since = utc_now() + timedelta(hours=1)
        later = since + timedelta(minutes=1)
        assert list_recent_orders(session, shop.account.id, since, 0, 9, trial=False) == []
        record_payment(
            session, shop.account, get_order(session, "1"), Decimal(5), PLACED_AT
        ).recorded_at = later
        record_shipment(
            session, get_order(session, "2"), "DHL", [ParcelData()], PLACED_AT
        ).recorded_at = later
        key = str(get_order(session, "4").id)
        session.execute(update(Outbound).where(col(Outbound.key) == key).values(sent_at=later))
        session.flush()

        rows = list_recent_orders(session, shop.account.id, since, 0, 9, trial=False)
        assert [number for _, number in rows] == ["1", "2", "4"]
        rest = list_recent_orders(session, shop.account.id, since, rows[0][0], 1, trial=False)
        assert [number for _, number in rest] == ["2"]


def test_the_order_that_has_the_lines_is_asked_for_too(database: str) -> None:
    """With a merged order comes the one it was merged into, once."""
    with session_scope() as session:
        shop = sell(session, *"123")
        merge(session, "1", "3")
        merge(session, "2", "3")

        assert with_merged_into(session, shop.account.id, ["2", "1"], trial=False) == ["2", "1", "3"]


def test_what_is_on_its_way_of_orders(database: str) -> None:
    """Their lines, and what waits to be published or is parked."""
    with session_scope() as session:
        shop = sell(session, *"12")
        for number in "12":
            record_shipment(session, get_order(session, number), "DHL", [ParcelData()], PLACED_AT)
        first = str(get_order(session, "1").id)
        session.execute(update(Outbound).where(col(Outbound.key) == first).values(state=OutboundState.parked))
        session.execute(update(Outbound).where(col(Outbound.key) != first).values(state=OutboundState.sent))

        news = read_order_news(session, shop.account.id, ["1", "2"], Unread(), {}, None, trial=False)

        assert news.lines == {"1": {"l1"}, "2": {"l2"}}
        assert news.unpublished == {
            OutboundKind.payment: set(),
            OutboundKind.shipment: {"1"},
            OutboundKind.cancellation: set(),
        }


def test_what_is_on_its_way_of_stock(database: str) -> None:
    """What waits, what bundles contain, and what was sold in lines that have no article yet."""
    with session_scope() as session:
        shop = sell(session)
        part = add_article(session, shop, "CUP", listed=True)
        whole = add_article(session, shop, "SET", parts={part: 2}, listed=True)
        take_in(session, shop, make_order("1", make_line("a", "NIX", listing_id="L-NIX")))
        waiting = listings_by_number(session, shop.account.id, ["L-SET"])[0]
        settle_outbound(session)
        queue_outbound(session, shop.account.id, OutboundKind.stock, [waiting.row_id])

        news = read_stock_news(session, shop.account.id, ["L-CUP", "L-SET"], Unread(), {"L-MUG"})

        assert news.unpublished == {"L-SET"}
        assert news.articles == {"L-CUP": {part}, "L-SET": {whole, part}}
        assert news.unallocated == {"L-MUG", "L-NIX"}


def test_listings_come_page_by_page(database: str) -> None:
    """Those whose article is known, by id."""
    with session_scope() as session:
        shop = sell(session)
        add_article(session, shop, "CUP", listed=True)

        first = list_listings_after(session, shop.account.id, 0, 1)
        rest = list_listings_after(session, shop.account.id, first[0].row_id, 9)

        assert [row.external_id for row in (*first, *rest)] == ["L-MUG", "L-CUP"]


def test_the_articles_that_lines_stand_for(database: str) -> None:
    """And the parts of bundles."""
    with session_scope() as session:
        shop = sell(session)
        part = add_article(session, shop, "CUP")
        whole = add_article(session, shop, "SET", parts={part: 2})
        lines = [make_line("a", "SET", components=[ComponentData(external_id="x")]), make_line("b", "NIX")]

        assert articles_of_lines(session, shop.account, DEFAULT_RULES, lines) == {part, whole}
