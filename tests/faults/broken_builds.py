"""Deliberately broken builds, each with a short story in which the machine must detect it."""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from unittest.mock import patch
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import Session, col, select, update

import connectors.afterbuy.client
import connectors.afterbuy.orders
import connectors.afterbuy.paging
import connectors.afterbuy.values
import connectors.http.transport
import flows.invoicing
import flows.reconcile
import models.accounting.issued
import models.database.columns
import models.fulfilment.consolidation
import models.fulfilment.dispatch
import models.fulfilment.holding
import models.fulfilment.returns
import models.intake.merges
import models.intake.order_changes
import models.intake.orders
import models.invoicing.invoices
import models.order_desk.manual_orders
import models.order_desk.offers
import models.privacy.anonymisation
import models.privacy.retention
import models.upkeep.pruning
import models.warehouse.ledger
import tasks.buyer_mails
import tasks.intake.orders
import tasks.outbound.delivery
import tasks.run.boundary
import tasks.run.work
import tasks.sheets.tracking
import tasks.watch.alarms
from connectors.errors import TransientError
from connectors.registry import open_connection
from flows.order_import import order_import
from models.accounting.issued import Document, DocumentDraft, issue_each, list_documents
from models.accounting.numbers import take_number
from models.accounting.records import content_hash
from models.clock import utc_now
from models.database.session import session_scope
from models.fulfilment.dispatch import add_tracking
from models.fulfilment.shipments import ParcelData
from models.intake.orders import save_orders
from models.orders.order import Order, OrderAddress
from models.orders.origin import OrderOrigin
from models.payments.payment import apply_channel_total
from models.privacy.anonymisation import _anonymise
from models.sync.outbound import Outbound, OutboundState
from models.sync.records import Cycle
from tasks.run.windows import advance
from tests.faults.moments import COMMIT, REQUEST
from tests.faults.schedule import Luck, Schedule, Step
from tests.faults.world import SUMMER


@dataclass(frozen=True)
class BrokenBuild:
    """What is broken, which law that breaks, and the story that shows it."""

    name: str
    law: int
    broken: Callable[[], Any]
    """A context in which the build is broken."""
    steps: tuple[Step, ...]
    readings: Mapping[str, Any] = field(default_factory=dict)
    forgetting: Luck | None = None

    @property
    def schedule(self) -> Schedule:
        """Return the story."""
        readings = dict(self.readings)
        return Schedule(0, SUMMER, readings, quantity=9, steps=self.steps, forgetting=self.forgetting)


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
"""A part of an order has shipped and is invoiced."""
_SHIPPED = (_buy(), _run(Cycle.order_import), _SHIP)
_OVER = (_buy(paid=True), _run(Cycle.order_import), _SHIP)
"""An order has ended as soon as its parcel is published to the channel."""
_FILE = Step("import_parcels", {"side": 0, "numbers": [0], "gone": True})
_TAKE = {"slip": 1, "lines": [(0, 2)]}
_TOGETHER = (
    *(
        Step("buy", {"side": side, "lines": [(side, 1)], "paid": True, "done": True, "buyer": 1})
        for side in (0, 1)
    ),
    _run(Cycle.order_import),
    _run(Cycle.order_import, 1),
    Step("join", {"number": 0}),
    Step("ship_mate", {"number": 0}),
)
"""One buyer's orders in both channels ship in one parcel."""
_IN_DOUBT = (
    _buy(),
    _run(Cycle.order_import),
    Step("cancel_here", {"side": 0, "number": 0}),
    _run(Cycle.shipping_sync, luck=Luck("reset_after", number=1, call="CancelOrders")),
)
_VANISH = {"cancelled_orders": "vanish"}
"""It is unknown whether the channel received a cancellation, and the channel hides cancelled orders."""


