"""A merchant with two channels that share one stock, and the people who act there.

Each method is one action of a person, a buyer or a channel. Orders are named by numbers, so a schedule can be
drawn without knowing which orders will exist; if no order fits, nothing happens.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import State as PrefectState
from prefect.settings import PREFECT_HOME, temporary_settings
from sqlmodel import Session

from connectors.afterbuy.simulator import Address, Member, Simulator, State, Switches
from connectors.afterbuy.simulator import Order as TheirOrder
from connectors.afterbuy.simulator.state import CANCELLED_FLAG
from flows.replay import replay
from models.database.session import session_scope
from models.intake.activation import set_mode
from models.privacy.retention import SHORTEST_DAYS
from models.sync.delivery import retry_parked
from models.sync.records import Cycle
from models.sync.runs import LEASE_SECONDS
from models.tenants.account import Account, add_account, get_account
from models.tenants.account_kinds import MANUAL
from models.tenants.methods import map_channel_method, save_channel_methods, save_shipping_method
from models.tenants.options import ChannelOptions
from models.tenants.records import ChannelMethodData, MethodKind, Mode, PaymentKind
from models.tenants.tenant import add_tenant, list_tenants
from tasks.run.secrets import save_secrets
from tasks.watch.alarms import watch
from tests.faults.clocks import Clocks, ruled_by
from tests.faults.commands import forget
from tests.faults.desk import OFFER_DAYS, Desk
from tests.faults.merchant import SET_SKU, SKUS, Side, is_open, is_spoilt, place_of
from tests.support.plain_runs import run_plainly
from tests.support.smtp import SmtpServer
from tests.support.steps import ALL_FLOWS

OVERLAP = timedelta(minutes=ChannelOptions().overlap_minutes)
TIMEOUT_SECONDS = 1.0
"""Half the delay of a silent channel, and long enough for an answer on a busy machine."""
PATIENT_SECONDS = 30.0
OPERATOR = "operator@merchant.example"
CANCELLED = str(CANCELLED_FLAG)
WORK = {
    "invoices": "warenfluss",
    "invoices_from": "2020-01-01",
    "buyer_mails": "all",
    "order_notice": "each",
    "release": "automatic",
    "partial_shipping": True,
    "remind_after_days": 1,
    "cancel_after_days": 1,
}
"""Settings of accounts that work orders off here, from the payment request to the invoice."""
DESK = 2
"""The number of the account without a channel, after the sides."""
SELLER = {"name": "Merchant GmbH", "address": ["Kaufhof 1", "04109 Leipzig"], "vat_id": "DE123456789"}
BANK = {"holder": "Merchant GmbH", "iban": "DE02120300000000202051"}


PREFECT = "prefect"
"""Where the runs of a world have their Prefect folder, below the world's own."""


class Listener(logging.Handler):
    """Stores everything that is logged, as a reader of the logs sees it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store one record with its traceback."""
        self.lines.append(self.format(record))

    def take(self) -> list[str]:
        """Return what was logged since the last call."""
        lines, self.lines = self.lines, []
        return lines


def flow_of(cycle: Cycle) -> tuple[Any, dict[str, Any]]:
    """Return the flow of a cycle, and the parameters with which it does everything."""
    if cycle is Cycle.replay:
        return replay, {"everything": True, "wait_seconds": 0}
    return ALL_FLOWS[cycle], {}


def start(cycle: Cycle, account: str, **parameters: Any) -> PrefectState[Any]:
    """Run a cycle; a replay replays everything. Raises: errors of Prefect's client if its server is down."""
    flow, own = flow_of(cycle)
    state: PrefectState[Any] = flow(account, return_state=True, **own, **parameters)
    return state


def start_plainly(cycle: Cycle, account: str, secrets: dict[str, str]) -> PrefectState[Any]:
    """Run a cycle without Prefect, for the phase without faults."""
    flow, own = flow_of(cycle)
    return run_plainly(flow, account, secrets, **own)


