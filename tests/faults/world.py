"""A merchant with two channels that share one stock, and everybody who does something there.

Each method is one thing that a person, a buyer or a channel does. Who is meant is said by number, so
that a schedule can be drawn without knowing what it will meet; where nobody fits, nothing happens.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from prefect import Task
from prefect.client.schemas.objects import State as PrefectState
from prefect.logging import disable_run_logger
from sqlmodel import Session, col, select

import tasks.reports
import tasks.work
from connectors.afterbuy.simulator import Address, Member, Simulator, State, Switches
from connectors.afterbuy.simulator import Order as TheirOrder
from connectors.afterbuy.simulator.state import CANCELLED_FLAG
from flows.replay import replay
from models.account import ChannelOptions, Mode, account_data, add_account, get_account
from models.activation import set_mode
from models.article import Article
from models.columns import need_id
from models.cycle import LEASE_SECONDS, Cycle
from models.db import read_scope, session_scope
from models.document import DocumentKind, corrections_of, list_documents
from models.errors import RuleError
from models.invoicing import correct_invoice
from models.order import Actor, LinePart, Order, OrderLine, lines_of
from models.order_life import cancel_order
from models.order_mend import set_quantity
from models.outbound import retry_parked
from models.payment import record_payment, record_refund
from models.release import release_order
from models.shipment import ParcelData, record_shipment
from models.stock import main_warehouse
from models.stock_moves import set_on_hand
from models.tenant import add_tenant
from tasks.alarms import watch
from tasks.secrets import save_secrets
from tests.faults.clocks import Clocks, ruled_by
from tests.flows.steps import ALL_FLOWS
from tests.support.smtp import SmtpServer

SKUS = ("M-0", "M-1", "M-2", "M-3")
SET_SKU = "SET-1"
SET_PARTS = {"M-0": 2, "M-1": 1}
OVERLAP = timedelta(minutes=ChannelOptions().overlap_minutes)
TIMEOUT_SECONDS = 1.0
"""Half of what a silent channel takes, and long enough for one that answers on a busy machine."""
PATIENT_SECONDS = 30.0
OPERATOR = "operator@merchant.example"
CANCELLED = str(CANCELLED_FLAG)
INVOICES = {"invoices": "warenfluss", "invoices_from": "2020-01-01"}
SELLER = {"name": "Merchant GmbH", "address": ["Kaufhof 1", "04109 Leipzig"], "vat_id": "DE123456789"}


class Listener(logging.Handler):
    """Keeps whatever is logged, as one who reads the logs sees it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record with its traceback."""
        self.lines.append(self.format(record))

    def take(self) -> list[str]:
        """Return what was logged since the last look."""
        lines, self.lines = self.lines, []
        return lines


def flow_of(cycle: Cycle) -> tuple[Any, dict[str, Any]]:
    """Return the flow of a cycle, and with which parameters it does all there is to do."""
    if cycle is Cycle.replay:
        return replay, {"everything": True, "wait_seconds": 0}
    return ALL_FLOWS[cycle], {}


def start(cycle: Cycle, account: str, **parameters: Any) -> PrefectState[Any]:
    """Run a cycle; a replay is one of everything. Raises: what Prefect's client does without its server."""
    flow, own = flow_of(cycle)
    state: PrefectState[Any] = flow(account, return_state=True, **own, **parameters)
    return state


def start_plainly(cycle: Cycle, account: str, secrets: dict[str, str]) -> PrefectState[Any]:
    """Do a cycle's work as the plain functions that its flow and tasks are, unknown to Prefect's server.

    For when all is well, in a tenth of the time: nothing befalls such a run, and it is to find everything
    in order. Raises: whatever the work raises.
    """
    flow, own = flow_of(cycle)
    with (
        disable_run_logger(),
        patch.object(Task, "__call__", _call_plainly),
        patch.object(tasks.work, "load_secrets", lambda _: secrets),
        patch.object(tasks.reports, "create_table_artifact"),
        patch.object(tasks.reports, "create_progress_artifact"),
        patch.object(tasks.reports, "update_progress"),
    ):
        state: PrefectState[Any] = flow.fn(account, **own)
    return state


def _call_plainly(task: Task[Any, Any], *arguments: Any, **parameters: Any) -> Any:
    return task.fn(*arguments, **parameters)