@contextmanager
def _all(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


def _read_too_far(
    session: Any, work: Any, cursor: str, window: Any, page: str | None, real: Any = advance
) -> None:
    until = window.until and window.until + timedelta(days=30)
    real(session, work, cursor, window.model_copy(update={"until": until}), page)


def _talkative(session: Any, account: Any, rules: Any, records: Any, *, real: Any, **values: Any) -> Any:
    logging.getLogger("warenfluss").warning("saving %s", records)
    return real(session, account, rules, records, **values)


class _LadenError(Exception):
    """An error whose text is harmless, and which carries the records that it is about."""


def _fail_laden(_session: Any, _account: Any, _rules: Any, records: Any, **_: Any) -> Any:
    error = _LadenError("these cannot be saved")
    vars(error)["records"] = records
    raise error


def _keep_few(self: Any, elements: Any, *arguments: Any, real: Any) -> Any:
    records = real(self, elements, *arguments)
    return [] if self.rejected else records


def _take_at_once(session: Any, *arguments: Any, real: Any = take_number) -> int:
    number: int = real(session, *arguments)
    session.commit()
    return number


def _take_every_total(session: Any, order: Any, total: Any, *arguments: Any, **values: Any) -> bool:
    refunded, order.refunded_amount = order.refunded_amount, Decimal(0)
    taken: bool = apply_channel_total(session, order, total, *arguments, **values)
    order.refunded_amount = refunded
    return taken


def _follow_the_buyer(_run_id: int, _page: str | None) -> None:
    """Write the buyer's present address into every document, bypassing the database's triggers."""
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


def _mark_first(session: Any, tenant: Any, ids: Any, *, asked: bool, real: Any = _anonymise) -> None:
    session.execute(update(Order).where(col(Order.id).in_(ids)).values(anonymised_at=utc_now()))
    session.commit()
    real(session, tenant, ids, asked=asked)


def _add_silently(*arguments: Any) -> bool:
    with patch.object(models.fulfilment.dispatch, "queue_outbound", lambda *_: None):
        return add_tracking(*arguments)


def _issue_uncounted(session: Session, papers: Sequence[DocumentDraft]) -> list[Document]:
    documents = issue_each(session, papers)
    for paper in papers:
        # The quantities that are counted as invoiced afterwards.
        cast(dict[int, int], paper.quantities).clear()
    return documents


def _ask_for_ever(session: Any, row: Outbound, _error: str) -> None:
    row.state, row.run_id = OutboundState.uncertain, None
    row.next_try_at = utc_now() + timedelta(hours=1)
    session.add(row)


def builds() -> list[BrokenBuild]:
    """Return the broken builds, at least one for each law that can be checked."""
    read = connectors.afterbuy.paging.PageReader.read
    return [
        BrokenBuild(
            "an order under another number is taken for a new one",
            1,
            lambda: _all(
                patch.object(models.intake.orders, "owners_of_lines", lambda *_, **__: {}),
                patch.object(models.intake.merges, "owners_of_lines", lambda *_, **__: {}),
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
            lambda: patch.object(tasks.intake.orders, "advance", _read_too_far),
            (_run(Cycle.order_import), _buy()),
        ),
        BrokenBuild(
            "a slip that is an order each time it is typed in",
            1,
            lambda: _all(
                patch.object(models.order_desk.manual_orders, "find_by_reference", lambda *_: None),
                patch.object(
                    models.order_desk.manual_orders,
                    "OrderOrigin",
                    lambda **values: OrderOrigin(**{**values, "reference": str(values["order_id"])}),
                ),
            ),
            (Step("take", _TAKE), Step("take", _TAKE)),
        ),
        BrokenBuild(
            "an offer that becomes an order each time it is accepted",
            1,
            lambda: patch.object(models.order_desk.offers, "_lock_open", lambda *_: None),
            (Step("offer", _TAKE), Step("accept", {"number": 0}), Step("accept", {"number": 0})),
        ),
        BrokenBuild(
            "a number that is used up before its order by hand is sure",
            1,
            lambda: patch.object(models.order_desk.manual_orders, "take_number", _take_at_once),
            (Step("take", _TAKE, Luck("disk_full", COMMIT, 2)),),
        ),
        BrokenBuild(
            "an order that stays when those leave with which it goes",
            2,
            lambda: patch.object(models.fulfilment.consolidation, "consolidated_orders", lambda *_: {}),
            _TOGETHER,
        ),
        BrokenBuild(
            "orders in one parcel, each of which is told another number",
            2,
            lambda: patch.object(
                models.fulfilment.consolidation,
                "ParcelData",
                lambda tracking_number: ParcelData(tracking_number=f"{tracking_number}-2"),
            ),
            _TOGETHER,
        ),
        BrokenBuild(
            "a parcel's number that comes later and that nobody is told of",
            2,
            lambda: patch.object(tasks.sheets.tracking, "add_tracking", _add_silently),
            (
                *_SHIPPED[:-1],
                Step("ship_here", {"side": 0, "number": 0, "whole": True, "numbered": False}),
                _run(Cycle.shipping_sync),
                _FILE,
            ),
        ),
        BrokenBuild(
            "an order that its channel hides and that nobody misses",
            2,
            lambda: patch.object(flows.reconcile, "compare_orders_here", lambda *_: None),
            (_buy(), _run(Cycle.order_import), Step("cancel_there", {"side": 0, "number": 0})),
            readings=_VANISH,
        ),
        BrokenBuild(
            "a cancellation in doubt that is asked for without end",
            2,
            lambda: patch.object(tasks.outbound.delivery, "mark_unconfirmed", _ask_for_ever),
            _IN_DOUBT,
            readings=_VANISH,
        ),
        BrokenBuild(
            "a look-up that finds nothing, so that what arrived is sent again",
            2,
            lambda: patch.object(
                connectors.afterbuy.orders.AfterbuyOrders, "fetch_order_statuses", lambda *_: []
            ),
            (*_SHIPPED, _run(Cycle.shipping_sync, luck=_ANSWER_LOST)),
        ),
        BrokenBuild(
            "a lost answer is taken for a refusal, and the write repeated blindly",
            2,
            lambda: _all(
                *(
                    patch.object(module, "lost", lambda call, _reads, what: TransientError(f"{call}: {what}"))
                    for module in (connectors.http.transport, connectors.afterbuy.client)
                )
            ),
            (*_SHIPPED, _run(Cycle.shipping_sync, luck=_ANSWER_LOST)),
        ),
        BrokenBuild(
            "a shipment that nobody is told of",
            2,
            lambda: patch.object(models.fulfilment.dispatch, "queue_outbound", lambda *_: None),
            _SHIPPED,
        ),
        BrokenBuild(
            "a cancellation that nobody is told of",
            2,
            lambda: patch.object(models.fulfilment.holding, "queue_outbound", lambda *_: None),
            (_buy(), _run(Cycle.order_import), Step("cancel_here", {"side": 0, "number": 0})),
        ),
        BrokenBuild(
            "a refund that comes back as a payment",
            2,
            lambda: patch.object(models.intake.order_changes, "apply_channel_total", _take_every_total),
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
            lambda: patch.object(
                models.database.columns, "to_ten_thousandths", lambda value: int(value) * 10_000
            ),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "stock that changes beside its ledger",
            4,
            lambda: patch.object(models.warehouse.ledger, "_write_ledger", lambda *_: None),
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
            lambda: patch.object(models.fulfilment.returns, "return_to_stock", lambda *_: None),
            (*_INVOICED, Step("take_back", {"side": 1, "number": 0, "fate": "to_stock"})),
        ),
        BrokenBuild(
            "parcels that their carrier cancelled",
            4,
            lambda: patch.object(tasks.sheets.tracking, "NOT_CANCELLED", {"", "ja"}),
            (*_SHIPPED[:-1], _FILE),
        ),
        BrokenBuild(
            "a document that the books lack",
            8,
            lambda: patch.object(models.accounting.issued, "book_documents", lambda *_: None),
            _INVOICED,
        ),
        BrokenBuild(
            "a test run with a connection in earnest",
            5,
            lambda: patch.object(
                tasks.run.work,
                "open_connection",
                lambda *arguments, **values: open_connection(*arguments, **{**values, "test": False}),
            ),
            (*_SHIPPED, _run(Cycle.shipping_sync, luck=Luck("test"))),
        ),
        BrokenBuild(
            "bad records that are dropped without a trace",
            6,
            lambda: patch.object(connectors.afterbuy.paging.PageReader, "_reject", lambda *_: None),
            (_buy(), _SPOIL),
        ),
        BrokenBuild(
            "a bad record that takes its neighbours along",
            6,
            lambda: patch.object(
                connectors.afterbuy.paging.PageReader, "read", lambda *all_: _keep_few(*all_, real=read)
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
            lambda: patch.object(models.accounting.issued, "take_number", _take_at_once),
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
            lambda: patch.object(models.invoicing.invoices, "issue_each", _issue_uncounted),
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
                tasks.intake.orders,
                "save_orders",
                lambda *all_, **named: _talkative(*all_, real=save_orders, **named),
            ),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "a run that hands its error to Prefect as it is",
            9,
            lambda: _all(
                patch.object(tasks.run.boundary, "plain_error", lambda error: error),
                patch.object(tasks.intake.orders, "save_orders", _fail_laden),
                patch.object(order_import, "fn", inspect.unwrap(order_import.fn)),
            ),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "an anonymous order that takes its buyer back",
            9,
            lambda: patch.object(models.intake.orders, "without_erased", lambda _, data: data),
            _OVER,
        ),
        BrokenBuild(
            "buyers who stay although their orders are over",
            9,
            lambda: patch.object(models.upkeep.pruning, "list_due_orders", lambda *_: []),
            _OVER,
        ),
        BrokenBuild(
            "buyers who go before their orders are over",
            9,
            lambda: patch.object(
                models.privacy.retention, "HAS_ENDED", "anonymised_at IS NULL AND NOT trial"
            ),
            (_buy(), _run(Cycle.order_import)),
        ),
        BrokenBuild(
            "orders that are anonymous before their buyers' data are gone",
            9,
            lambda: patch.object(models.privacy.anonymisation, "_anonymise", _mark_first),
            _OVER,
            forgetting=Luck("disk_full", COMMIT, 3),
        ),
        BrokenBuild(
            "changes given up that nobody is told of",
            10,
            lambda: _all(
                *(
                    patch.object(module, "report_parked", lambda _: None)
                    for module in (tasks.run.work, tasks.watch.alarms)
                )
            ),
            _IN_DOUBT,
            readings=_VANISH,
        ),
        BrokenBuild(
            "failures that nobody is told of",
            10,
            lambda: _all(
                patch.object(tasks.watch.alarms, "_report", lambda *_: None),
                patch.object(tasks.watch.alarms, "list_unreported", lambda _: []),
            ),
            (_run(Cycle.order_import, luck=Luck("refuse_login", number=1)),),
        ),
        BrokenBuild(
            "dead runs that nobody looks for",
            10,
            lambda: _all(
                patch.object(tasks.watch.alarms, "list_vanished", lambda _: []),
                patch.object(tasks.watch.alarms, "list_unreported", lambda _: []),
            ),
            (_run(Cycle.order_import, luck=Luck("killed", REQUEST, 1)),),
        ),
    ]
