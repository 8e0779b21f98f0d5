"""An order that is split keeps its number: what is kept back stays promised, and leaves when it is let go."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models.clock import today, utc_now
from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.fulfilment.consolidation import consolidate_orders, suggest_consolidations
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData, shipments_of
from models.fulfilment.splitting import list_due_splits, release_due, split_order, unsplit_order
from models.order_desk.edits import find_line, set_address, set_quantity, set_shipping_method
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Order, OrderLine
from models.papers.parcel_papers import address_label, packing_slip
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.tenants.account import Account, account_data
from models.tenants.methods import save_shipping_method
from models.tenants.records import Side
from models.warehouse.ledger import set_on_hand
from models.warehouse.missing_goods import report_short
from models.warehouse.pick_lists import PickMode
from models.warehouse.pick_sheets import read_sheet
from models.warehouse.picking import close_list, list_waiting, start_next_list
from models.warehouse.scanning import scan
from tests.support.builders import (
    BILLING,
    PLACED_AT,
    Shop,
    add_article,
    add_warehouse,
    check_laws,
    details_in,
    events_in,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    stock_in,
    take_in,
)


def sell(session: Session, mugs: int = 3, on_hand: int = 10, **settings: Any) -> Shop:
    """Order 1 of three mugs and two cups, all promised."""
    shop = make_shop(session, **settings)
    mug = add_article(session, shop, "MUG", on_hand=on_hand)
    cup = add_article(session, shop, "CUP", on_hand=10)
    add_article(session, shop, "SET", parts={mug: 1, cup: 2})
    take_in(session, shop, make_order("1", make_line("a", "MUG", mugs), make_line("b", "CUP", 2)))
    return shop


def split(session: Session, until: date | None = None, *, order: str = "1", **units: int) -> None:
    """Keep units of lines back, by their external ids."""
    row = get_order(session, order)
    split_order(session, row, {line_id(session, name, order): n for name, n in units.items()}, until)


def line_id(session: Session, name: str, order: str = "1") -> int:
    return find_line(session, get_order(session, order), name).row_id


def kept(session: Session) -> dict[str, int]:
    session.flush()
    session.expire_all()
    rows = session.exec(select(OrderLine).where(col(OrderLine.kept_back) > 0).order_by(col(OrderLine.id)))
    return {line.external_id: line.kept_back for line in rows}


def ship(session: Session, order: str = "1", **units: int) -> Order:
    """Send units of lines, or all that goes."""
    row = get_order(session, order)
    content = {line_id(session, name, order): count for name, count in units.items()}
    record_shipment(session, row, "DHL", [ParcelData(tracking_number="T", lines=content)], PLACED_AT)
    return row


def slip(session: Session, order: str = "1") -> list[tuple[str, int, int]]:
    return [
        (goods.number, goods.quantity, goods.later)
        for goods in packing_slip(session, get_order(session, order)).goods
    ]


def asked(session: Session, number: int) -> dict[str, int]:
    """Return what a pick list asks for, by SKU."""
    return {stop.sku: stop.quantity for stop in read_sheet(session, number).stops if stop.quantity}


def test_the_first_part_leaves_and_the_rest_stays_promised(database: str) -> None:
    """Pick list, slip and parcel have what goes; the rest is nobody else's, and goes once it is let go."""
    with session_scope() as session:
        shop = sell(session, on_hand=3)
        release_order(session, get_order(session, "1"))
        split(session, a=2, b=2)
        split(session, a=2, b=2)
        take_in(session, shop, make_order("2", make_line("c", "MUG", 1)))

        assert details_in(session, "1", "split") == [{"kept_back": {"a": 2, "b": 2}}]
        assert holds_in(session, "2") == [("stock_short", "c", {"missing": 1, "quantity": 1})]
        walk = start_next_list(session, shop.tenant_id, PickMode.boxes, 9).row_id
        assert asked(session, walk) == {"MUG": 1}
        scan(session, walk, "MUG")
        done = close_list(session, walk)
        assert (done.ready, done.partly) == (["1"], [])
        assert slip(session) == [("MUG", 1, 2), ("CUP", 0, 2)]
        assert list_waiting(session, shop.tenant_id, 9) == []

        order = ship(session)
        assert (order.state, lines_in(session, "1")) == ("released", {"a": (3, 2, 1, 0), "b": (2, 2, 0, 0)})
        assert events_in(session, "1")[-1] == ("person", "partly_shipped")
        with pytest.raises(RuleError, match="All remaining units of order 1 are held back") as refused:
            ship(session)
        assert refused.value.advice == (Advice(Action.order_unsplit, "1"),)
        assert list_waiting(session, shop.tenant_id, 9) == []
        check_laws(session)

        unsplit_order(session, order)
        assert details_in(session, "1", "unsplit") == [{"let_go": {"a": 2, "b": 2}}]
        assert list_waiting(session, shop.tenant_id, 9) == [order.id]
        assert slip(session) == [("MUG", 2, 0), ("CUP", 2, 0)]
        assert ship(session).state == "shipped"
        assert stock_in(session) == {"CUP": (8, 0), "MUG": (0, 0)}
        told = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.shipment)).all()
        assert [row.key for row in told] == [str(order.id)]
        check_laws(session)