@dataclass
class World(Desk):
    """Both channels, the merchant, the mail server and the clocks."""

    smtp: SmtpServer
    listener: Listener
    seen_states: list[str] = field(default_factory=list)
    """The end state of each run as reported to Prefect."""
    new_runs: list[str] = field(default_factory=list)
    """The ids in Prefect of the runs that no law has looked at yet."""
    delivered: Counter[str] = field(default_factory=Counter)
    struck_mailing: int = 0
    """How often a fault occurred while mails were sent: such a mail may be sent again."""
    mails_seen: int = 0
    """How many mails were checked; a received mail never changes."""
    papers: dict[str, str] = field(default_factory=dict)
    """The first copy seen of each issued document."""

    # --- buyers and channels ------------------------------------------------------------------------

    def buy(
        self, side: int, lines: Sequence[tuple[int, int]], *, paid: bool, done: bool, buyer: int | None = None
    ) -> None:
        """Add an order of a buyer, a new one unless named; `done`: whether the checkout is completed."""
        channel = self.sides[side].state
        products = channel.product_ids()
        number = len(channel.orders) + 1
        last_name, street = place_of(f"{side}{number}" if buyer is None else buyer)
        address = Address(
            first_name="Geheim",
            last_name=last_name,
            street=street,
            postal_code="04229",
            city="Leipzig",
            mail=f"geheim{side}{number}@buyer.example",
        )
        items = [(products[product % len(products)], quantity) for product, quantity in lines]
        paid = paid and done and not self.sides[side].pays_here
        channel.place_order(items, billing=address, process=done, paid=paid)

    def check_out(self, side: int, number: int) -> None:
        """Complete the checkout of an order."""
        if order := self.sides[side].theirs(number, _is_unfinished):
            self.sides[side].state.complete_checkout(order)

    def check_out_all(self, side: int) -> None:
        """Complete every checkout: until then, stock sold in it is unknown here."""
        while self.sides[side].theirs(0, _is_unfinished):
            self.check_out(side, 0)

    def pay_there(self, side: int, number: int, share: int) -> None:
        """Pay an order at the channel, in full or in part."""
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
        order = self.sides[side].theirs(number, is_open)
        if order is not None and not self._left(side, order):
            self.sides[side].state.change_quantity(order.order_id, order.items[0].id, quantity)

    def move(self, side: int, number: int) -> None:
        """Change an order's address at the channel."""
        if order := self.sides[side].theirs(number, is_open):
            street = f"Verschwiegene Allee {number}"
            other = Address(**{**vars(order.billing), "street": street})
            self.sides[side].state.change_address(order.order_id, billing=other)

    def merge(self, side: int, one: int, other: int) -> None:
        """Merge two orders at the channel that have not shipped."""
        chosen = self.sides[side]

        def fits(order: TheirOrder) -> bool:
            return is_open(order) and not self._left(side, order)

        first, second = chosen.theirs(one, fits), chosen.theirs(other, fits)
        if first is not None and second is not None and first is not second:
            keys = {first.key, second.key}
            merged = chosen.state.merge([first.order_id, second.order_id])
            # Money received here for either order counts for the merged order.
            money = sum((chosen.paid.pop(key, Decimal(0)) for key in keys), Decimal(0))
            if money:
                chosen.paid[merged.key] = money

    def cancel_there(self, side: int, number: int) -> None:
        """Cancel an order at the channel, which takes its stock back."""
        order = self.sides[side].theirs(number, is_open)
        if order is not None and not self._left(side, order):
            self.sides[side].state.cancel(order.order_id)

    def ship_there(self, side: int, number: int) -> None:
        """Mark an order as shipped at the channel."""
        order = self.sides[side].theirs(number, is_open)
        if order is not None and not self._left(side, order):
            self.sides[side].state.ship(order.order_id, tracking_number=f"THERE{order.key}")

    def spoil(self, side: int, number: int) -> None:
        """Make the channel report an impossible quantity for an order that is not here yet."""
        chosen = self.sides[side]
        order = chosen.theirs(number, is_open)
        if order is not None and self.order_here(side, order.key) is None:
            chosen.spoilt[order.items[0].id] = order.items[0].quantity
            order.items[0].quantity = -1
            chosen.state.touch(order)

    def spoilt(self, side: int) -> list[TheirOrder]:
        """Return the orders with an impossible quantity."""
        return [order for order in self.sides[side].state.orders.values() if is_spoilt(order)]

    def heal(self, side: int) -> None:
        """Restore the quantities of these orders."""
        for order in self.spoilt(side):
            for item in order.items:
                item.quantity = self.sides[side].spoilt.get(item.id, item.quantity)
            self.sides[side].state.touch(order)

    # --- cycles and time ----------------------------------------------------------------------------

    def run(self, side: int, cycle: Cycle, *, plainly: bool = False, **parameters: Any) -> str:
        """Run a cycle in this process; return the type of its end state, "lost" if it has none."""
        try:
            if plainly:
                secrets = {} if side == DESK else self.sides[side].secrets
                state = start_plainly(cycle, self.name_of(side), secrets)
            else:
                state = start(cycle, self.name_of(side), **parameters)
        except Exception as error:
            # Prefect did not get the state; our own tables count.
            self.seen_states.append(f"{type(error).__name__}: {error}")
            return "lost"
        self.seen_states.append(f"{state.type} {state.message}")
        if state.state_details.flow_run_id is not None:
            self.new_runs.append(str(state.state_details.flow_run_id))
        return str(state.type.value)

    def name_of(self, side: int) -> str:
        """Return the name of a side's account, or of the desk's."""
        return self.desk if side == DESK else self.sides[side].name

    def be_patient(self) -> None:
        """Give every account a long timeout: a busy machine is not a fault."""
        with session_scope() as session:
            for side in self.sides:
                account = get_account(session, side.name)
                account.settings = {**account.settings, "read_timeout_seconds": PATIENT_SECONDS}
                session.add(account)

    def wait(self, seconds: float) -> None:
        """Move time forward."""
        self._look_while_behind()
        self.clocks.advance(seconds=seconds)

    def turn_clock(self, minutes: float) -> None:
        """Make the channels' clock jump, forwards or back; the next jump corrects it."""
        if self.clocks.skew:
            self.put_clock_right()
        else:
            self.clocks.skew = timedelta(minutes=minutes)

    def put_clock_right(self) -> None:
        """Set the channels' clock to our time again."""
        self._look_while_behind()
        self.clocks.skew = timedelta(0)

    def _look_while_behind(self) -> None:
        """Read orders, if the channels' clock is further behind than windows overlap.

        Without this, only a reconciliation would find what changed in that time.
        """
        if self.clocks.skew < -OVERLAP:
            # Longer than the lease of a dead run blocks others.
            self.clocks.advance(seconds=LEASE_SECONDS + 1)
            for number in range(len(self.sides)):
                self.run(number, Cycle.order_import, plainly=True)

    def forget_buyers(self) -> None:
        """Move two months forward and delete buyers' data after one; offers have expired long before."""
        self.clocks.advance(days=OFFER_DAYS + SHORTEST_DAYS + 10)
        with session_scope() as session:
            for tenant in list_tenants(session):
                tenant.retention = {"anonymise_after_days": SHORTEST_DAYS}
                session.add(tenant)
        # A merged order may be deleted in the next round, after the order that it was merged into.
        for _ in range(3):
            self.do(forget)

    def touch_all(self) -> None:
        """Write the buyer's name onto every order at the channels, so that they report them again."""
        for side in self.sides:
            for order in side.state.orders.values():
                order.memo = f"Rückruf von {order.billing.last_name}"
                side.state.touch(order)

    def watch(self) -> None:
        """Run the watcher once, as `warenfluss up` does every minute."""
        watch()

    def retry_parked(self) -> None:
        """Do what the mail about parked updates asks the operator to do."""
        with session_scope() as session:
            retry_parked(session, [])


