"""Builds broken on purpose, each with a short story by which the machine must find it out."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import select

import connectors.afterbuy.client
import connectors.afterbuy.connector
import connectors.afterbuy.values
import connectors.transport
import flows.invoicing
import models.columns
import models.document
import models.invoicing
import models.order_follow
import models.order_intake
import models.order_life
import models.returns
import models.shipment
import models.stock_moves
import tasks.alarms
import tasks.buyer_mails
import tasks.orders
import tasks.work
from connectors import connect
from connectors.errors import TransientError
from models.cycle import Cycle
from models.db import session_scope
from models.document import content_hash, list_documents, take_number
from models.order import OrderAddress
from models.order_intake import save_orders
from models.payment import take_channel_total
from tasks.windows import advance
from tests.faults.moments import COMMIT, REQUEST
from tests.faults.schedule import Luck, Schedule, Step
from tests.faults.world import SUMMER


@dataclass(frozen=True)
class BrokenBuild:
    """What was broken, which law that breaks, and the story that shows it."""

    name: str
    law: int
    broken: Callable[[], Any]
    """A context in which the build is broken."""
    steps: tuple[Step, ...]

    @property
    def schedule(self) -> Schedule:
        """Return the story."""
        return Schedule(seed=0, start=SUMMER, readings={}, quantity=9, steps=self.steps)


def _buy(side: int = 0, *, paid: bool = False) -> Step:
    return Step("buy", {"side": side, "lines": [(0, 1)], "paid": paid, "done": True})


def _run(cycle: Cycle, side: int = 0, luck: Luck | None = None) -> Step:
    return Step("run", {"side": side, "cycle": cycle}, luck)


_SHIP = Step("ship_here", {"side": 0, "number": 0, "whole": True})
_SPOIL = Step("spoil", {"side": 0, "number": 0})
_ANSWER_LOST = Luck("reset_after", number=1, call="UpdateSoldItems")
_INVOICED = (
    Step("buy", {"side": 1, "lines": [(0, 2)], "paid": False, "done": True}),
    _run(Cycle.order_import, 1),
    Step("ship_here", {"side": 1, "number": 0, "whole": False}),
    _run(Cycle.invoicing, 1),
)
"""A part of an order has left and is invoiced."""
_SHIPPED = (_buy(), _run(Cycle.order_import), _SHIP)


@contextmanager
def _all(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


def _read_too_far(
    session: Any, work: Any, cursor: str, window: Any, page: str | None, real: Any = advance
) -> None:
    from datetime import timedelta

    until = window.until and window.until + timedelta(days=30)
    real(session, work, cursor, window.model_copy(update={"until": until}), page)


def _talkative(session: Any, account: Any, rules: Any, records: Any, *, real: Any, **values: Any) -> Any:
    logging.getLogger("warenfluss").warning("saving %s", records)
    return real(session, account, rules, records, **values)


def _keep_few(self: Any, elements: Any, *arguments: Any, real: Any) -> Any:
    records = real(self, elements, *arguments)
    return [] if self.rejected else records


def _take_at_once(session: Any, *arguments: Any, real: Any = take_number) -> int:
    number: int = real(session, *arguments)
    session.commit()
    return number


def _take_every_total(session: Any, order: Any, total: Any, *arguments: Any, **values: Any) -> bool:
    refunded, order.refunded_amount = order.refunded_amount, Decimal(0)
    taken: bool = take_channel_total(session, order, total, *arguments, **values)
    order.refunded_amount = refunded
    return taken


def _follow_the_buyer(_run_id: int, _page: str | None) -> None:
    """Write the buyer's present address into every document, past what the database forbids."""
    with session_scope() as session:
        session.execute(text("DROP TRIGGER IF EXISTS document_stays_update"))
        for document in list_documents(session):
            street = session.exec(
                select(OrderAddress.street).where(OrderAddress.order_id == document.order_id)
            ).first()
            buyer = document.content["buyer"]
            document.content = {**document.content, "buyer": [buyer[0], street, *buyer[2:]]}
            document.sha256 = content_hash(document.content)
            session.add(document)