def test_what_is_named_beyond_what_goes_is_refused(sqlite_database: str) -> None:
    """A parcel by lines may have less than what goes, never what is kept back."""
    with session_scope() as session:
        sell(session)
        split(session, a=2)
        with pytest.raises(
            RuleError, match="2 units cannot be shipped, 1 are left and 2 held back"
        ) as refused:
            ship(session, a=2)
        assert refused.value.advice == (Advice(Action.order_unsplit, "1"),)
        ship(session, a=1)
        with pytest.raises(RuleError, match="1 units cannot be shipped, 0 are left and 2 held back"):
            ship(session, a=1)

        assert lines_in(session, "1")["a"] == (3, 2, 1, 0)
        assert ship(session).state == "open"
        assert (lines_in(session, "1")["b"], kept(session)) == ((2, 0, 2, 0), {"a": 2})


def test_what_is_short_among_what_is_kept_holds_nothing_back(database: str) -> None:
    """Units that are there serve what goes first; the hold stands until the rest has come."""
    with session_scope() as session:
        shop = sell(session, mugs=5, on_hand=3)
        order = get_order(session, "1")
        with pytest.raises(RuleError, match="stock_short"):
            release_order(session, order)
        split(session, a=1)
        with pytest.raises(RuleError, match="stock_short"):
            release_order(session, order)
        split(session, a=2)
        release_order(session, order)

        assert holds_in(session, "1") == [("stock_short", "a", {"missing": 2, "quantity": 5})]
        assert slip(session) == [("MUG", 3, 2), ("CUP", 2, 0)]
        ship(session)
        unsplit_order(session, order)
        with pytest.raises(RuleError, match="stock_short"):
            ship(session)
        mug = find_line(session, order, "a").article_id or 0
        set_on_hand(session, shop.warehouse_id, {mug: 2})
        assert (holds_in(session, "1"), ship(session).state) == ([], "shipped")
        check_laws(session)


def test_all_may_be_kept_back_and_then_nothing_goes(sqlite_database: str) -> None:
    """Such an order is not released, by hand or by a cycle, until something of it may go."""
    with session_scope() as session:
        sell(session)
        split(session, a=3, b=2)
        with pytest.raises(RuleError, match="All remaining units of order 1 are held back") as refused:
            release_order(session, get_order(session, "1"))
        assert refused.value.advice == (Advice(Action.order_unsplit, "1"),)
        with pytest.raises(RuleError, match="kept_back"):
            packing_slip(session, get_order(session, "1"))
        split(session, b=0)
        release_order(session, get_order(session, "1"))
        assert kept(session) == {"a": 3}


def test_an_open_list_is_told_and_what_lies_ready_beyond_goes_back(database: str) -> None:
    """The list asks for what goes alone; a set that lies ready goes back with its parts."""
    with session_scope() as session:
        shop = sell(session)
        take_in(session, shop, make_order("2", make_line("s", "SET", 3)))
        for number in ("1", "2"):
            release_order(session, get_order(session, number))
        walk = start_next_list(session, shop.tenant_id, PickMode.boxes, 9).row_id
        scan(session, walk, "MUG", 5)
        scan(session, walk, "CUP", 4)
        split(session, a=1)
        split(session, order="2", s=2)

        assert asked(session, walk) == {"CUP": 4, "MUG": 3}
        back = {(each.sku, each.order): each.quantity for each in close_list_unfinished(session, walk)}
        assert back == {("MUG", "1"): 1, ("MUG", "2"): 1}
        assert details_in(session, "1", "split") == [{"kept_back": {"a": 1}, "put_back": {"a": 1}}]
        check_laws(session)


def close_list_unfinished(session: Session, number: int) -> Any:
    check_laws(session)
    return close_list(session, number, unfinished=True).put_back


