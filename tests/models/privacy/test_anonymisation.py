"""Orders whose time is over lose every trace of their buyer, and never get it back."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from models.accounting.bookings import Booking
from models.clock import utc_now
from models.database.session import session_scope
from models.invoicing.invoices import issue_invoice
from models.orders.history import Actor, OrderEvent
from models.orders.order import Customer, Order, OrderAddress, OrderState
from models.privacy.personal_columns import Fate, columns_of
from models.sync.rejected import RejectedRecord
from tests.support.builders import (
    PLACED_AT,
    check_laws,
    counts_of,
    details_in,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    settle_outbound,
    ship_units,
    stock_in,
    take_in,
)
from tests.support.privacy import ADDRESS, end, let_rest, live, open_shop, record, run_steps, traces


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    with session_scope() as opened:
        yield opened


def test_a_whole_life_leaves_no_trace_but_what_the_law_keeps(session: Session) -> None:
    """Then the years of the law pass, and there is none at all; goods, money and steps are as they were."""
    live(session)
    kept = (
        "id",
        "state",
        "payment_state",
        "total",
        "paid_amount",
        "credited_amount",
        "external_id",
        "placed_at",
    )
    before = [{name: getattr(row, name) for name in kept} for row in session.exec(select(Order))]
    kinds = [row.kind for row in session.exec(select(OrderEvent).order_by(col(OrderEvent.id)))]
    lines, stock = lines_in(session, "1"), stock_in(session)
    bookings = [row.model_dump() for row in session.exec(select(Booking).order_by(col(Booking.id)))]
    assert {name.partition(".")[0] for name in traces(session)} >= {
        *columns_of(Fate.order),
        *columns_of(Fate.customer),
        *columns_of(Fate.record),
        *columns_of(Fate.document),
        *columns_of(Fate.letter),
    }

    session.execute(update(RejectedRecord).values(last_seen_at=utc_now() - timedelta(days=100)))
    run_steps(session)

    law = {*columns_of(Fate.document), *columns_of(Fate.letter)}
    assert {name.partition(".")[0] for name in traces(session)} == law
    assert [{name: getattr(row, name) for name in kept} for row in session.exec(select(Order))] == before
    assert [row.kind for row in session.exec(select(OrderEvent).order_by(col(OrderEvent.id)))] == [
        *kinds,
        "anonymised",
    ]
    assert (lines_in(session, "1"), stock_in(session)) == (lines, stock)
    assert [row.model_dump() for row in session.exec(select(Booking).order_by(col(Booking.id)))] == bookings
    assert details_in(session, "1", "edited")[1]["changes"]["total"] == ["30.00", "20.00"]
    check_laws(session)
    assert run_steps(session) == 0


def test_an_order_told_again_gets_nothing_back(session: Session) -> None:
    """Neither as it was, nor when its channel makes it anonymous; other goods hold it, and name no buyer."""
    shop = open_shop(session)
    end(session, shop)
    told = record(paid_amount=Decimal("30.00"))
    run_steps(session)
    gone = traces(session)
    assert set(gone) == {"booking.reference", "document.content"}

    assert counts_of(take_in(session, shop, told)) == {"read": 1, "unchanged": 1}
    moved = told.model_copy(
        update={"billing": ADDRESS.model_copy(update={"city": "Xcity-Nord"}), "memo": "Xwords!"}
    )
    take_in(session, shop, moved)
    assert counts_of(take_in(session, shop, moved)) == {"read": 1, "unchanged": 1}
    assert holds_in(session, "1") == []
    line = told.lines[0].model_copy(update={"quantity": 4})
    take_in(session, shop, moved.model_copy(update={"lines": [line], "total": Decimal("40.00")}))

    ((reason, _, detail),) = holds_in(session, "1")
    assert (reason, detail["changes"]["total"]) == ("changed_after_release", ["30.00", "40.00"])
    assert traces(session) == gone
    assert session.exec(select(OrderAddress.country)).all() == ["DE", "DE"]


def test_a_buyer_is_known_as_long_as_an_order_tells_of_him(session: Session) -> None:
    """His last order takes his name along; bookings keep his number, which nobody else gets."""
    shop = open_shop(session)
    end(session, shop)
    take_in(session, shop, record("2", placed_at=PLACED_AT + timedelta(days=2)))
    run_steps(session)
    assert get_order(session, "1").customer_id is None
    (buyer,) = session.exec(select(Customer)).all()
    assert (buyer.external_id, buyer.email) == ("Xuser-id", "xmail@example.com")
    assert set(session.exec(select(Booking.customer_id))) == {buyer.id}

    session.execute(update(Order).where(col(Order.external_id) == "2").values(state=OrderState.cancelled))
    let_rest(session)
    run_steps(session)
    session.refresh(buyer)
    assert (buyer.external_id, buyer.user_name, buyer.email) == (f"anonymous {buyer.id}", "", "")
    take_in(session, shop, record("3", placed_at=PLACED_AT + timedelta(days=4)))
    assert get_order(session, "3").customer_id != buyer.id


def test_what_was_merged_goes_with_its_heir(session: Session) -> None:
    """And comes back to life whole if the channel separates it."""
    shop = open_shop(session)
    lone, other = (make_line(name, "MUG", 1, tax_rate=Decimal(19)) for name in "xy")
    take_in(session, shop, make_order("old", lone, billing=ADDRESS))
    heir = make_order("heir", lone, other, billing=ADDRESS, paid_amount=Decimal("20.00"))
    take_in(session, shop, heir)
    assert get_order(session, "old").state is OrderState.merged
    let_rest(session)
    assert run_steps(session) == 0

    ship_units(session, "heir")
    issue_invoice(session, get_order(session, "heir"), actor=Actor.cycle)
    settle_outbound(session)
    let_rest(session)
    assert run_steps(session) == 2
    assert get_order(session, "old").anonymised_at is not None

    alone = heir.model_copy(update={"lines": heir.lines[1:], "total": Decimal("10.00")})
    take_in(session, shop, make_order("old", lone, billing=ADDRESS), alone)
    assert get_order(session, "old").anonymised_at is None
    assert get_order(session, "heir").anonymised_at is not None
