"""Differences: how long each is known, what is mailed once, and what its remedy does."""

import pytest
from sqlmodel import Session, col, select

from models.database.session import session_scope
from models.errors import NotFoundError
from models.orders.order import Order
from models.reconciliation.differences import (
    Difference,
    count_differences,
    force_reimport,
    get_differences,
    list_differences,
    list_unseen,
    republish,
    save_findings,
    settle_differences,
    take_new_differences,
)
from models.reconciliation.records import DifferenceData, DifferenceKind, Remedy
from models.sync.outbound import Outbound
from models.sync.records import Cycle
from models.sync.runs import begin_run
from tests.support.builders import (
    Shop,
    add_article,
    get_order,
    make_line,
    make_order,
    make_shop,
    settle_outbound,
    take_in,
)

TOTAL = DifferenceData(DifferenceKind.order_differs, "1", "total", "9", "10", Remedy.read)
PAID = DifferenceData(DifferenceKind.payment, "1", "paid", "5", "0", Remedy.tell)
STOCK = DifferenceData(DifferenceKind.stock, "L-MUG", "quantity", "7", "9", Remedy.tell)


def begin(session: Session, shop: Shop) -> int:
    """Return the id of a new run."""
    return begin_run(session, shop.account.id, Cycle.reconcile).row_id


def open_fields(session: Session, shop: Shop) -> list[str]:
    return [row.field for row in list_differences(session, shop.account.id)]


def test_a_difference_is_known_until_it_is_settled(database: str) -> None:
    """Seen again it keeps its beginning, with the new figures; found after it was settled it starts again."""
    with session_scope() as session:
        shop = make_shop(session)
        run_id = begin(session, shop)
        save_findings(session, shop.account.id, run_id, [TOTAL, PAID, TOTAL])
        first, paid = list_differences(session)
        assert (first.field, first.here, paid.field) == ("total", "9", "paid")
        begun, mailed = first.first_seen_at, take_new_differences(session, run_id, 1)
        assert mailed is not None
        assert (mailed.new, mailed.open, len(mailed.shown)) == (2, 2, 1)

        changed = DifferenceData(TOTAL.kind, "1", "total", "9", "11", Remedy.read)
        save_findings(session, shop.account.id, run_id + 1, [changed])
        session.expire_all()
        assert (first.there, first.first_seen_at, first.run_id) == ("11", begun, run_id + 1)
        assert take_new_differences(session, run_id, 1) is None
        assert [row.field for row in list_unseen(session, shop.account.id, run_id + 1, 0, 9)] == ["paid"]

        settle_differences(session, [first.row_id])
        assert open_fields(session, shop) == ["paid"]
        assert count_differences(session, shop.account.id) == 1
        assert [row.field for row in list_differences(session, settled=True)] == ["total"]
        save_findings(session, shop.account.id, run_id, [TOTAL])
        session.expire_all()
        assert (first.settled_at, first.mailed_at, first.first_seen_at > begun) == (None, None, True)


def test_only_open_differences_are_named(database: str) -> None:
    """By their numbers; one that is missing is named."""
    with session_scope() as session:
        shop = make_shop(session)
        save_findings(session, shop.account.id, begin(session, shop), [TOTAL, PAID])
        total, paid = list_differences(session)

        assert get_differences(session, [paid.row_id, total.row_id]) == [total, paid]
        settle_differences(session, [total.row_id])
        with pytest.raises(NotFoundError, match=f"no open difference {total.id}"):
            get_differences(session, [paid.row_id, total.row_id])


def difference(session: Session, shop: Shop, data: DifferenceData) -> Difference:
    save_findings(session, shop.account.id, begin(session, shop), [data])
    return session.exec(select(Difference).where(Difference.subject == data.subject)).one()


def queued(session: Session) -> list[tuple[str, str, str]]:
    rows = session.exec(select(Outbound).order_by(col(Outbound.id)))
    return [(str(row.kind), row.key, str(row.state)) for row in rows]


def test_our_side_of_a_payment_is_published_again(database: str) -> None:
    """By the order's id; an order that is not known here has nothing to publish."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("1", make_line("a")))
        settle_outbound(session)
        row = difference(session, shop, PAID)

        assert republish(session, row)
        assert queued(session) == [("payment", str(get_order(session, "1").id), "pending")]
        assert row.mended_at is not None
        row.subject = "2"
        assert not republish(session, row)


def test_a_quantity_is_published_again_although_it_is_the_same(database: str) -> None:
    """What was published before is forgotten, or the same figure would not be sent."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "MUG", on_hand=7, listed=True)
        settle_outbound(session)

        assert republish(session, difference(session, shop, STOCK))
        assert [(kind, state) for kind, _, state in queued(session)] == [("stock", "pending")]


def test_an_order_is_read_again_as_if_it_had_changed(database: str) -> None:
    """And only that one."""
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, *(make_order(number, make_line(number)) for number in "12"))

        force_reimport(session, difference(session, shop, TOTAL))

        assert get_order(session, "1").content_hash == ""
        assert session.exec(select(Order).where(Order.content_hash != "")).one().external_id == "2"