def test_units_that_are_missing_are_taken_where_the_kept_ones_lie(database: str) -> None:
    """Of one warehouse too little is there: what the other has, though promised to what is kept, goes."""
    with session_scope() as session:
        shop = sell(session, on_hand=1)
        far = add_warehouse(session, shop, "far", 3)
        mug = find_line(session, get_order(session, "1"), "a").article_id or 0
        set_on_hand(session, far, {mug: 2})
        release_order(session, get_order(session, "1"))
        split(session, a=2, b=2)
        walk = start_next_list(session, shop.tenant_id, PickMode.single, 1).row_id
        done = report_short(session, walk, "MUG")

        assert (done.elsewhere, done.short, asked(session, walk)) == (1, ["1"], {"MUG": 1})
        scan(session, walk, "MUG")
        assert close_list(session, walk).ready == ["1"]
        assert ship(session).state == "released"
        check_laws(session)


def test_a_day_lets_them_go(database: str) -> None:
    """On the day the cycle lets go what was kept until then, of each line by itself."""
    with session_scope() as session:
        shop = sell(session, release="automatic")
        tomorrow = today() + timedelta(days=1)
        split(session, tomorrow, a=1)
        split(session, tomorrow + timedelta(days=1), b=1)
        account_id = shop.account.id
        assert list_due_splits(session, account_id, 9) == []
        find_line(session, get_order(session, "1"), "a").kept_until = today()
        due = list_due_splits(session, account_id, 9)
        release_due(session, due)

        assert due == [get_order(session, "1").id]
        assert kept(session) == {"b": 1}
        assert events_in(session, "1")[-1] == ("cycle", "unsplit")
        assert list_due_splits(session, account_id, 9) == []
        check_laws(session)


def _cancel(session: Session) -> None:
    cancel_order(session, get_order(session, "1"), actor=Actor.person)


def _fewer(session: Session) -> None:
    order = get_order(session, "1")
    set_quantity(session, order, find_line(session, order, "a"), 1, actor=Actor.person)


def _told(*lines: Any, **fields: Any) -> Callable[[Session], None]:
    def step(session: Session) -> None:
        account = session.exec(select(Account)).one()
        shop = Shop(account.tenant_id, account_data(account), 1)
        take_in(session, shop, make_order("1", *lines, **fields))

    return step


@pytest.mark.parametrize(
    ("step", "left"),
    [
        (_cancel, {}),
        (_fewer, {"a": 1, "b": 1}),
        (_told(make_line("a", "MUG", 1), make_line("b", "CUP", 2)), {"a": 1, "b": 1}),
        (_told(make_line("b", "CUP", 2)), {"b": 1}),
        (_told(make_line("a", "MUG", 3), make_line("b", "CUP", 2), cancelled=True), {}),
        (_told(make_line("a", "MUG", 3), make_line("b", "CUP", 2), shipped_at=PLACED_AT), {}),
    ],
)
def test_what_is_cancelled_or_gone_is_kept_no_more(
    database: str, step: Callable[[Session], None], left: dict[str, int]
) -> None:
    """Whoever takes units away: no more is kept back than is left."""
    with session_scope() as session:
        sell(session)
        split(session, a=2, b=1)
        step(session)

        assert kept(session) == left
        check_laws(session)


def test_a_line_that_moves_to_another_order_stays_kept_back(database: str) -> None:
    """The channel merged the order into another one."""
    with session_scope() as session:
        shop = sell(session)
        split(session, a=2)
        line = [make_line("a", "MUG", 3), make_line("b", "CUP", 2), make_line("c", "MUG", 1)]
        take_in(session, shop, make_order("9", *line))

        assert (get_order(session, "1").state, kept(session)) == ("merged", {"a": 2})
        assert ship(session, "9").state == "open"
        check_laws(session)


def test_what_the_channel_says_has_left_is_gone(sqlite_database: str) -> None:
    """Also what was kept back here."""
    with session_scope() as session:
        sell(session)
        order = get_order(session, "1")
        release_order(session, order)
        split(session, a=2)
        record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT, told_by=Side.channel)

        assert (order.state, kept(session)) == ("shipped", {})
        check_laws(session)


