"""The cycle `reconcile`: it finds what was tampered with on either side, and nothing after honest work."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import typer
from sqlmodel import Session, col, select

from connectors.afterbuy.simulator import Fault
from connectors.afterbuy.simulator import Order as TheirOrder
from connectors.afterbuy.stock import AfterbuyStock
from console.cli.reconcile import mend
from models.catalog.listing import LimitScope, StockLimit
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData
from models.mails.outbox import Mail
from models.orders.history import Actor
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import find_order
from models.payments.payment import record_payment
from models.reconciliation.differences import list_differences
from models.reconciliation.records import DifferenceKind, Remedy
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle, OutboundKind
from models.tenants.account import account_data, get_account
from models.tenants.records import Mode, Side
from models.warehouse.sellable import queue_account_listings
from tests.flows.conftest import Shop
from tests.support.steps import add_mug, artifacts, last_counts, prepare, set_stock, sync

RECONCILE = Cycle.reconcile
PAID_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LEFT_AT = datetime(2026, 11, 20, 15, 4, 5, tzinfo=UTC)


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop in step: three orders, one paid and one shipped from here, and everything told."""
    return make_busy(shop)


@pytest.fixture
def sqlite_busy(sqlite_shop: Shop) -> Shop:
    """`busy` where the kind of database does not matter."""
    return make_busy(sqlite_shop)


def make_busy(shop: Shop, **settings: Any) -> Shop:
    """Work honestly until nothing is left to do; the last window's overlap is none, or all would be news."""
    shop.configure(payments="warenfluss", overlap_minutes=0, **settings)
    set_clock(shop, -120)
    mug, plate = add_mug(shop, 10), add_mug(shop, 20, "TELLER")
    prepare(shop, Cycle.article_import)
    orders = [shop.channel.place_order([(mug.id, 1), (plate.id, 2)]) for _ in range(3)]
    prepare(shop, Cycle.order_import)
    pay(shop, orders[0], "12.30")
    ship(shop, orders[1], "P1")
    tell(shop)
    set_clock(shop, -60)
    # What happened before this was read, and is no news any more; all that is to come is.
    prepare(shop, Cycle.order_import, Cycle.stock_export)
    set_clock(shop, 0)
    return shop


def set_clock(shop: Shop, minutes: int) -> None:
    """Let the channel's clock be ahead of ours, or behind."""
    shop.channel.now = lambda: utc_now().replace(microsecond=0) + timedelta(minutes=minutes)


def tell(shop: Shop) -> None:
    """Let the channel hear everything, and read what came of it."""
    prepare(shop, Cycle.payment_sync, Cycle.shipping_sync, Cycle.order_import, Cycle.stock_export)


def theirs(shop: Shop, index: int) -> TheirOrder:
    """Return one of the orders at the channel, by age."""
    return sorted(shop.channel.orders.values(), key=lambda order: order.key)[index]


def pay(shop: Shop, order: TheirOrder, amount: str) -> None:
    """Record money here."""
    with session_scope() as session:
        account = account_data(get_account(session, shop.name))
        row = find_order(session, str(order.order_id))
        record_payment(session, account, row, Decimal(amount), PAID_AT)


def ship(shop: Shop, order: TheirOrder, tracking: str) -> None:
    """Book an order out of the house."""
    with session_scope() as session:
        row = find_order(session, str(order.order_id))
        record_shipment(session, row, "DHL", [ParcelData(tracking_number=tracking)], LEFT_AT)


def tamper(shop: Shop, change: Callable[[Session, Order], None], index: int = 2) -> None:
    """Change an order here behind everybody's back."""
    with session_scope() as session:
        row = find_order(session, str(theirs(shop, index).order_id))
        change(session, row)
        session.add(row)


def found(shop: Shop) -> list[tuple[str, str, str, str]]:
    """Return the open differences as (kind, field, here, there)."""
    with read_scope() as session:
        rows = list_differences(session, get_account(session, shop.name).id)
        return sorted((str(row.kind), row.field, row.here, row.there) for row in rows)


def mend_all(shop: Shop) -> None:
    """Ask for every remedy, carry it over, and look again."""
    mend(ids=None, everything=True, account=shop.name)
    tell(shop)
    set_clock(shop, 60)
    prepare(shop, Cycle.order_import, Cycle.stock_export)
    sync(RECONCILE, shop)


