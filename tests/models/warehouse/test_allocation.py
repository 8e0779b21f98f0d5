"""Law 4: what is promised never exceeds what is there, and every change is told to whom it concerns."""

from datetime import timedelta

from sqlmodel import Session, select

from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.orders.custom_codes import save_custom_code
from models.orders.history import Actor
from models.orders.order import OrderState
from models.orders.queries import lines_of
from models.warehouse.allocation import allocate
from models.warehouse.ledger import set_on_hand
from models.warehouse.levels import StockLevel
from tests.support.builders import (
    PLACED_AT,
    add_article,
    add_warehouse,
    check_laws,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    queued_listings,
    settle_outbound,
    stock_in,
    take_in,
)


def line_id_of(session: Session, external_id: str, position: int = 0) -> int:
    """Return the id of an order's line."""
    order_id = get_order(session, external_id).row_id
    return lines_of(session, [order_id])[order_id][position].row_id


def levels_in(session: Session) -> list[tuple[int, int, int]]:
    """Return the levels as (warehouse, on hand, allocated)."""
    session.flush()
    session.expire_all()
    return [(row.warehouse_id, row.on_hand, row.allocated) for row in session.exec(select(StockLevel))]


def test_an_order_gets_what_is_there(database: str) -> None:
    """Stock is promised as far as it reaches; what is short holds the order with figures."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 5)))

        assert stock_in(session) == {"MUG": (3, 3)}
        assert lines_in(session, "1") == {"a": (5, 3, 0, 0)}
        assert holds_in(session, "1") == [("stock_short", "a", {"missing": 2, "quantity": 5})]
        check_laws(session)


def test_allocating_again_adds_only_what_came(database: str) -> None:
    """A repeat changes nothing; new goods go to whom they are missing, and the hold ends."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=3, listed=True)
        take_in(session, shop, make_order("1", make_line("a", "MUG", 5)))
        order_id = get_order(session, "1").row_id
        settle_outbound(session)

        allocate(session, [order_id])
        assert (lines_in(session, "1"), queued_listings(session)) == ({"a": (5, 3, 0, 0)}, {})
        set_on_hand(session, shop.warehouse_id, {mug: 4})
        assert holds_in(session, "1") == [("stock_short", "a", {"missing": 1, "quantity": 5})]
        set_on_hand(session, shop.warehouse_id, {mug: 9})

        assert (stock_in(session), holds_in(session, "1")) == ({"MUG": (9, 5)}, [])
        check_laws(session)


def test_selling_a_bundle_takes_its_parts(database: str) -> None:
    """The scarcest part decides how many are promised, whole sets only."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7)
        pot = add_article(session, shop, "POT", on_hand=9)
        add_article(session, shop, "TEA-SET", parts={cup: 2, pot: 1})
        take_in(session, shop, make_order("1", make_line("a", "TEA-SET", 5)))

        assert stock_in(session) == {"CUP": (7, 6), "POT": (9, 3)}
        assert holds_in(session, "1") == [("stock_short", "a", {"missing": 2, "quantity": 5})]
        check_laws(session)


def test_two_lines_that_share_a_part_are_added_up(database: str) -> None:
    """Together they get what is there once, in the order of the lines."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7)
        add_article(session, shop, "PAIR", parts={cup: 2})
        take_in(session, shop, make_order("1", make_line("a", "PAIR", 2), make_line("b", "CUP", 5)))

        assert lines_in(session, "1") == {"a": (2, 2, 0, 0), "b": (5, 3, 0, 0)}
        assert (stock_in(session), len(holds_in(session, "1"))) == ({"CUP": (7, 7)}, 1)
        check_laws(session)


def test_a_code_for_three_takes_three(database: str) -> None:
    """A code that stands for several articles takes each as often as it says."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7)
        pot = add_article(session, shop, "POT", on_hand=7)
        save_custom_code(session, shop.tenant_id, shop.account.id, "3C1P", [(cup, 3), (pot, 1)])
        take_in(session, shop, make_order("1", make_line("a", "3C1P", 3)))

        assert (lines_in(session, "1"), stock_in(session)) == (
            {"a": (3, 2, 0, 0)},
            {"CUP": (7, 6), "POT": (7, 2)},
        )
        check_laws(session)


def test_the_first_warehouse_is_emptied_first(database: str) -> None:
    """Stock is taken by the warehouses' priority, and one line may take from several."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=2)
        near = add_warehouse(session, shop, "near", -1)
        far = add_warehouse(session, shop, "far", 5)
        set_on_hand(session, far, {mug: 10})
        set_on_hand(session, near, {mug: 1})
        take_in(session, shop, make_order("1", make_line("a", "MUG", 4)))

        assert levels_in(session) == [(shop.warehouse_id, 2, 2), (far, 10, 1), (near, 1, 1)]
        record_shipment(session, get_order(session, "1"), "DHL", [ParcelData()], PLACED_AT)
        assert levels_in(session) == [(shop.warehouse_id, 0, 0), (far, 9, 0), (near, 0, 0)]
        check_laws(session)


def test_cancelling_gives_back(database: str) -> None:
    """The stock is free again, whoever lists it is told, and the holds end."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=3, listed=True)
        add_article(session, shop, "PAIR", parts={cup: 2}, listed=True)
        take_in(session, shop, make_order("1", make_line("a", "CUP", 4)))
        settle_outbound(session)

        cancel_order(session, get_order(session, "1"), actor=Actor.person)

        assert stock_in(session) == {"CUP": (3, 0)}
        assert lines_in(session, "1") == {"a": (4, 0, 0, 4)}
        assert sorted(queued_listings(session)) == ["L-CUP", "L-PAIR"]
        assert (holds_in(session, "1"), get_order(session, "1").state) == ([], OrderState.cancelled)
        check_laws(session)


def test_what_comes_in_goes_to_who_waited_longest(database: str) -> None:
    """New goods are promised at once to the orders that are short of them, oldest first, also in sets."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG")
        add_article(session, shop, "PAIR", parts={mug: 2})
        take_in(
            session,
            shop,
            make_order("young", make_line("a", "MUG", 2)),
            make_order("old", make_line("b", "PAIR"), placed_at=PLACED_AT - timedelta(days=1)),
        )

        set_on_hand(session, shop.warehouse_id, {mug: 3})

        assert (lines_in(session, "old"), lines_in(session, "young")) == (
            {"b": (1, 1, 0, 0)},
            {"a": (2, 1, 0, 0)},
        )
        assert (len(holds_in(session, "old")), len(holds_in(session, "young"))) == (0, 1)
        check_laws(session)


def test_what_is_cancelled_goes_to_who_waits(database: str) -> None:
    """A cancellation serves the next in line in the same step."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=2)
        take_in(session, shop, make_order("first", make_line("a", "MUG", 2)))
        take_in(session, shop, make_order("next", make_line("b", "MUG", 2)))

        cancel_order(session, get_order(session, "first"), actor=Actor.person)

        assert (lines_in(session, "next"), holds_in(session, "next")) == ({"b": (2, 2, 0, 0)}, [])
        check_laws(session)


def test_an_order_that_is_not_open_gets_nothing(database: str) -> None:
    """Cancelled and trial orders are passed over."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=3)
        take_in(session, shop, make_order("1", make_line("a", "MUG"), cancelled=True))
        take_in(session, shop, make_order("2", make_line("b", "MUG")), trial=True)

        allocate(session, [get_order(session, number).row_id for number in ("1", "2")])

        assert stock_in(session) == {"MUG": (3, 0)}