def builds() -> list[BrokenBuild]:
    """Return the broken builds, at least one for each law that can be looked at."""
    read = connectors.afterbuy.connector._Page.read
    return [
        BrokenBuild(
            "an order under another number is taken for a new one",
            1,
            lambda: _all(
                patch.object(models.order_intake, "owners_of_lines", lambda *_, **__: {}),
                patch.object(models.order_follow, "owners_of_lines", lambda *_, **__: {}),
            ),
            (
                _buy(),
                _buy(),
                _run(Cycle.order_import),
                Step("merge", {"side": 0, "one": 0, "other": 1}),
                _run(Cycle.order_import),
            ),
        ),
        BrokenBuild(
            "the next window begins after what happens meanwhile",
            1,
            lambda: patch.object(tasks.orders, "advance", _read_too_far),
            (_run(Cycle.order_import), _buy()),
        ),
        BrokenBuild(
            "a look-up that finds nothing, so that what arrived is sent again",
            2,
            lambda: patch.object(
                connectors.afterbuy.connector.AfterbuyChannel, "fetch_order_statuses", lambda *_: []
            ),
            (*_SHIPPED, _run(Cycle.shipping_sync, luck=_ANSWER_LOST)),
        ),
        BrokenBuild(
            "a lost answer is taken for a refusal, and the write repeated blindly",
            2,
            lambda: _all(
                *(
                    patch.object(module, "lost", lambda call, _reads, what: TransientError(f"{call}: {what}"))
                    for module in (connectors.transport, connectors.afterbuy.client)
                )
            ),
            (*_SHIPPED, _run(Cycle.shipping_sync, luck=_ANSWER_LOST)),
        ),
        BrokenBuild(
            "a shipment that nobody is told of",
            2,
            lambda: patch.object(models.shipment, "queue_outbound", lambda *_: None),
            _SHIPPED,
        ),
        BrokenBuild(
            "a cancellation that nobody is told of",
            2,
            lambda: patch.object(models.order_life, "queue_outbound", lambda *_: None),
            (_buy(), _run(Cycle.order_import), Step("cancel_here", {"side": 0, "number": 0})),
        ),
        BrokenBuild(
            "a refund that comes back as a payment",
            2,
            lambda: patch.object(models.order_follow, "take_channel_total", _take_every_total),
            (
                Step("buy", {"side": 1, "lines": [(0, 1)], "paid": False, "done": True}),
                _run(Cycle.order_import, 1),
                Step("pay_here", {"side": 1, "number": 0, "cents": 500}),
                _run(Cycle.payment_sync, 1),
                Step("refund_here", {"side": 1, "number": 0, "cents": 300}),
                Step("move", {"side": 1, "number": 0}),
                _run(Cycle.order_import, 1),
            ),
        ),
        BrokenBuild(
            "money as whole euros",
            3,
            lambda: patch.object(models.columns, "to_ten_thousandths", lambda value: int(value) * 10_000),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "stock that changes beside its ledger",
            4,
            lambda: patch.object(models.stock_moves, "_write_ledger", lambda *_: None),
            (Step("count", {"product": 0, "quantity": 20}),),
        ),
        BrokenBuild(
            "a mail that is taken for written before it is",
            2,
            lambda: patch.object(tasks.buyer_mails, "queue_mail", lambda *_, **__: None),
            (*_INVOICED, _run(Cycle.buyer_mail, 1)),
        ),
        BrokenBuild(
            "goods that come back and are never counted",
            4,
            lambda: patch.object(models.returns, "put_back", lambda *_: None),
            (*_INVOICED, Step("take_back", {"side": 1, "number": 0, "fate": "to_stock"})),
        ),
        BrokenBuild(
            "a document that the books lack",
            8,
            lambda: patch.object(models.document, "book_documents", lambda *_: None),
            _INVOICED,
        ),
        BrokenBuild(
            "a test run with a connection in earnest",
            5,
            lambda: patch.object(
                tasks.work,
                "connect",
                lambda *arguments, **values: connect(*arguments, **{**values, "test": False}),
            ),
            (*_SHIPPED, _run(Cycle.shipping_sync, luck=Luck("test"))),
        ),
        BrokenBuild(
            "bad records that are dropped without a trace",
            6,
            lambda: patch.object(connectors.afterbuy.connector._Page, "_set_aside", lambda *_: None),
            (_buy(), _SPOIL),
        ),
        BrokenBuild(
            "a bad record that takes its neighbours along",
            6,
            lambda: patch.object(
                connectors.afterbuy.connector._Page, "read", lambda *all_: _keep_few(*all_, real=read)
            ),
            (_buy(), _buy(), _SPOIL),
        ),
        BrokenBuild(
            "the channel's wall clock read as UTC",
            7,
            lambda: patch.object(connectors.afterbuy.values, "BERLIN", ZoneInfo("UTC")),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "a number that is used up before its document is sure",
            8,
            lambda: patch.object(models.document, "take_number", _take_at_once),
            (*_INVOICED[:-1], _run(Cycle.invoicing, 1, Luck("disk_full", COMMIT, 4))),
        ),
        BrokenBuild(
            "an invoice that follows its buyer's address",
            8,
            lambda: patch.object(flows.invoicing, "draw_page", _follow_the_buyer),
            (
                *_INVOICED,
                Step("move", {"side": 1, "number": 0}),
                _run(Cycle.order_import, 1),
                _run(Cycle.invoicing, 1),
            ),
        ),
        BrokenBuild(
            "goods that each run invoices again",
            8,
            lambda: patch.object(models.invoicing, "_count", lambda *_: None),
            (*_INVOICED, _run(Cycle.invoicing, 1)),
        ),
        BrokenBuild(
            "papers that nobody draws",
            8,
            lambda: patch.object(flows.invoicing, "draw_page", lambda *_: None),
            _INVOICED,
        ),
        BrokenBuild(
            "a log of whole orders",
            9,
            lambda: patch.object(
                tasks.orders,
                "save_orders",
                lambda *all_, **named: _talkative(*all_, real=save_orders, **named),
            ),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "an anonymous order that takes its buyer back",
            9,
            lambda: patch.object(models.order_intake, "as_kept", lambda _, data: data),
            (
                Step("buy", {"side": 0, "lines": [(0, 1)], "paid": True, "done": True}),
                _run(Cycle.order_import),
                Step("ship_here", {"side": 0, "number": 0, "whole": True}),
            ),
        ),
        BrokenBuild(
            "failures that nobody is told of",
            10,
            lambda: _all(
                patch.object(tasks.alarms, "_report", lambda *_: None),
                patch.object(tasks.alarms, "list_unreported", lambda _: []),
            ),
            (_run(Cycle.order_import, luck=Luck("refuse_login", number=1)),),
        ),
        BrokenBuild(
            "dead runs that nobody looks for",
            10,
            lambda: _all(
                patch.object(tasks.alarms, "list_vanished", lambda _: []),
                patch.object(tasks.alarms, "list_unreported", lambda _: []),
            ),
            (_run(Cycle.order_import, luck=Luck("killed", REQUEST, 1)),),
        ),
    ]