def mails() -> list[Mail]:
    """Return the mails about differences."""
    with read_scope() as session:
        return [
            row
            for row in session.exec(select(Mail).order_by(col(Mail.id)))
            if row.key.startswith("reconcile")
        ]


# What an honest life leaves behind.


def test_nothing_differs_after_honest_work(busy: Shop) -> None:
    """Three orders of two lines and two listings are compared, and nothing is found or on its way."""
    counts = sync(RECONCILE, busy)

    assert (counts.different, counts.on_the_way, counts.new) == (0, 0, 0)
    assert counts.read == 3 + 3 + 2
    assert found(busy) == []
    assert mails() == []
    assert artifacts(busy, RECONCILE)[f"differences-{busy.name}"] == "[]"


# Each kind of difference: found, mended, gone.

Tampering = Callable[[Shop], None]


def _forget_order(shop: Shop) -> None:
    number = theirs(shop, 2).order_id
    with session_scope() as session:
        order = find_order(session, str(number))
        order.external_id = "410999999"
        order.state = OrderState.cancelled
        session.add(order)
        for line in session.exec(select(OrderLine).where(OrderLine.order_id == order.id)):
            line.external_id = f"x{line.external_id}"
            session.add(line)


def _set_total(shop: Shop) -> None:
    def change(_session: Session, order: Order) -> None:
        order.total = Decimal("99.00")

    tamper(shop, change)


def _set_quantity(shop: Shop) -> None:
    def change(session: Session, order: Order) -> None:
        line = session.exec(select(OrderLine).where(OrderLine.order_id == order.id)).all()[0]
        line.quantity = 7
        session.add(line)

    tamper(shop, change)


def _lose_payment_there(shop: Shop) -> None:
    theirs(shop, 0).already_paid = Decimal(0)


def _pay_unseen(shop: Shop) -> None:
    theirs(shop, 2).already_paid = Decimal("5.00")


def _lose_shipment_there(shop: Shop) -> None:
    theirs(shop, 1).delivery_date = None


def _lose_tracking_there(shop: Shop) -> None:
    theirs(shop, 1).additional_info = ""


def _ship_unseen(shop: Shop) -> None:
    order = theirs(shop, 2)
    order.delivery_date, order.additional_info = LEFT_AT, "X1"


def _spoil_stock_there(shop: Shop) -> None:
    next(iter(shop.channel.products.values())).quantity = 50


def _cancel_unseen(shop: Shop) -> None:
    shop.configure(cancelled_flags="7003")
    for item in theirs(shop, 2).items:
        item.flag = 7003


