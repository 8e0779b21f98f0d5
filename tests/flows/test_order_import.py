"""The cycle `order-import`, from the channel's orders to ours, each exactly once, and followed afterwards."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest

from connectors.afterbuy.clock import AfterbuyClock
from connectors.afterbuy.simulator import Address, Line
from connectors.afterbuy.simulator.state import CANCELLED_FLAG
from models.database.session import session_scope
from models.fulfilment.release import release_order
from models.orders.order import OrderState, PaymentState
from models.orders.queries import find_order
from models.payments.payment import payments_of
from models.sync.records import Cycle
from models.tenants.records import Mode
from tests.flows.conftest import Shop
from tests.support.steps import (
    Figures,
    add_mug,
    addresses,
    attempt,
    cursor,
    events,
    holds,
    line_rows,
    numbers_here,
    numbers_there,
    prepare,
    set_stock,
    stock_of,
    sync,
)

ORDER = Cycle.order_import


def test_an_order_comes_in_whole(shop: Shop) -> None:
    """Amounts, both addresses, payment and lines are as the channel has them, and the stock is promised."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    billing = Address(
        first_name="Käthe",
        last_name="Großmann",
        street="Am Mühlgraben 7",
        postal_code="50667",
        city="Köln",
        mail="kaethe@post.example",
        title="Frau",
        platform_user="kaethe1",
    )
    station = Address(
        first_name="Käthe",
        last_name="Großmann",
        street="Packstation 112",
        street2="12345678",
        postal_code="1070",
        city="Wien",
        country="A",
        country_iso="AT",
    )
    theirs = shop.channel.place_order(
        [(mug.id, 2), Line(title="Gruß", price=Decimal("1.50"), linked=False)],
        billing=billing,
        shipping_address=station,
        platform="amazon",
        platform_order_id="302-1",
        paid=True,
    )

    counts = sync(ORDER, shop)

    assert (counts.read, counts.new, counts.held) == (1, 1, 1)
    order = shop.order(theirs.order_id)
    assert (order.channel_number, order.platform, order.currency) == ("302-1", "amazon", "EUR")
    assert (order.total, order.shipping_amount) == (Decimal("26.20"), Decimal("4.90"))
    assert (order.placed_at, order.checkout_at) == (theirs.placed_at, theirs.feedback_date)
    assert (order.state, order.payment_state) == (OrderState.open, PaymentState.paid)
    both = addresses(order)
    assert {role: (row.last_name, row.street, row.street2, row.country) for role, row in both.items()} == {
        "billing": ("Großmann", "Am Mühlgraben 7", "", "DE"),
        "shipping": ("Großmann", "Packstation 112", "12345678", "AT"),
    }
    lines = line_rows(order)
    assert [(line.title, line.quantity, line.price, line.allocated) for line in lines] == [
        (mug.name, 2, Decimal("9.90"), 2),
        ("Gruß", 1, Decimal("1.50"), 0),
    ]
    assert lines[0].article_id is not None
    assert holds(order) == ["line_unmatched"]
    assert stock_of("BECHER-1") == Figures(10, 2)
    with session_scope() as session:
        payments = payments_of(session, order.id or 0)
        assert [(row.amount, row.paid_at) for row in payments] == [(Decimal("26.20"), theirs.payment_date)]


