"""Law 4: what is promised never exceeds what is there, and every change is told to whom it concerns."""

from datetime import timedelta

import pytest
from sqlalchemy import delete
from sqlmodel import Session, select

from models.catalog.article import BundlePart
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.orders.custom_codes import save_custom_code
from models.orders.history import Actor
from models.orders.holds import Hold
from models.orders.order import OrderState
from models.orders.queries import lines_of
from models.warehouse.allocation import allocate
from models.warehouse.ledger import set_on_hand, withdraw
from models.warehouse.levels import MovementReason, StockLevel
from models.warehouse.sellable import StockFigures, stock_figures
from models.warehouse.shrinking import release_allocation
from tests.support.builders import (
    PLACED_AT,
    add_article,
    add_warehouse,
    check_laws,
    get_order,
    holds_in,
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


def test_a_bundle_is_as_available_as_its_scarcest_part(database: str) -> None:
    """Figures of a set come from its parts; an article that was never counted has none."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7)
        pot = add_article(session, shop, "POT", on_hand=2)
        unknown = add_article(session, shop, "NEW")
        tea = add_article(session, shop, "TEA-SET", parts={cup: 2, pot: 1})
        half = add_article(session, shop, "HALF-KNOWN", parts={cup: 1, unknown: 1})
        none = add_article(session, shop, "UNKNOWN-SET", parts={unknown: 1})

        assert stock_figures(session, [cup, pot, unknown, tea, half, none]) == {
            cup: StockFigures(7, 0, 7),
            pot: StockFigures(2, 0, 2),
            tea: StockFigures(2, 0, 2),
            half: StockFigures(0, 0, 0),
        }


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


def test_selling_a_part_changes_the_bundle(database: str) -> None:
    """The listing of the set is queued too, and only listings that the sale concerns."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=7, listed=True)
        pot = add_article(session, shop, "POT", on_hand=9, listed=True)
        tea = add_article(session, shop, "TEA-SET", parts={cup: 2, pot: 1}, listed=True)
        settle_outbound(session)

        take_in(session, shop, make_order("1", make_line("a", "CUP", 3)))

        assert stock_figures(session, [tea])[tea].available == 2
        assert sorted(queued_listings(session)) == ["L-CUP", "L-TEA-SET"]


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
     (1, "Stock of MUG cannot become 1: 2 are promised to orders.")],
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


@pytest.mark.parametrize("step", ["ship", "cancel", "allocate"])
def test_a_bundle_that_changed_its_parts_gives_all_back(database: str, step: str) -> None:
    """What was promised by the old list of parts is booked by it: nothing stays promised to nobody."""
    with session_scope() as session:
        shop = make_shop(session)
        cup = add_article(session, shop, "CUP", on_hand=6)
        pot = add_article(session, shop, "POT", on_hand=6)
        tea = add_article(session, shop, "TEA-SET", parts={cup: 2})
        take_in(session, shop, make_order("1", make_line("a", "TEA-SET", 2)))
        part = session.exec(select(BundlePart)).one()
        session.delete(part)
        session.flush()
        session.add(BundlePart(bundle_id=tea, part_id=pot, quantity=1))
        session.flush()

        order = get_order(session, "1")
        if step == "ship":
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        elif step == "cancel":
            cancel_order(session, order, actor=Actor.person)
        else:
            release_allocation(session, [line_id_of(session, "1")])
            allocate(session, [order.row_id])

        allocated = {sku: allocated for sku, (_, allocated) in stock_in(session).items()}
        assert allocated == {"CUP": 0, "POT": 2 if step == "allocate" else 0}
        check_laws(session)


def test_opening_stock_is_a_movement(database: str) -> None:
    """The ledger says where the first figure came from."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG")
        set_on_hand(session, shop.warehouse_id, {mug: 5}, MovementReason.opening, "account nord")

        assert ledger_in(session) == [("MUG", 5, "opening", "account nord")]