KINDS: dict[str, tuple[Tampering, list[tuple[str, str, str, str]]]] = {
    "order missing here": (_forget_order, [("order_not_here", "", "", "34.60 EUR")]),
    "total": (_set_total, [("order_differs", "total", "99.00", "34.60")]),
    "payment not there": (_lose_payment_there, [("payment", "paid", "12.30", "0")]),
    "payment not here": (_pay_unseen, [("payment", "paid", "0.00", "5.00")]),
    "shipment not there": (
        _lose_shipment_there,
        [("shipment", "shipped", "2026-11-20, tracking numbers: 1", "not shipped, tracking numbers: 1")],
    ),
    "tracking not there": (
        _lose_tracking_there,
        [("shipment", "shipped", "2026-11-20, tracking numbers: 1", "2026-11-20, tracking numbers: 0")],
    ),
    "shipment not here": (
        _ship_unseen,
        [("shipment", "shipped", "", "2026-11-20, tracking numbers: 1")],
    ),
    "stock": (_spoil_stock_there, [("stock", "quantity", "7", "50")]),
    "cancelled": (_cancel_unseen, [("order_differs", "state", "open", "cancelled")]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_is_found_and_mended(busy: Shop, kind: str) -> None:
    """It is listed with its remedy, the remedy helps, and nothing else is touched."""
    spoil, expected = KINDS[kind]
    spoil(busy)

    writes = len(busy.simulator.writes)
    counts = sync(RECONCILE, busy)

    assert found(busy) == expected
    assert (counts.different, counts.new) == (1, 1)
    assert len(busy.simulator.writes) == writes
    mend_all(busy)
    assert found(busy) == []
    assert last_counts(busy, RECONCILE).different == 0


def test_a_line_that_differs_is_read_again(sqlite_busy: Shop) -> None:
    """A quantity that was changed here behind everybody's back is that of the channel again."""
    _set_quantity(sqlite_busy)

    sync(RECONCILE, sqlite_busy)

    [(kind, field, here, there)] = found(sqlite_busy)
    assert (kind, here, there) == ("order_differs", "7 × 9.90", "1 × 9.90")
    assert field.startswith("line ")
    mend_all(sqlite_busy)
    assert found(sqlite_busy) == []


def test_an_order_that_the_channel_lost_waits_for_a_person(sqlite_busy: Shop) -> None:
    """Nothing is deleted here: mending refuses with what to do, and cancelling settles it."""
    shop = sqlite_busy
    lost = theirs(shop, 2)
    shop.channel._forget(lost)

    sync(RECONCILE, shop)

    assert found(shop) == [("order_not_there", "", "34.60 EUR", "")]
    with read_scope() as session:
        [row] = list_differences(session)
    assert row.remedy is Remedy.decide
    with pytest.raises(typer.Exit):
        mend(ids=[row.id or 0])
    assert shop.order(lost.order_id).state is OrderState.open
    with session_scope() as session:
        cancel_order(session, find_order(session, str(lost.order_id)), actor=Actor.person)
    tell(shop)
    sync(RECONCILE, shop)
    assert found(shop) == []


def test_money_that_the_channel_took_back_is_left_to_a_person(sqlite_busy: Shop) -> None:
    """Less there than the channel itself had told may be a refund: telling the old sum would undo it."""
    shop = sqlite_busy
    shop.channel.pay(theirs(shop, 2).order_id, Decimal("5.00"))
    # What changed in the very second of an import might still be on its way.
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    shop.channel.now = lambda: later
    sync(Cycle.order_import, shop)
    theirs(shop, 2).already_paid = Decimal(0)
    sync(Cycle.order_import, shop)

    sync(RECONCILE, shop)

    with read_scope() as session:
        assert [(row.kind, row.remedy) for row in list_differences(session)] == [
            (DifferenceKind.payment, Remedy.decide)
        ]


# What is known, and who hears of it.


def test_one_mail_tells_of_what_is_new(busy: Shop) -> None:
    """A second run repeats nothing; one more difference is one more mail; what is gone is settled."""
    _spoil_stock_there(busy)
    sync(RECONCILE, busy)
    sync(RECONCILE, busy)
    with read_scope() as session:
        [first] = list_differences(session)

    _lose_payment_there(busy)
    counts = sync(RECONCILE, busy)
    shown = artifacts(busy, RECONCILE)[f"differences-{busy.name}"]
    next(iter(busy.channel.products.values())).quantity = 7
    last = sync(RECONCILE, busy)

    assert (counts.new, counts.different, last.new, last.different) == (1, 2, 0, 1)
    assert [mail.subject for mail in mails()] == [f"[Warenfluss] {busy.name}: eine neue Abweichung"] * 2
    assert f"warenfluss reconcile mend {first.id}" in mails()[0].text
    assert f"warenfluss reconcile mend {first.id}" in shown
    assert "Mühlenberg" not in shown + mails()[1].text
    with read_scope() as session:
        assert [row.id for row in list_differences(session, settled=True)] == [first.id]


def test_what_comes_back_is_news_again(sqlite_busy: Shop) -> None:
    """A settled difference that is found again begins anew."""
    shop = sqlite_busy
    product = next(iter(shop.channel.products.values()))
    for quantity in (50, 7, 50):
        product.quantity = quantity
        sync(RECONCILE, shop)

    with read_scope() as session:
        [row] = list_differences(session)
    assert (len(mails()), row.settled_at) == (2, None)


def test_a_known_difference_outside_of_the_window_is_followed(sqlite_busy: Shop) -> None:
    """It is not taken for settled because nobody looked."""
    shop = sqlite_busy
    _lose_payment_there(shop)
    sync(RECONCILE, shop)

    later = sync(RECONCILE, shop, since=utc_now() + timedelta(hours=1))
    theirs(shop, 0).already_paid = Decimal("12.30")
    gone = sync(RECONCILE, shop, since=utc_now() + timedelta(hours=1))

    assert (later.different, gone.different) == (1, 0)


def test_a_test_run_shows_and_keeps_nothing(sqlite_busy: Shop) -> None:
    """The artifact has the difference; the table and the mailbox have not."""
    shop = sqlite_busy
    _spoil_stock_there(shop)

    counts = sync(RECONCILE, shop, test=True)

    assert counts.different == 1
    assert '"there": "50"' in artifacts(shop, RECONCILE)[f"differences-{shop.name}"]
    assert found(shop) == []
    assert mails() == []


# What is on its way, or meant so.


def _order_news(shop: Shop) -> None:
    shop.channel.place_order([next(iter(shop.channel.products.values()))], paid=True)


def _payment_waits(shop: Shop) -> None:
    pay(shop, theirs(shop, 2), "1.00")


def _shipment_waits(shop: Shop) -> None:
    ship(shop, theirs(shop, 2), "P9")


def _stock_waits(shop: Shop) -> None:
    set_stock(shop, TELLER=9)


def _unfinished_checkout(shop: Shop) -> None:
    shop.channel.place_order([next(iter(shop.channel.products.values()))], process=False)
    tell(shop)


def _merged_there(shop: Shop) -> None:
    shop.channel.merge([theirs(shop, 0).order_id, theirs(shop, 2).order_id])


ON_THE_WAY: dict[str, Callable[[Shop], None]] = {
    "an order sold after the last import": _order_news,
    "a payment that waits": _payment_waits,
    "a shipment that waits": _shipment_waits,
    "stock that waits": _stock_waits,
    "a checkout that is not done": _unfinished_checkout,
    "a merger after the last import": _merged_there,
}


@pytest.mark.parametrize("news", ON_THE_WAY)
def test_what_is_on_its_way_is_no_difference(sqlite_busy: Shop, news: str) -> None:
    """It is counted, and gone once the cycles carried it over, save what waits for the buyer."""
    ON_THE_WAY[news](sqlite_busy)

    before = sync(RECONCILE, sqlite_busy)
    tell(sqlite_busy)
    tell(sqlite_busy)
    set_clock(sqlite_busy, 60)
    sync(Cycle.order_import, sqlite_busy)
    sync(Cycle.stock_export, sqlite_busy)
    after = sync(RECONCILE, sqlite_busy)

    assert (before.different, after.different) == (0, 0)
    assert before.on_the_way > 0
    assert after.on_the_way == (1 if "checkout" in news else 0)
    assert mails() == []


def test_what_changed_within_the_overlap_is_read_once_more_and_no_difference(sqlite_busy: Shop) -> None:
    """A lost order of the last half hour comes with the next import; an older one would be missed."""
    shop = sqlite_busy
    _forget_order(shop)
    theirs(shop, 2).mod_date = utc_now().replace(microsecond=0) - timedelta(minutes=10)
    shop.configure(overlap_minutes=30)

    counts = sync(RECONCILE, shop)

    assert (counts.different, counts.on_the_way) == (0, 1)


def test_rules_of_ours_are_no_difference(sqlite_busy: Shop) -> None:
    """Cancelled here, held over a change after its release, kept back from the channel: meant so."""
    shop = sqlite_busy
    first, second = theirs(shop, 0), theirs(shop, 2)
    with session_scope() as session:
        release_order(session, find_order(session, str(first.order_id)))
        cancel_order(session, find_order(session, str(second.order_id)), actor=Actor.person)
        account_id = get_account(session, shop.name).row_id
        session.add(StockLimit(account_id=account_id, scope=LimitScope.account, buffer=2, maximum=6))
        session.flush()
        queue_account_listings(session, account_id)
    shop.channel.change_quantity(first.order_id, first.items[0].id, 2)
    tell(shop)
    tell(shop)
    set_clock(shop, 5)
    sync(Cycle.order_import, shop)
    sync(Cycle.stock_export, shop)

    counts = sync(RECONCILE, shop)

    assert found(shop) == []
    assert (counts.different, counts.on_the_way) == (0, 0)


def test_history_and_merged_orders_are_no_difference(sqlite_shop: Shop) -> None:
    """What was sold before the account's start is not missed; what was merged is not asked for."""
    shop = sqlite_shop
    shop.configure(start="2026-11-01", overlap_minutes=0)
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    shop.channel.place_order([mug], placed_at=datetime(2026, 10, 1, tzinfo=UTC))
    two = [shop.channel.place_order([mug]) for _ in range(2)]
    sync(Cycle.order_import, shop)
    shop.channel.merge([order.order_id for order in two])
    sync(Cycle.order_import, shop)
    set_clock(shop, 5)
    sync(Cycle.order_import, shop)
    sync(Cycle.stock_export, shop)

    counts = sync(RECONCILE, shop, since=datetime(2026, 1, 1, tzinfo=UTC))

    assert (counts.different, counts.on_the_way) == (0, 0)
    assert counts.read > 2


def test_money_recorded_here_is_not_missed_where_the_channel_handles_payments(sqlite_busy: Shop) -> None:
    """The channel leads: what it told itself is what counts."""
    shop = sqlite_busy
    shop.configure(payments=Side.channel)
    pay(shop, theirs(shop, 2), "3.00")

    counts = sync(RECONCILE, shop)

    assert counts.different == 0


def test_parked_news_is_reported_elsewhere(sqlite_busy: Shop) -> None:
    """What the channel refused waits for a person already."""
    shop = sqlite_busy
    _payment_waits(shop)
    with session_scope() as session:
        row = session.exec(select(Outbound).where(Outbound.state == OutboundState.pending)).one()
        assert row.kind is OutboundKind.payment
        row.state = OutboundState.parked
        session.add(row)

    counts = sync(RECONCILE, shop)

    assert (counts.different, counts.on_the_way) == (0, 1)


def test_an_account_in_test_is_compared_with_its_trials(sqlite_shop: Shop) -> None:
    """Trial orders count as its orders; nothing is told to it, so stock and payments are not compared."""
    shop = sqlite_shop
    shop.configure(overlap_minutes=0)
    shop.set_mode(Mode.test)
    set_clock(shop, -120)
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    for _ in range(2):
        shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    set_clock(shop, 0)
    sync(Cycle.order_import, shop)
    honest = sync(RECONCILE, shop)
    tamper(shop, lambda _session, order: setattr(order, "total", Decimal(1)), index=1)

    spoilt = sync(RECONCILE, shop)

    assert (honest.different, spoilt.different) == (0, 1)
    assert shop.simulator.writes == []


def test_nothing_is_compared_before_the_first_import(sqlite_shop: Shop) -> None:
    """What was never read is not missed."""
    sqlite_shop.channel.place_order([add_mug(sqlite_shop)])

    counts = sync(RECONCILE, sqlite_shop)

    assert (counts.read, counts.different) == (0, 0)


# Races and bad days.


def test_a_change_between_two_looks_is_not_reported(
    sqlite_busy: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock is sold, and an order imported, right after the first look: the second finds both in step."""
    shop = sqlite_busy
    product = next(iter(shop.channel.products.values()))
    product.quantity = 50
    real: Callable[..., dict[str, int]] = AfterbuyStock.fetch_stock
    looks: list[int] = []

    def fetch(self: AfterbuyStock, numbers: Any) -> dict[str, int]:
        there = real(self, numbers)
        looks.append(len(there))
        product.quantity = 7
        return there

    monkeypatch.setattr(AfterbuyStock, "fetch_stock", fetch)
    counts = sync(RECONCILE, shop)

    assert looks == [2, 1]
    assert (counts.different, counts.on_the_way) == (0, 0)


def test_a_sale_between_two_looks_is_not_reported(sqlite_busy: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sold while stock is compared stands in an order that was not read yet."""
    shop = sqlite_busy
    product = next(iter(shop.channel.products.values()))
    real: Callable[..., dict[str, int]] = AfterbuyStock.fetch_stock
    sold: list[int] = []

    def fetch(self: AfterbuyStock, numbers: Any) -> dict[str, int]:
        if not sold:
            sold.append(shop.channel.place_order([(product.id, 2)]).order_id)
        return real(self, numbers)

    monkeypatch.setattr(AfterbuyStock, "fetch_stock", fetch)
    counts = sync(RECONCILE, shop)

    assert (counts.different, counts.on_the_way) == (0, 1)


@pytest.mark.parametrize(
    "fault", [Fault.http_status(503), Fault.reset_after(), Fault.cut_body(200)], ids=lambda one: one.kind
)
def test_a_bad_day_of_the_channel_finds_nothing_that_is_not_so(busy: Shop, fault: Fault) -> None:
    """A failed or cut answer is asked for again and never taken for an empty one."""
    _spoil_stock_there(busy)
    for call in ("GetSoldItems", "GetStockInfo"):
        busy.simulator.faults.add(fault, call=call, times=2)

    sync(RECONCILE, busy)

    assert found(busy) == [("stock", "quantity", "7", "50")]