def test_repeating_changes_nothing(shop: Shop) -> None:
    """However often an order is fetched, it exists once and its stock is promised once."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    numbers = [shop.channel.place_order([(mug.id, 1)]).order_id for _ in range(3)]
    sync(ORDER, shop)

    again = sync(ORDER, shop)
    named = sync(ORDER, shop, orders=[str(numbers[0])])
    since = sync(ORDER, shop, since=datetime(2026, 1, 1, tzinfo=UTC))

    assert [(one.read, one.unchanged, one.new) for one in (again, named, since)] == [
        (3, 3, 0),
        (1, 1, 0),
        (3, 3, 0),
    ]
    assert numbers_here(shop) == numbers_there(shop)
    assert stock_of("BECHER-1") == Figures(10, 3)


def test_an_unfinished_checkout_waits(sqlite_shop: Shop) -> None:
    """An order is not taken before its checkout is done, and is taken afterwards."""
    shop = sqlite_shop
    mug = add_mug(shop)
    nameless = shop.channel.place_order([mug], process=False)
    unfinished = shop.channel.place_order([mug], feedback=False)

    before = sync(ORDER, shop)
    shop.channel.complete_checkout(nameless)
    shop.channel.complete_checkout(unfinished)
    after = sync(ORDER, shop)

    assert (before.new, before.skipped) == (0, 1)
    assert after.new == 2
    assert numbers_here(shop) == numbers_there(shop)


@pytest.mark.parametrize("order_id_from", ["leading_item", "new_number"])
def test_an_order_taken_early_becomes_the_real_one(
    shop: Shop, order_id_from: Literal["leading_item", "new_number"]
) -> None:
    """With `take_orders=sold` it waits as pending and keeps lines and stock when it gets its number."""
    shop.configure(take_orders="sold")
    shop.simulator.switches.order_id_from = order_id_from
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, 3)], process=False)

    sync(ORDER, shop)
    early = shop.order(f"item-{theirs.key}")
    early_lines = [line.id for line in line_rows(early)]
    shop.channel.complete_checkout(theirs)
    shop.channel.pay(theirs.order_id)
    sync(ORDER, shop)
    sync(ORDER, shop)

    assert early.state is OrderState.pending
    order = shop.order(theirs.order_id)
    assert (order.state, order.payment_state) == (OrderState.open, PaymentState.paid)
    assert order.customer_id == early.customer_id
    assert [line.id for line in line_rows(order)] == early_lines
    assert shop.order(f"item-{theirs.key}").state is OrderState.merged
    assert numbers_here(shop) == [str(theirs.order_id)]
    assert stock_of("BECHER-1") == Figures(10, 3)
    assert addresses(order)["billing"].last_name == "Mühlenberg"


def test_payment_address_and_lines_are_followed(shop: Shop) -> None:
    """What changes at the channel reaches ours with a history; promised stock follows."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, 2)])
    number = theirs.order_id
    sync(ORDER, shop)

    shop.channel.pay(number, Decimal("10.00"))
    sync(ORDER, shop)
    partly = shop.order(number)
    shop.channel.change_address(
        number, shipping=Address(last_name="Neu", street="Weg 1", postal_code="89073", city="Ulm")
    )
    shop.channel.change_quantity(number, theirs.items[0].id, 4)
    shop.channel.pay(number)
    sync(ORDER, shop)
    more = stock_of("BECHER-1")
    shop.channel.change_quantity(number, theirs.items[0].id, 1)
    sync(ORDER, shop)

    assert (partly.paid_amount, partly.payment_state) == (Decimal("10.00"), PaymentState.partly_paid)
    assert more == Figures(10, 4)
    order = shop.order(number)
    assert (order.total, order.paid_amount) == (Decimal("14.80"), Decimal("44.50"))
    assert order.payment_state is PaymentState.overpaid
    assert addresses(order)["shipping"].last_name == "Neu"
    assert [line.quantity for line in line_rows(order)] == [1]
    assert stock_of("BECHER-1") == Figures(10, 1)
    assert events(order) == ["imported", "payment", "changed", "payment", "changed"]


def test_a_released_order_is_held_not_changed(shop: Shop) -> None:
    """What was handed to the warehouse keeps its lines and address; the difference holds it."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, 2)])
    sync(ORDER, shop)
    with session_scope() as session:
        release_order(session, find_order(session, str(theirs.order_id)))

    shop.channel.change_quantity(theirs.order_id, theirs.items[0].id, 5)
    shop.channel.change_address(theirs.order_id, billing=Address(last_name="Anders", street="X", city="Y"))
    sync(ORDER, shop)

    order = shop.order(theirs.order_id)
    assert (order.state, order.total) == (OrderState.released, Decimal("24.70"))
    assert [line.quantity for line in line_rows(order)] == [2]
    assert addresses(order)["billing"].last_name == "Mühlenberg"
    assert holds(order) == ["changed_after_release"]
    assert stock_of("BECHER-1") == Figures(10, 2)


@pytest.mark.parametrize("survivor", ["lowest", "highest", "new"])
def test_merged_orders_keep_their_lines(shop: Shop, survivor: Literal["lowest", "highest", "new"]) -> None:
    """Whichever number lives on, it has all lines, the whole payment and the stock of both."""
    shop.simulator.switches.merge_survivor = survivor
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    first = shop.channel.place_order([(mug.id, 1)], paid=True)
    second = shop.channel.place_order([(mug.id, 2)], paid=True)
    sync(ORDER, shop)
    ids = {first.order_id, second.order_id}

    merged = shop.channel.merge([first.order_id, second.order_id])
    sync(ORDER, shop)
    again = sync(ORDER, shop)

    order = shop.order(merged.order_id)
    assert numbers_here(shop) == [str(merged.order_id)] == numbers_there(shop)
    assert sorted(line.quantity for line in line_rows(order)) == [1, 2]
    assert (order.total, order.paid_amount) == (merged.full_amount, merged.already_paid)
    assert [shop.order(number).state for number in ids - {merged.order_id}] == [
        OrderState.merged for _ in ids - {merged.order_id}
    ]
    assert stock_of("BECHER-1") == Figures(10, 3)
    assert again.unchanged == again.read == 1


def test_a_cancelled_order_gives_its_stock_back(shop: Shop) -> None:
    """The marker that the account's setting names cancels; without the setting it means nothing."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, 4)])
    sync(ORDER, shop)

    shop.channel.cancel(theirs.order_id)
    sync(ORDER, shop)
    before = shop.order(theirs.order_id).state
    shop.configure(cancelled_flags=str(CANCELLED_FLAG))
    sync(ORDER, shop)

    assert before is OrderState.open
    assert shop.order(theirs.order_id).state is OrderState.cancelled
    assert stock_of("BECHER-1") == Figures(10, 0)


