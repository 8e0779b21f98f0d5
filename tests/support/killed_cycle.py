"""A cycle for a process of its own, which is killed at a chosen point."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

import tasks.buyer_mails
import tasks.intake.orders
import tasks.outbound.delivery
import tasks.run.work
from connectors.afterbuy.articles import AfterbuyArticles
from connectors.afterbuy.client import AfterbuyClient
from connectors.afterbuy.order_updates import AfterbuyPayments, AfterbuyShipments
from connectors.afterbuy.orders import AfterbuyOrders
from connectors.afterbuy.stock import AfterbuyStock
from flows.replay import replay
from models.sync.records import Cycle
from tests.support.prefect_server import lean_runs
from tests.support.steps import ALL_FLOWS

PUBLISHES: list[tuple[type, str]] = [
    (AfterbuyStock, "publish_stock"),
    (AfterbuyPayments, "publish_payments"),
    (AfterbuyShipments, "publish_shipments"),
]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_around(owner: Any, name: str, number: int, *, before: bool) -> None:
    """Die before or after the call of this number."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def call(*arguments: Any, **values: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == number:
            _die()
        result = real(*arguments, **values)
        if not before and calls == number:
            _die()
        return result

    setattr(owner, name, call)


def run_cycle(cycle: Cycle, account: str, point: str, number: int, wishes: Mapping[str, Any]) -> None:
    """Run a cycle and die where told."""
    match point:
        case "before-send":
            for owner, name in PUBLISHES:
                _kill_around(owner, name, number, before=True)
        case "after-send":
            for owner, name in PUBLISHES:
                _kill_around(owner, name, number, before=False)
        case "before-note":
            _kill_around(AfterbuyClient, "update_sold_items", number, before=False)
        case "before-page":
            _kill_around(AfterbuyOrders, "fetch_orders", number, before=True)
            _kill_around(AfterbuyArticles, "fetch_articles", number, before=True)
        case "before-commit":
            # All of the page is written, nothing committed.
            _kill_around(tasks.intake.orders, "advance", number, before=False)
        case "before-queue":
            # A mail is claimed and written, and not in the queue.
            _kill_around(tasks.buyer_mails, "queue_mail", number, before=True)
        case "before-close":
            # It is in the queue, its row not closed; nothing committed.
            _kill_around(tasks.buyer_mails, "mark_sent", number, before=True)
        case "before-delivery":
            _kill_around(tasks.buyer_mails, "deliver_due", number, before=True)
        case "never":
            pass
        case _:
            raise ValueError(f"no point {point}")
    flow = replay if cycle is Cycle.replay else ALL_FLOWS[cycle]
    with lean_runs():
        flow(account, return_state=True, **wishes)
