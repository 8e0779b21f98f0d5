"""The laws of deletion: everything due is deleted, nothing else is, and no buyer's data comes back."""

from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from models.database.session import read_scope
from tests.faults.broken_law import BrokenLawError

BUYER_WORDS = ("Verborgen", "Verschwiegene", "buyer.example")
"""Words in buyers' names, addresses and mail addresses."""


def buyers_known() -> dict[int, str]:
    """Return {order id: buyer data in its addresses} for orders that are not anonymised."""
    with read_scope() as session:
        rows = session.execute(
            text(
                "SELECT o.id, a.* FROM sales_order o JOIN order_address a ON a.order_id = o.id "
                "WHERE NOT o.trial AND o.anonymised_at IS NULL ORDER BY o.id, a.role"
            )
        )
        known: dict[int, str] = {}
        for row in rows:
            known[row[0]] = known.get(row[0], "") + str(tuple(row[1:]))
    return known


def check_due(known: dict[int, str]) -> None:
    """Check after the deletion: ended orders lost their buyers' data, and no other order did.

    `known`: the buyer data from before. Raises: BrokenLawError.
    """
    with read_scope() as session:
        over, gone = (
            _over(session),
            _ids(session, "SELECT id FROM sales_order WHERE anonymised_at IS NOT NULL"),
        )
        offers = session.execute(text("SELECT number, order_id, content FROM offer")).all()
    if over != gone:
        raise BrokenLawError(9, f"the buyers of {sorted(over)} were to go, those of {sorted(gone)} went")
    for order_id, told in buyers_known().items():
        if told != known[order_id]:
            raise BrokenLawError(9, f"order {order_id} is not over and lost of its buyer's data")
    for number, order_id, content in offers:
        if (order_id is None or order_id in gone) and (words := _words(content)):
            raise BrokenLawError(9, f"offer {number} is over and names {words}")


def check_halfway(known: dict[int, str]) -> None:
    """Check that each order has all of its buyer's data or none. Raises: BrokenLawError."""
    check_forgotten()
    for order_id, told in buyers_known().items():
        if told != known[order_id]:
            raise BrokenLawError(9, f"order {order_id} is not anonymous and lost of its buyer's data")


def check_forgotten() -> None:
    """Check that anonymised orders have no buyer data left anywhere. Raises: BrokenLawError."""
    with read_scope() as session:
        for query in _BUYERS_PLACES:
            for row in session.execute(text(query)):
                if words := _words(tuple(row)):
                    raise BrokenLawError(9, f"{words} came back: {tuple(row)}")


def _words(told: Any) -> list[str]:
    return [word for word in BUYER_WORDS if word in str(told)]


_BUYERS_PLACES = [
    "SELECT * FROM sales_order WHERE anonymised_at IS NOT NULL",
    *(
        f"SELECT t.* FROM {table} t JOIN sales_order o ON o.id = t.order_id WHERE o.anonymised_at IS NOT NULL"
        for table in ("order_address", "order_line", "order_event", "order_edit", "hold", "payment", "offer")
    ),
]


def _over(session: Session) -> set[int]:
    """Return the ended orders: shipped or cancelled, settled, and published."""
    waiting = {order_id for query in _NOT_OVER for order_id in _ids(session, query)}
    over = _ids(session, _ENDED) - waiting
    heirs = session.execute(text("SELECT id, merged_into_id FROM sales_order WHERE state = 'merged'")).all()
    # A merged order ends with the order that it was merged into, which may be merged, too.
    while more := {one for one, heir in heirs if heir in over} - waiting - over:
        over |= more
    return over


_ENDED = (
    "SELECT id FROM sales_order WHERE NOT trial AND (state IN ('shipped', 'cancelled') "
    "AND paid_amount + credited_amount = total "
    "OR state = 'cancelled' AND paid_amount = 0 AND credited_amount = 0)"
)
_NOT_OVER = (
    "SELECT order_id FROM hold WHERE released_at IS NULL",
    "SELECT order_id FROM order_return WHERE state IN ('announced', 'received')",
    "SELECT CAST(key AS INTEGER) FROM outbound "
    "WHERE kind IN ('payment', 'shipment', 'cancellation') AND state <> 'sent'",
    "SELECT l.order_id FROM order_line l JOIN account a ON a.id = l.account_id "
    "WHERE l.shipped - l.returned > l.invoiced "
    'AND CAST(a.settings AS TEXT) LIKE \'%"invoices": "warenfluss"%\'',
)


def _ids(session: Session, query: str) -> set[int]:
    return {int(row[0]) for row in session.execute(text(query))}
