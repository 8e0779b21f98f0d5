"""Commands that a person gives in a story, each as a process of its own can be told to do it, and die.

They take plain values, and do in small transactions what the command line does in large ones.
"""

from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import deployments.pruning
import models.prune
import tasks.tracking_sheets
from deployments.pruning import prune
from models.account import get_account
from models.db import in_transaction
from models.offer import accept_offer, find_offer
from models.order import Order
from models.own_order import OwnOrder, exchange_return, repeat_order, take_own_order
from models.returns import Return
from models.service import PaymentKind
from models.sheet import SheetReport
from tasks.tracking_sheets import import_tracking

LONG_SECONDS = 60.0


class Taken(NamedTuple):
    """An order taken by hand: its id, and whether it is new."""

    order_id: int | None
    is_new: bool


def take(account: str, asked: OwnOrder) -> Taken:
    """`warenfluss order take`."""
    order, is_new = in_transaction(
        lambda session: take_own_order(session, get_account(session, account), asked)
    )
    return Taken(order.id, is_new)


def repeat(account: str, order_id: int, reference: str) -> Taken:
    """`warenfluss order repeat`."""
    order, is_new = in_transaction(
        lambda session: repeat_order(
            session,
            session.get_one(Order, order_id),
            get_account(session, account),
            payment=PaymentKind.invoice,
            reference=reference,
        )
    )
    return Taken(order.id, is_new)


def exchange(account: str, return_id: int, reference: str) -> Taken:
    """`warenfluss return exchange`."""
    order, _, is_new = in_transaction(
        lambda session: exchange_return(
            session, session.get_one(Return, return_id), get_account(session, account), reference=reference
        )
    )
    return Taken(order.id, is_new)


def accept(number: str) -> int | None:
    """`warenfluss offer accept`; return the order's id."""
    return in_transaction(lambda session: accept_offer(session, find_offer(session, number))).id


def import_parcels(file: Path, account: str) -> SheetReport:
    """`warenfluss ship import`, order by order."""
    with patch.object(tasks.tracking_sheets, "ORDERS_AT_ONCE", 1):
        return import_tracking(file, account, carrier="DHL", dry_run=False)


def forget() -> int:
    """Forget what `warenfluss up` forgets by itself, two orders at a time; return of how many rows."""
    with (
        patch.object(models.prune, "ORDERS_AT_ONCE", 2),
        patch.object(deployments.pruning, "PAUSE_SECONDS", 0),
    ):
        return prune(longest_seconds=LONG_SECONDS)