def test_named_orders_leave_the_cursor_alone(sqlite_shop: Shop) -> None:
    """Orders named by number are taken whatever their age; the next run goes on as before."""
    shop = sqlite_shop
    shop.configure(start="new")
    old = shop.channel.place_order([add_mug(shop)], placed_at=datetime(2020, 5, 1, tzinfo=UTC))
    sync(ORDER, shop)
    before = cursor(shop, "orders")

    counts = sync(ORDER, shop, orders=[str(old.order_id), "999"])

    assert (counts.read, counts.new) == (1, 1)
    assert cursor(shop, "orders") == before


def test_the_first_run_may_be_told_where_history_ends(sqlite_shop: Shop) -> None:
    """With `start=new` a first run with `since` takes what is newer, and the next goes on from there."""
    shop = sqlite_shop
    shop.configure(start="new")
    mug = add_mug(shop)
    old = shop.channel.place_order([mug], placed_at=datetime(2026, 1, 5, 12, tzinfo=UTC))
    taken = shop.channel.place_order([mug], placed_at=datetime(2026, 3, 5, 12, tzinfo=UTC))

    first = sync(ORDER, shop, since=datetime(2026, 2, 1, tzinfo=UTC))
    shop.channel.pay(taken.order_id)
    shop.channel.pay(old.order_id)
    then = sync(ORDER, shop)

    assert (first.new, then.new, then.skipped, then.changed) == (1, 0, 1, 1)
    assert numbers_here(shop) == [str(taken.order_id)]
    assert shop.order(taken.order_id).payment_state is PaymentState.paid


def test_an_account_that_was_live_goes_on_where_it_stopped(sqlite_shop: Shop) -> None:
    """Back from test mode it takes the orders that came meanwhile, although it starts with new ones only."""
    shop = sqlite_shop
    # All in one second: a test begins anew, and what is older than its beginning is history to it.
    second = datetime.now(UTC).replace(microsecond=0)
    shop.channel.now = lambda: second
    shop.configure(start="new")
    mug = add_mug(shop)
    sync(ORDER, shop)
    shop.set_mode(Mode.test)
    meanwhile = shop.channel.place_order([mug])
    sync(ORDER, shop)
    trial = shop.order(meanwhile.order_id).trial

    shop.set_mode(Mode.live)
    counts = sync(ORDER, shop)

    assert (trial, counts.new) == (True, 1)
    assert not shop.order(meanwhile.order_id).trial