def _is_unfinished(order: TheirOrder) -> bool:
    return order.feedback_date is None


@contextmanager
def opened(
    smtp: SmtpServer, start: datetime, *, switches: dict[str, Any] | None = None, quantity: int = 9
) -> Iterator[World]:
    """Open the world at a given time: both accounts live, articles imported, nothing sold yet."""
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
            tenant.seller, tenant.bank = SELLER, BANK
            tenant_id = tenant.row_id
        for number, pays_here in enumerate((False, True)):
            simulator = stack.enter_context(Simulator(State(clocks.there), Switches()))
            simulator.switches.change(**(switches or {}))
            side = Side(f"shop-{number}-{uuid4().hex[:8]}", simulator, pays_here, works_here=pays_here)
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
                    **(WORK if side.works_here else {}),
                }
                account = add_account(session, tenant_id, side.name, "afterbuy", settings)
                set_mode(session, account, Mode.live)
                _map_methods(session, account)
            save_secrets(side.name, side.secrets)
            sides.append(side)
        desk = f"desk-{uuid4().hex[:8]}"
        with session_scope() as session:
            settings = {"payments": "warenfluss", "release_unpaid": "invoice", **WORK}
            set_mode(session, add_account(session, tenant_id, desk, MANUAL.name, settings), Mode.live)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        stack.enter_context(temporary_settings({PREFECT_HOME: folder / PREFECT}))
        world = World(clocks, sides, folder, desk, smtp, listener)
        for number in range(len(sides)):
            assert world.run(number, Cycle.article_import, plainly=True) == "COMPLETED"
        world.counted = dict.fromkeys(SKUS, quantity)
        yield world


def _map_methods(session: Session, account: Account) -> None:
    """Map the channel's payment and shipping methods."""
    tenant_id, account_id = account.tenant_id, account.row_id
    save_shipping_method(session, tenant_id, "Paket", {"carrier": "DHL"})
    meanings = {
        (MethodKind.payment, "TRANSFER"): PaymentKind.prepayment,
        (MethodKind.shipping, "DHL Paket"): "Paket",
    }
    for (kind, name), meaning in meanings.items():
        save_channel_methods(session, account_id, [ChannelMethodData(kind=kind, external_id=name, name=name)])
        map_channel_method(session, tenant_id, account_id, kind, name, meaning)


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
"""Half past midnight in Germany, two and a half hours before the hour that occurs twice."""
SUMMER = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