@dataclass
class Side:
    """One account and the server behind it, with what was done there."""

    name: str
    simulator: Simulator
    pays_here: bool
    """Payments are received by us and told; else the channel receives and tells them."""
    invoices_here: bool = False
    shipped: dict[int, list[str]] = field(default_factory=dict)
    """Tracking numbers that left from here, by the key of the order there."""
    paid: dict[int, Decimal] = field(default_factory=dict)
    cancelled_here: set[int] = field(default_factory=set)
    shrunk_here: set[int] = field(default_factory=set)
    """The items of orders of which units were cancelled here."""
    spoilt: dict[int, int] = field(default_factory=dict)
    """What quantity an item had that is told as nonsense now."""

    @property
    def secrets(self) -> dict[str, str]:
        """Return with what to log in."""
        switches = self.simulator.switches
        return {"partner_token": switches.partner_token, "account_token": switches.account_token}

    @property
    def state(self) -> State:
        """Return the truth of the other side."""
        return self.simulator.state

    def theirs(self, number: int, fits: Callable[[TheirOrder], bool] = lambda _: True) -> TheirOrder | None:
        """Return the fitting order of this number there, counted around."""
        orders = [order for _, order in sorted(self.state.orders.items()) if fits(order)]
        return orders[number % len(orders)] if orders else None