def test_what_is_sold_in_the_second_of_the_first_import_is_no_history(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel tells its times in whole seconds, so this order's is before the instant of the start."""
    shop = sqlite_shop
    shop.configure(start="new")
    mug = add_mug(shop)
    second = datetime.now(UTC).replace(microsecond=0)
    monkeypatch.setattr(AfterbuyClock, "check", lambda _: second + timedelta(milliseconds=700))
    theirs = shop.channel.place_order([mug], placed_at=second)

    counts = sync(ORDER, shop)

    assert (counts.new, numbers_here(shop)) == (1, [str(theirs.order_id)])


def test_since_reads_again_and_goes_on_as_before(sqlite_shop: Shop) -> None:
    """`since` reads what changed from then on, and moves no cursor."""
    shop = sqlite_shop
    mug = add_mug(shop)
    sync(ORDER, shop)
    before = cursor(shop, "orders")
    late = shop.channel.place_order([mug], placed_at=datetime(2026, 3, 1, tzinfo=UTC))
    shop.channel.place_order([mug], placed_at=datetime(2026, 2, 1, tzinfo=UTC))

    counts = sync(ORDER, shop, since=datetime(2026, 2, 15, tzinfo=UTC))

    assert (counts.read, counts.new) == (1, 1)
    assert numbers_here(shop) == [str(late.order_id)]
    assert cursor(shop, "orders") == before


class TestStart:
    """Where the first import begins, so that history is not booked twice."""

    def test_only_new(self, sqlite_shop: Shop) -> None:
        """What ended before the first run is left out; what was sold before and ends after it is taken."""
        shop = sqlite_shop
        shop.configure(start="new")
        now = datetime.now(UTC).replace(microsecond=0)
        mug = add_mug(shop)
        history = shop.channel.place_order([mug], placed_at=now - timedelta(minutes=2))
        waiting = shop.channel.place_order([mug], placed_at=now - timedelta(minutes=2), feedback=False)
        nameless = shop.channel.place_order([mug], placed_at=now - timedelta(days=3), process=False)
        first = sync(ORDER, shop)

        shop.channel.pay(history.order_id)
        shop.channel.complete_checkout(waiting)
        shop.channel.complete_checkout(nameless)
        fresh = shop.channel.place_order([mug])
        second = sync(ORDER, shop)

        assert first.new == 0
        assert (second.new, second.skipped) == (3, 1)
        assert numbers_here(shop) == sorted(str(order.order_id) for order in (waiting, nameless, fresh))

    def test_a_date(self, sqlite_shop: Shop) -> None:
        """The day begins at midnight in Germany."""
        shop = sqlite_shop
        shop.configure(start="2026-06-01")
        mug = add_mug(shop)
        midnight = datetime(2026, 5, 31, 22, tzinfo=UTC)
        old = shop.channel.place_order([mug], placed_at=midnight - timedelta(seconds=1))
        new = shop.channel.place_order([mug], placed_at=midnight)

        sync(ORDER, shop)
        shop.channel.pay(old.order_id)
        counts = sync(ORDER, shop)

        assert counts.skipped == 1
        assert numbers_here(shop) == [str(new.order_id)]

    def test_a_number(self, sqlite_shop: Shop) -> None:
        """The order of this number is the first, also when older ones change later."""
        shop = sqlite_shop
        mug = add_mug(shop)
        orders = [shop.channel.place_order([mug]) for _ in range(4)]
        shop.configure(start=str(orders[2].order_id))

        first = sync(ORDER, shop)
        shop.channel.pay(orders[0].order_id)
        second = sync(ORDER, shop)

        assert (first.read, first.new) == (2, 2)
        assert second.skipped == 2
        assert numbers_here(shop) == [str(order.order_id) for order in orders[2:]]


def test_stock_that_is_short_holds_the_order(shop: Shop) -> None:
    """The last unit goes to the first order; the other is held until there is more."""
    mug = add_mug(shop, 1)
    prepare(shop, Cycle.article_import)
    first = shop.channel.place_order([(mug.id, 1)])
    second = shop.channel.place_order([(mug.id, 1)])

    counts = sync(ORDER, shop)

    assert (counts.new, counts.held) == (2, 1)
    assert (holds(shop.order(first.order_id)), holds(shop.order(second.order_id))) == ([], ["stock_short"])
    assert stock_of("BECHER-1") == Figures(1, 1)


def test_one_bad_record_is_rejected(shop: Shop) -> None:
    """An order that cannot be read is kept with its reason; its neighbours come in, and it may come later."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    orders = [shop.channel.place_order([mug]) for _ in range(3)]
    orders[1].items[0].quantity = -1

    first = sync(ORDER, shop)
    orders[1].items[0].quantity = 1
    second = sync(ORDER, shop)

    assert (first.read, first.new, first.rejected) == (3, 2, 1)
    assert (second.new, second.rejected) == (1, 0)
    assert numbers_here(shop) == numbers_there(shop)


def test_a_draft_is_not_run(sqlite_shop: Shop) -> None:
    """A cycle of an account in draft fails without asking the channel anything."""
    from models.tenants.records import Mode

    shop = sqlite_shop
    shop.set_mode(Mode.draft)

    state = attempt(ORDER, shop)

    assert state.is_failed()
    assert shop.simulator.requests == []


def test_a_bundle_takes_its_parts(shop: Shop) -> None:
    """Two lines that share a part are added up before stock is promised."""
    from connectors.afterbuy.simulator import Member

    mug = add_mug(shop, 5)
    bundle = shop.channel.add_product(
        "Set", ean="SET", kind=2, members=[Member(mug.id, 2)], selling_price=Decimal(18)
    )
    prepare(shop, Cycle.article_import)
    set_stock(shop, BECHER_1=5)
    theirs = shop.channel.place_order([(bundle.id, 2), (mug.id, 2)])

    sync(ORDER, shop)

    order = shop.order(theirs.order_id)
    assert [line.allocated for line in line_rows(order)] == [2, 1]
    assert holds(order) == ["stock_short"]
    assert stock_of("BECHER-1") == Figures(5, 5)
