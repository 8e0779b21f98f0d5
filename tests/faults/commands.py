"""Commands that a person gives in a story, as functions that a separate process can run and be killed in.

They take plain values. They use small transactions where the command line uses large ones.
"""

from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import models.upkeep.pruning
import tasks.sheets.tracking
import tasks.upkeep
from models.database.session import in_transaction
from models.fulfilment.returns import Return
from models.intake.sheet_results import SheetReport
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualOrder
from models.order_desk.offers import accept_offer, find_offer
from models.order_desk.repeats import exchange_return, repeat_order
from models.orders.order import Order
from models.tenants.account import get_account
from models.tenants.records import PaymentKind
from tasks.sheets.tracking import import_tracking
from tasks.upkeep import prune

LONG_SECONDS = 60.0


class Taken(NamedTuple):
    """A manual order: its id, and whether it is new."""

    order_id: int | None
    is_new: bool


def take(account: str, asked: ManualOrder) -> Taken:
    """`warenfluss order take`."""
    order, is_new = in_transaction(
        lambda session: take_manual_order(session, get_account(session, account), asked)
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
    with patch.object(tasks.sheets.tracking, "ORDERS_AT_ONCE", 1):
        return import_tracking(file, account, carrier="DHL", dry_run=False)


def forget() -> int:
    """Delete the data that `warenfluss up` deletes, two orders at a time; return the number of rows."""
    with (
        patch.object(models.upkeep.pruning, "ORDERS_AT_ONCE", 2),
        patch.object(tasks.upkeep, "PAUSE_SECONDS", 0),
    ):
        return prune(longest_seconds=LONG_SECONDS)
