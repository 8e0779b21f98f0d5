"""The stock ledger: every count and every departure is a movement, and none takes what is not there."""

import pytest
from sqlalchemy import delete
from sqlmodel import Session

from models.database.session import session_scope
from models.errors import RuleError
from models.orders.holds import Hold
from models.orders.queries import lines_of
from models.warehouse.ledger import set_on_hand, withdraw
from models.warehouse.levels import MovementReason, StockLevel
from tests.support.builders import (
    add_article,
    check_laws,
    get_order,
    ledger_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    queued_listings,
    row_counts,
    settle_outbound,
    stock_in,
    take_in,
)


def line_id_of(session: Session, external_id: str, position: int = 0) -> int:
    """Return the id of an order's line."""
    order_id = get_order(session, external_id).row_id
    return lines_of(session, [order_id])[order_id][position].row_id


def test_counting_writes_the_difference(database: str) -> None:
    """The ledger gets what changed, and nothing where nothing did."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=3, listed=True)
        cup = add_article(session, shop, "CUP", on_hand=4, listed=True)
        settle_outbound(session)

        changes = set_on_hand(session, shop.warehouse_id, {mug: 1, cup: 4}, reference="Inventur")

        assert changes == {mug: -2}
        assert ledger_in(session)[2:] == [("MUG", -2, "counted", "Inventur")]
        assert list(queued_listings(session)) == ["L-MUG"]
        check_laws(session)


@pytest.mark.parametrize(
    ("count", "reason"),
    [(-1, "Stock of MUG cannot be negative."),
     (1, "Stock of MUG cannot become 1: 2 are allocated to orders.")],
)  # fmt: skip
def test_a_count_that_cannot_be_changes_nothing(database: str, count: int, reason: str) -> None:
    """The first wrong figure refuses all: no level, no ledger, no listing, also if the caller goes on."""
    with session_scope() as session:
        shop = make_shop(session)
        before = add_article(session, shop, "CUP", on_hand=5, listed=True)
        mug = add_article(session, shop, "MUG", on_hand=3, listed=True)
        new = add_article(session, shop, "NEW", listed=True)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 2)))
        settle_outbound(session)
        was = (stock_in(session), ledger_in(session), row_counts(session, StockLevel))

        with pytest.raises(RuleError) as caught:
            set_on_hand(session, shop.warehouse_id, {before: 9, new: 1, mug: count})
    with session_scope() as session:
        assert str(caught.value) == reason
        assert (stock_in(session), ledger_in(session), row_counts(session, StockLevel)) == was
        assert queued_listings(session) == {}
        check_laws(session)


def test_goods_go_out_of_what_is_promised_first(database: str) -> None:
    """Then out of what is free; what nobody has is left out of the ledger."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=2)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 6)))
        session.execute(delete(Hold))
        set_on_hand(session, shop.warehouse_id, {mug: 3})
        line_id = line_id_of(session, "1")

        withdraw(session, {line_id: 1}, "one")
        assert (stock_in(session), lines_in(session, "1")) == ({"MUG": (2, 1)}, {"a": (6, 1, 1, 0)})
        check_laws(session)
        withdraw(session, {line_id: 5}, "rest")

        assert (stock_in(session), lines_in(session, "1")) == ({"MUG": (0, 0)}, {"a": (6, 0, 6, 0)})
        assert ledger_in(session)[-2:] == [("MUG", -1, "shipment", "one"), ("MUG", -2, "shipment", "rest")]
        check_laws(session)


def test_what_is_promised_to_another_stays(database: str) -> None:
    """Goods that left without being promised are never booked from another order's promise."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=2)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 2)))
        take_in(session, shop, make_order("2", make_line("b", "MUG", 2)))

        withdraw(session, {line_id_of(session, "2"): 2}, "told")

        assert (stock_in(session), lines_in(session, "2")) == ({"MUG": (2, 2)}, {"b": (2, 0, 2, 0)})
        check_laws(session)


def test_opening_stock_is_a_movement(database: str) -> None:
    """The ledger says where the first figure came from."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG")
        set_on_hand(session, shop.warehouse_id, {mug: 5}, MovementReason.opening, "account nord")

        assert ledger_in(session) == [("MUG", 5, "opening", "account nord")]
