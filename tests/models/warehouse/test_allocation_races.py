"""Many processes at the same stock, order and payment at once: law 4 and law 1 hold on both databases."""

from collections import Counter
from decimal import Decimal

from sqlmodel import select

from models.database.session import session_scope
from models.orders.order import Order
from models.payments.payment import Payment
from tests.support.builders import (
    add_article,
    check_laws,
    get_order,
    holds_in,
    lines_in,
    make_line,
    make_order,
    make_shop,
    row_counts,
    stock_in,
    take_in,
)
from tests.support.races import (
    TRIES,
    allocate_again,
    buy,
    live,
    pay,
    run_at_once,
    sell_or_count,
    ship,
    take_step,
)


def test_the_last_unit_is_sold_once(database: str) -> None:
    """Of sixteen buyers in sixteen processes one gets it; fifteen are held, short of stock."""
    with session_scope() as session:
        add_article(session, make_shop(session), "MUG", on_hand=1, listed=True)

    done = run_at_once(database, buy, [(f"O-{number}", ["MUG"]) for number in range(16)])

    with session_scope() as session:
        outcomes = Counter(
            (tuple(lines_in(session, f"O-{number}").values()), len(holds_in(session, f"O-{number}")))
            for number in range(16)
        )
        assert done == ["bought"] * 16
        assert outcomes == {(((1, 1, 0, 0),), 0): 1, (((1, 0, 0, 0),), 1): 15}
        assert stock_in(session) == {"MUG": (1, 1)}
        check_laws(session)


def test_hot_articles_in_opposite_orders_do_not_lock_each_other(database: str) -> None:
    """Eight processes ask for the same three articles, half of them backwards; none fails."""
    skus = ["CUP", "MUG", "POT"]
    with session_scope() as session:
        shop = make_shop(session)
        for sku in skus:
            add_article(session, shop, sku, on_hand=5, listed=True)
        for number in range(8):
            wanted = skus if number % 2 else skus[::-1]
            lines = [make_line(f"{number}-{sku}", sku, 2) for sku in wanted]
            take_in(session, shop, make_order(f"O-{number}", *lines), trial=True)
        orders = session.exec(select(Order)).all()
        for order in orders:
            order.trial = False
        order_ids = [order.row_id for order in orders]

    done = run_at_once(database, allocate_again, [(order_id, 5) for order_id in order_ids])

    with session_scope() as session:
        assert done == ["asked"] * 8
        assert stock_in(session) == dict.fromkeys(skus, (5, 5))
        check_laws(session)


def test_lives_that_cross_end_right(database: str) -> None:
    """Whole lives over several articles may lock each other; tried again, each ends, and figures add up."""
    skus = ["CUP", "MUG", "POT", "SET"]
    with session_scope() as session:
        shop = make_shop(session)
        ids = [add_article(session, shop, sku, on_hand=6, listed=True) for sku in skus[:3]]
        add_article(session, shop, "SET", parts={ids[0]: 1, ids[2]: 1}, listed=True)

    done = run_at_once(
        database, live, [(f"W{number}", skus if number % 2 else skus[::-1]) for number in range(4)]
    )

    with session_scope() as session:
        assert all(isinstance(tries, int) and tries < 4 * TRIES for tries in done), done
        assert row_counts(session, Order) == [4 * 4 * 4]
        check_laws(session)


def test_two_processes_that_import_the_same_order_make_one(database: str) -> None:
    """Law 1: the second finds the first's row or is refused by the key; reading it again adds nothing."""
    with session_scope() as session:
        add_article(session, make_shop(session), "MUG", on_hand=9)

    done = run_at_once(database, buy, [("O-1", ["MUG"])] * 4)
    buy("O-1", ["MUG"])

    with session_scope() as session:
        assert set(done) <= {"bought", "IntegrityError"}
        assert lines_in(session, "O-1") == {"O-1-MUG": (1, 1, 0, 0)}
        assert stock_in(session) == {"MUG": (9, 1)}
        check_laws(session)


def test_an_order_is_shipped_once(database: str) -> None:
    """Of people who ship the same order at once, one does; the stock goes once."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=9)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG", 2)))

    done = run_at_once(database, ship, [("O-1",)] * 4)

    with session_scope() as session:
        assert sorted(done) == ["RuleError", "RuleError", "RuleError", "shipped"]
        assert (stock_in(session), lines_in(session, "O-1")) == ({"MUG": (7, 0)}, {"a": (2, 0, 2, 0)})
        check_laws(session)


def test_an_order_is_shipped_or_cancelled(database: str) -> None:
    """Who cancels while another ships loses or wins; the goods are never both gone and free."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=9)
        for number in range(4):
            take_in(session, shop, make_order(f"O-{number}", make_line(f"a{number}", "MUG", 2)))

    arguments = [(f"O-{number}", step) for number in range(4) for step in ("ship", "cancel")]
    run_at_once(database, take_step, arguments)

    with session_scope() as session:
        shipped = sum(line[2] for number in range(4) for line in lines_in(session, f"O-{number}").values())
        for number in range(4):
            assert lines_in(session, f"O-{number}") in (
                {f"a{number}": (2, 0, 2, 0)},
                {f"a{number}": (2, 0, 0, 2)},
            )
        assert stock_in(session) == {"MUG": (9 - shipped, 0)}
        check_laws(session)


def test_no_payment_is_lost(database: str) -> None:
    """Eight people record one euro each at once: the order knows all eight."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("O-1", make_line("a", "MUG")))

    done = run_at_once(database, pay, [("O-1",)] * 8)

    with session_scope() as session:
        assert done == ["paid"] * 8
        assert row_counts(session, Payment) == [8]
        assert get_order(session, "O-1").paid_amount == Decimal("8.00")


def test_counts_and_sales_cross(database: str) -> None:
    """People count an article while others sell it: the ledger still sums to the level."""
    with session_scope() as session:
        shop = make_shop(session)
        mug = add_article(session, shop, "MUG", on_hand=4)
    arguments = [(number, mug, shop.warehouse_id) for number in range(8)]

    done = run_at_once(database, sell_or_count, arguments)

    with session_scope() as session:
        assert set(done) <= {"bought", "counted", "refused"}
        check_laws(session)
