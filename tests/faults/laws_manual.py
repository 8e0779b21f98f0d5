"""The laws of manual orders: the desk's notes, compared with our plain rows."""

from collections import Counter, defaultdict

from sqlalchemy import text
from sqlmodel import Session

from models.tenants.account import get_account
from tests.faults.broken_law import BrokenLawError
from tests.faults.desk import Desk

TEN_THOUSANDTHS = 10_000


def check_by_hand(session: Session, desk: Desk) -> None:
    """Check that each slip and each offer became exactly one order with the wanted goods.

    Raises: BrokenLawError.
    """
    account_id = get_account(session, desk.desk).row_id
    rows = session.execute(
        text(
            "SELECT o.id, o.external_id, o.total, g.kind, g.reference FROM sales_order o "
            "LEFT JOIN order_origin g ON g.order_id = o.id WHERE o.account_id = :account ORDER BY o.id"
        ),
        {"account": account_id},
    ).all()
    accepted = {number: offer for number, offer in desk.offers.items() if offer.accepted}
    if len(rows) != len(desk.slips) + len(accepted):
        orders = [(row.external_id, row.kind, row.reference) for row in rows]
        raise BrokenLawError(
            1, f"the slips {list(desk.slips)} and offers {list(accepted)} became the orders {orders}"
        )
    numbers = [int(row.external_id.rpartition("-")[2]) for row in rows]
    if numbers != list(range(1, len(rows) + 1)):
        raise BrokenLawError(1, f"the numbers of orders by hand are {numbers}")
    _check_slips(session, desk, {row.reference: row.id for row in rows if row.reference})
    _check_offers(session, desk, {row.id: row.total for row in rows})


def _check_slips(session: Session, desk: Desk, orders: dict[str, int]) -> None:
    asked: dict[int, Counter[str]] = defaultdict(Counter)
    for order_id, sku, units in session.execute(
        text(
            "SELECT l.order_id, a.sku, l.quantity - l.cancelled FROM order_line l "
            "JOIN article a ON a.id = l.article_id"
        )
    ):
        asked[order_id][sku] += units
    for reference, slip in desk.slips.items():
        if orders.get(reference) != slip.order_id:
            raise BrokenLawError(1, f"{reference} was order {slip.order_id} and is {orders.get(reference)}")
        if +asked[slip.order_id] != +slip.goods:
            raise BrokenLawError(
                1, f"{reference} asks for {dict(slip.goods)}, its order for {dict(asked[slip.order_id])}"
            )


def _check_offers(session: Session, desk: Desk, totals: dict[int, int]) -> None:
    rows = session.execute(text("SELECT number, state, order_id FROM offer ORDER BY id")).all()
    if [row.number for row in rows] != list(desk.offers):
        raise BrokenLawError(1, f"{list(desk.offers)} were offered, and {rows} are here")
    became = Counter(row.order_id for row in rows if row.order_id is not None)
    for number, state, order_id in rows:
        offer = desk.offers[number]
        expected = "accepted" if offer.accepted else "declined" if offer.declined else "open"
        if state != expected or (order_id is not None) != offer.accepted or became[order_id] > 1:
            raise BrokenLawError(1, f"offer {number} was {expected}, is {state} and became order {order_id}")
        if order_id is not None and totals.get(order_id) != offer.total * TEN_THOUSANDTHS:
            raise BrokenLawError(3, f"offer {number} was {offer.total}, its order is {totals.get(order_id)}")