def test_the_rest_may_go_elsewhere_in_another_way(database: str) -> None:
    """Address and method are mended for what is left; papers of the first part stay as they were."""
    with session_scope() as session:
        shop = sell(session)
        for name in ("Paket", "Brief"):
            save_shipping_method(session, shop.tenant_id, name, {"carrier": "DHL"})
        order = get_order(session, "1")
        set_shipping_method(session, order, "Paket")
        release_order(session, order)
        split(session, a=2)
        ship(session)
        set_address(session, order, AddressRole.shipping, {"street": "Weg 1", "city": "Halle"})
        set_address(session, order, AddressRole.shipping, {"street": "Weg 2"})
        set_shipping_method(session, order, "Brief")
        unsplit_order(session, order)

        (first, _), *_ = shipments_of(session, order.row_id)
        before, now = packing_slip(session, order, first), packing_slip(session, order)
        assert BILLING.street in before.to.lines
        assert (before.shipping_method, now.shipping_method) == ("Paket", "Brief")
        assert [line for line in now.to.lines if "Weg" in line] == ["Weg 2"]
        assert "Weg 2" in address_label(session, order).to.lines
        assert ship(session).state == "shipped"


@pytest.mark.parametrize(
    ("spoil", "units", "until", "said"),
    [
        (_cancel, {"a": 1}, None, "Order 1 is cancelled and cannot be split"),
        (lambda session: ship(session), {"a": 1}, None, "Order 1 is shipped and cannot be split"),
        (lambda session: None, {"a": 4}, None, "4 units cannot be held back, 3 remain"),
        (lambda session: None, {"a": 1}, date(2020, 1, 1), "2020-01-01 is not in the future"),
        (lambda session: None, {"a": 1}, date(2999, 1, 1), "are released by hand"),
    ],
)
def test_a_split_that_is_refused_changes_nothing(
    sqlite_database: str,
    spoil: Callable[[Session], Any],
    units: dict[str, int],
    until: date | None,
    said: str,
) -> None:
    """The reason is told."""
    with session_scope() as session:
        sell(session)
        spoil(session)
        with pytest.raises(RuleError, match=said):
            split(session, until, order="1", **units)
        with pytest.raises(RuleError, match="Order 1 has no units that are held back"):
            unsplit_order(session, get_order(session, "1"))
        assert (kept(session), details_in(session, "1", "split")) == ({}, [])


def test_orders_that_go_together_are_not_split_and_split_ones_not_joined(sqlite_database: str) -> None:
    """Together they leave whole."""
    with session_scope() as session:
        shop = sell(session)
        take_in(session, shop, make_order("2", make_line("c", "MUG", 1)))
        first, second = get_order(session, "1"), get_order(session, "2")
        assert len(suggest_consolidations(session, shop.tenant_id)) == 1
        split(session, a=1)
        assert suggest_consolidations(session, shop.tenant_id) == []
        with pytest.raises(RuleError, match="Order 1 is split, and consolidated orders ship whole"):
            consolidate_orders(session, [first, second])
        unsplit_order(session, first)
        consolidate_orders(session, [first, second])
        with pytest.raises(RuleError, match="Order 1 is consolidated") as refused:
            split(session, a=1)
        assert refused.value.advice == (Advice(Action.order_separate, "1"),)
        take_in(session, shop, make_order("3", make_line("d", "MUG", 2)))
        split(session, order="3", d=1)
        take_in(session, shop, make_order("2", make_line("c", "MUG", 1), make_line("d", "MUG", 2)))
        assert kept(session) == {}


def test_a_hold_stops_the_part_that_goes(sqlite_database: str) -> None:
    """Being split frees an order from nothing else."""
    with session_scope() as session:
        sell(session)
        split(session, a=1)
        hold_order(session, get_order(session, "1"), HoldReason.suspected_duplicate, {"of": "0"})
        with pytest.raises(RuleError, match="suspected_duplicate"):
            ship(session)


def test_the_database_itself_keeps_the_count(database: str) -> None:
    """No more can be kept back than is left."""
    with session_scope() as session:
        sell(session)
    for units in (-1, 4):
        with pytest.raises(IntegrityError), session_scope() as session:
            find_line(session, get_order(session, "1"), "a").kept_back = units


def test_money_of_a_split_order_is_one(sqlite_database: str) -> None:
    """Total, and what is owed, do not change by it."""
    with session_scope() as session:
        sell(session)
        order = get_order(session, "1")
        before = (order.total, order.paid_amount, order.credited_amount, order.payment_state)
        split(session, a=2, b=1)
        ship(session)

        assert (order.total, order.paid_amount, order.credited_amount, order.payment_state) == before
        assert order.credited_amount == Decimal(0)
        assert order.shipped_at is None
        assert utc_now() > PLACED_AT