@dataclass
class World:
    """Both channels, the warehouse, the mail server and the clocks."""

    clocks: Clocks
    sides: list[Side]
    smtp: SmtpServer
    listener: Listener
    seen_states: list[str] = field(default_factory=list)
    """What Prefect was told of each run's end."""
    delivered: Counter[str] = field(default_factory=Counter)
    counted: dict[str, int] = field(default_factory=dict)
    """What was last counted in the warehouse, by SKU, less what left since."""
    papers: dict[str, str] = field(default_factory=dict)
    """What of each issued document was first seen, as somebody who keeps copies of them knows it."""

    # --- buyers and channels ------------------------------------------------------------------------

    def buy(self, side: int, lines: Sequence[tuple[int, int]], *, paid: bool, done: bool) -> None:
        """Let a buyer order; `done` says whether the checkout is finished."""
        channel = self.sides[side].state
        products = channel.product_ids()
        number = len(channel.orders) + 1
        buyer = Address(
            first_name="Geheim",
            last_name=f"Verborgen{side}{number}",
            street=f"Verschwiegene Gasse {number}",
            postal_code="04229",
            city="Leipzig",
            mail=f"geheim{side}{number}@buyer.example",
        )
        items = [(products[product % len(products)], quantity) for product, quantity in lines]
        paid = paid and done and not self.sides[side].pays_here
        channel.place_order(items, billing=buyer, process=done, paid=paid)

    def check_out(self, side: int, number: int) -> None:
        """Let a buyer finish the checkout."""
        if order := self.sides[side].theirs(number, _is_unfinished):
            self.sides[side].state.complete_checkout(order)

    def check_out_all(self, side: int) -> None:
        """Let every buyer finish the checkout: until then nothing here knows of the stock that is sold."""
        while self.sides[side].theirs(0, _is_unfinished):
            self.check_out(side, 0)

    def pay_there(self, side: int, number: int, share: int) -> None:
        """Let the channel receive money, all that is due or a part."""
        chosen = self.sides[side]
        order = chosen.theirs(
            number, lambda order: order.order_id > 0 and order.already_paid < order.full_amount
        )
        if order is not None and not chosen.pays_here:
            due = order.full_amount - order.already_paid
            amount = due if share == 1 else (due / share).quantize(Decimal("0.01"))
            chosen.state.pay(order.order_id, amount or due)

    def alter(self, side: int, number: int, quantity: int) -> None:
        """Change the quantity of an order's first line at the channel."""
        order = self.sides[side].theirs(number, _is_open)
        if order is not None and not self._left(side, order):
            self.sides[side].state.change_quantity(order.order_id, order.items[0].id, quantity)

    def move(self, side: int, number: int) -> None:
        """Give an order another address at the channel."""
        if order := self.sides[side].theirs(number, _is_open):
            street = f"Verschwiegene Allee {number}"
            other = Address(**{**vars(order.billing), "street": street})
            self.sides[side].state.change_address(order.order_id, billing=other)

    def merge(self, side: int, one: int, other: int) -> None:
        """Merge two orders at the channel that have not left."""
        chosen = self.sides[side]

        def fits(order: TheirOrder) -> bool:
            return _is_open(order) and not self._left(side, order)

        first, second = chosen.theirs(one, fits), chosen.theirs(other, fits)
        if first is not None and second is not None and first is not second:
            keys = {first.key, second.key}
            merged = chosen.state.merge([first.order_id, second.order_id])
            # Who paid here for either has paid for what they became.
            money = sum((chosen.paid.pop(key, Decimal(0)) for key in keys), Decimal(0))
            if money:
                chosen.paid[merged.key] = money

    def cancel_there(self, side: int, number: int) -> None:
        """Cancel an order at the channel, with its stock back."""
        order = self.sides[side].theirs(number, _is_open)
        if order is not None and not self._left(side, order):
            self.sides[side].state.cancel(order.order_id)

    def ship_there(self, side: int, number: int) -> None:
        """Let somebody mark an order as shipped at the channel."""
        order = self.sides[side].theirs(number, _is_open)
        if order is not None and not self._left(side, order):
            self.sides[side].state.ship(order.order_id, tracking_number=f"THERE{order.key}")

    def spoil(self, side: int, number: int) -> None:
        """Let the channel tell a quantity that cannot be, of an order that is not here yet."""
        chosen = self.sides[side]
        order = chosen.theirs(number, _is_open)
        if order is not None and self.order_here(side, order.key) is None:
            chosen.spoilt[order.items[0].id] = order.items[0].quantity
            order.items[0].quantity = -1
            chosen.state.touch(order)

    def spoilt(self, side: int) -> list[TheirOrder]:
        """Return the orders that cannot be read."""
        return [order for order in self.sides[side].state.orders.values() if _is_spoilt(order)]

    def heal(self, side: int) -> None:
        """Give spoilt orders their quantities back."""
        for order in self.spoilt(side):
            for item in order.items:
                item.quantity = self.sides[side].spoilt.get(item.id, item.quantity)
            self.sides[side].state.touch(order)

    # --- the merchant -------------------------------------------------------------------------------

    def count(self, product: int, quantity: int) -> None:
        """Count an article anew."""
        sku = SKUS[product % len(SKUS)]

        def book(session: Session) -> None:
            article = session.exec(select(Article).where(Article.sku == sku)).one()
            tenant_id = get_account(session, self.sides[0].name).tenant_id
            set_on_hand(
                session, need_id(main_warehouse(session, tenant_id).id), {need_id(article.id): quantity}
            )

        if self._try(book):
            self.counted[sku] = quantity

    def ship_here(self, side: int, number: int, *, whole: bool) -> None:
        """Send an order's goods, all or one unit of the first line that has any left."""
        chosen = self.sides[side]
        order = chosen.theirs(number, _is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None:
            return
        tracking = f"HERE{side}{order.key}{len(chosen.shipped.get(order.key, []))}"
        left: Counter[str] = Counter()

        def book(session: Session) -> None:
            row = session.get_one(Order, mine.id)
            lines = lines_of(session, [need_id(row.id)]).get(need_id(row.id), [])
            open_units = {need_id(line.id): line.quantity - line.cancelled - line.shipped for line in lines}
            content = {line_id: units for line_id, units in open_units.items() if units}
            if not whole:
                content = dict.fromkeys(list(content)[:1], 1)
            parcel = ParcelData(tracking_number=tracking, lines={} if whole else content)
            record_shipment(session, row, "DHL", [parcel], self.clocks.here.replace(microsecond=0))
            left.update(_goods(session, content))

        if self._try(book):
            chosen.shipped.setdefault(order.key, []).append(tracking)
            for sku, units in left.items():
                self.counted[sku] -= units

    def pay_here(self, side: int, number: int, cents: int) -> None:
        """Receive money for an order where payments are received here."""
        chosen = self.sides[side]
        order = chosen.theirs(number, _is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None or not chosen.pays_here:
            return
        amount = Decimal(cents) / 100

        def book(session: Session) -> None:
            account = account_data(get_account(session, chosen.name))
            record_payment(session, account, session.get_one(Order, mine.id), amount, self.clocks.here)

        if self._try(book):
            chosen.paid[order.key] = chosen.paid.get(order.key, Decimal(0)) + amount

    def refund_here(self, side: int, number: int, cents: int) -> None:
        """Give money back for an order where payments are received here."""
        chosen = self.sides[side]
        order = chosen.theirs(number, lambda order: order.key in chosen.paid)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None:
            return
        amount = Decimal(cents) / 100

        def book(session: Session) -> None:
            account = account_data(get_account(session, chosen.name))
            record_refund(session, account, session.get_one(Order, mine.id), amount, self.clocks.here)

        if self._try(book):
            chosen.paid[order.key] -= amount

    def shrink_here(self, side: int, number: int) -> None:
        """Cancel one unit of the first line of an order that has several left."""
        chosen = self.sides[side]
        order = chosen.theirs(number, _is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None:
            return

        def book(session: Session) -> None:
            row = session.get_one(Order, mine.id)
            for line in lines_of(session, [need_id(row.id)])[need_id(row.id)]:
                left = line.quantity - line.cancelled
                if left - line.shipped > 1:
                    set_quantity(session, row, line, left - 1, actor=Actor.person)
                    chosen.shrunk_here.update(item.id for item in order.items)
                    return

        self._try(book)

    def cancel_here(self, side: int, number: int) -> None:
        """Cancel an order here, of which the channel is to hear."""
        order = self.sides[side].theirs(number, _is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None:
            return

        def book(session: Session) -> None:
            cancel_order(session, session.get_one(Order, mine.id), actor=Actor.person)

        if self._try(book):
            self.sides[side].cancelled_here.add(order.key)

    def release(self, side: int, number: int) -> None:
        """Hand an order to the warehouse."""
        order = self.sides[side].theirs(number, _is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if mine is not None:
            self._try(lambda session: release_order(session, session.get_one(Order, mine.id)))

    def correct(self, number: int) -> None:
        """Take one of the invoices that stand back."""

        def book(session: Session) -> None:
            invoices = list_documents(session, kind=DocumentKind.invoice)
            undone = corrections_of(session, [need_id(one.id) for one in invoices])
            standing = [one for one in invoices if one.id not in undone]
            if standing:
                correct_invoice(session, standing[number % len(standing)], "The buyer wants another address.")

        self._try(book)

    # --- cycles and time ----------------------------------------------------------------------------

    def run(self, side: int, cycle: Cycle, *, plainly: bool = False, **parameters: Any) -> str:
        """Run a cycle in this process; return the kind of state in which it ended, "lost" without one."""
        chosen = self.sides[side]
        try:
            if plainly:
                state = start_plainly(cycle, chosen.name, chosen.secrets)
            else:
                state = start(cycle, chosen.name, **parameters)
        except Exception as error:
            # Prefect could not be told; what counts is what our own tables say.
            self.seen_states.append(f"{type(error).__name__}: {error}")
            return "lost"
        self.seen_states.append(f"{state.type} {state.message}")
        return str(state.type.value)

    def be_patient(self) -> None:
        """Let every account wait long for an answer: a busy machine is no bad luck."""
        with session_scope() as session:
            for side in self.sides:
                account = get_account(session, side.name)
                account.settings = {**account.settings, "read_timeout_seconds": PATIENT_SECONDS}
                session.add(account)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._look_while_behind()
        self.clocks.advance(seconds=seconds)

    def turn_clock(self, minutes: float) -> None:
        """Let the channels' clock jump, forwards or back; it is put right at the next jump."""
        if self.clocks.skew:
            self.put_clock_right()
        else:
            self.clocks.skew = timedelta(minutes=minutes)

    def put_clock_right(self) -> None:
        """Let the channels' clock tell our time again."""
        self._look_while_behind()
        self.clocks.skew = timedelta(0)

    def _look_while_behind(self) -> None:
        """Read orders, if the channels' clock is further behind than windows overlap.

        What changed at such a time and was looked at only once the clock had caught up is for a
        reconciliation to find.
        """
        if self.clocks.skew < -OVERLAP:
            # Longer than a dead run's lease keeps others away.
            self.clocks.advance(seconds=LEASE_SECONDS + 1)
            for number in range(len(self.sides)):
                self.run(number, Cycle.order_import, plainly=True)

    def watch(self) -> None:
        """Let the watcher look, which `warenfluss up` does every minute."""
        watch()

    def retry_parked(self) -> None:
        """Let the operator do what the mail about changes that were not taken says."""
        with session_scope() as session:
            retry_parked(session, [])

    # --- looking ------------------------------------------------------------------------------------

    def order_here(self, side: int, key: int) -> Order | None:
        """Return our order that has the leading item of theirs, None if it is not here yet."""
        with read_scope() as session:
            account_id = get_account(session, self.sides[side].name).id
            return session.exec(
                select(Order)
                .join(OrderLine, col(OrderLine.order_id) == col(Order.id))
                .where(OrderLine.account_id == account_id, OrderLine.external_id == str(key))
            ).first()

    def _left(self, side: int, order: TheirOrder) -> bool:
        """Return whether goods of an order left from here, so that the channel's people leave it alone."""
        ids = {item.id for item in order.items}
        return order.delivery_date is not None or any(key in ids for key in self.sides[side].shipped)

    def _try(self, book: Callable[[Session], None]) -> bool:
        """Do what a person asks for; return False if a rule refused it."""
        try:
            with session_scope() as session:
                book(session)
        except RuleError:
            return False
        return True


def _is_unfinished(order: TheirOrder) -> bool:
    return order.feedback_date is None


def _is_open(order: TheirOrder) -> bool:
    gone = order.cancelled_at is not None or order.delivery_date is not None
    return order.order_id > 0 and not gone and not _is_spoilt(order)


def _is_spoilt(order: TheirOrder) -> bool:
    return any(item.quantity < 0 for item in order.items)


def _goods(session: Session, content: Mapping[int, int]) -> Counter[str]:
    """Return by SKU what units of order lines are in the warehouse."""
    goods: Counter[str] = Counter()
    rows = session.exec(
        select(LinePart, Article.sku)
        .join(Article, col(Article.id) == col(LinePart.article_id))
        .where(col(LinePart.order_line_id).in_(content))
    )
    for part, sku in rows:
        for piece, pieces in (SET_PARTS if sku == SET_SKU else {sku: 1}).items():
            goods[piece] += content[part.order_line_id] * part.quantity * pieces
    return goods


@contextmanager
def opened(
    smtp: SmtpServer, start: datetime, *, switches: dict[str, Any] | None = None, quantity: int = 9
) -> Iterator[World]:
    """Open the world at an instant: both accounts live, the articles known, nothing sold yet."""
    clocks = Clocks(start)
    listener = Listener()
    with ExitStack() as stack:
        stack.enter_context(ruled_by(clocks))
        root = logging.getLogger()
        loggers = [root, *(logging.getLogger(name) for name in ("prefect", "prefect.flow_runs", "httpx"))]
        for logger in loggers:
            logger.addHandler(listener)
            stack.callback(logger.removeHandler, listener)
        sides = []
        with session_scope() as session:
            tenant = add_tenant(session, "merchant")
            tenant.seller = SELLER
            tenant_id = need_id(tenant.id)
        for number, pays_here in enumerate((False, True)):
            simulator = stack.enter_context(Simulator(State(clocks.there), Switches()))
            simulator.switches.change(**(switches or {}))
            side = Side(f"shop-{number}-{uuid4().hex[:8]}", simulator, pays_here, invoices_here=pays_here)
            _fill(side.state, quantity)
            with session_scope() as session:
                settings = {
                    "base_url": simulator.url,
                    "start": "2020-01-01",
                    "page_size": 2,
                    "article_page_size": 2,
                    "stock_batch_size": 2,
                    "status_batch_size": 2,
                    "read_timeout_seconds": TIMEOUT_SECONDS,
                    "cancelled_flags": CANCELLED,
                    "payments": "warenfluss" if pays_here else "channel",
                    "role": "articles" if number == 0 else "orders",
                    **(INVOICES if side.invoices_here else {}),
                }
                account = add_account(session, tenant_id, side.name, "afterbuy", settings)
                set_mode(session, account, Mode.live)
            save_secrets(side.name, side.secrets)
            sides.append(side)
        world = World(clocks, sides, smtp, listener)
        for number in range(len(sides)):
            assert world.run(number, Cycle.article_import, plainly=True) == "COMPLETED"
        world.counted = dict.fromkeys(SKUS, quantity)
        yield world


def _fill(state: State, quantity: int) -> None:
    products = [
        state.add_product(
            f"Becher {sku}", ean=sku, quantity=quantity, selling_price=Decimal(f"9.{90 + number}")
        )
        for number, sku in enumerate(SKUS)
    ]
    state.add_product(
        "Set",
        ean=SET_SKU,
        kind=2,
        selling_price=Decimal("24.50"),
        members=[Member(products[0].id, 2), Member(products[1].id)],
    )


START = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
"""Half past midnight in Germany, two and a half hours before the hour that comes twice."""
SUMMER = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
