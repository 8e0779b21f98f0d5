"""What the merchant does with a channel's orders in a story: counts, picking, money, cancelling, papers."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from connectors.afterbuy.simulator import Order as TheirOrder
from connectors.afterbuy.simulator import Simulator, State
from models.accounting.issued import cancelling_labels, list_documents
from models.accounting.records import DocumentKind
from models.catalog.article import Article
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.returns import InspectedUnits, announce_return, receive_return
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import set_quantity
from models.orders.amounts import amount_owed
from models.orders.history import Actor
from models.orders.order import LinePart, Order, OrderLine
from models.orders.queries import lines_of
from models.payments.payment import record_payment, record_refund
from models.tenants.account import account_data, get_account
from models.warehouse.ledger import set_on_hand
from models.warehouse.missing_goods import report_short
from models.warehouse.pick_lists import PickItem, PickList, PickListState, PickMode
from models.warehouse.picking import close_list, start_next_list
from models.warehouse.scanning import scan
from models.warehouse.warehouses import main_warehouse
from tests.faults.clocks import Clocks

SKUS = ("M-0", "M-1", "M-2", "M-3")
SET_SKU = "SET-1"
SET_PARTS = {"M-0": 2, "M-1": 1}

T = TypeVar("T")


@dataclass
class Side:
    """One account and the server behind it, with a record of what was done there."""

    name: str
    simulator: Simulator
    pays_here: bool
    """Whether we receive payments and publish them; otherwise the channel receives and reports them."""
    works_here: bool = False
    """Whether we release, remind, mail and invoice."""
    shipped: dict[int, list[str]] = field(default_factory=dict)
    """Tracking numbers of our parcels, by the key of the channel's order."""
    paid: dict[int, Decimal] = field(default_factory=dict)
    cancelled_here: set[int] = field(default_factory=set)
    shrunk_here: set[int] = field(default_factory=set)
    """The items of orders whose units were partly cancelled here."""
    spoilt: dict[int, int] = field(default_factory=dict)
    """The former quantity of each item whose quantity is nonsense now."""

    @property
    def secrets(self) -> dict[str, str]:
        """Return the login secrets."""
        switches = self.simulator.switches
        return {"partner_token": switches.partner_token, "account_token": switches.account_token}

    @property
    def state(self) -> State:
        """Return the channel's own data."""
        return self.simulator.state

    def hides(self, order: TheirOrder) -> bool:
        """Return whether the channel hides an order because it was cancelled."""
        vanish = self.simulator.switches.cancelled_orders == "vanish"
        return vanish and order.cancelled_at is not None

    def theirs(self, number: int, fits: Callable[[TheirOrder], bool] = lambda _: True) -> TheirOrder | None:
        """Return the order at this position (modulo their number) among the channel's that fit."""
        orders = [order for _, order in sorted(self.state.orders.items()) if fits(order)]
        return orders[number % len(orders)] if orders else None


@dataclass
class Merchant:
    """The merchant, the warehouse and the clocks."""

    clocks: Clocks
    sides: list[Side]
    counted: dict[str, int] = field(default_factory=dict, kw_only=True)
    """The last count in the warehouse by SKU, less goods shipped and plus goods returned since."""
    accident: Callable[[Callable[[], Any]], None] | None = field(default=None, kw_only=True)
    """Runs the next command that can run in a separate process, and interrupts it."""

    def count(self, product: int, quantity: int) -> None:
        """Set a new count of an article."""
        sku = SKUS[product % len(SKUS)]

        def book(session: Session) -> None:
            article = session.exec(select(Article).where(Article.sku == sku)).one()
            tenant_id = get_account(session, self.sides[0].name).tenant_id
            set_on_hand(session, main_warehouse(session, tenant_id).row_id, {article.row_id: quantity})

        if self._try(book):
            self.counted[sku] = quantity

    def pay_here(self, side: int, number: int, cents: int) -> None:
        """Receive money for an order on an account whose payments are received here."""
        chosen = self.sides[side]
        order = chosen.theirs(number, is_open)
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
        """Refund money for an order on an account whose payments are received here."""
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
        order = chosen.theirs(number, is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None:
            return

        def book(session: Session) -> None:
            row = session.get_one(Order, mine.id)
            for line in lines_of(session, [row.row_id])[row.row_id]:
                left = line.quantity - line.cancelled
                if left - line.shipped > 1:
                    set_quantity(session, row, line, left - 1, actor=Actor.person)
                    chosen.shrunk_here.update(item.id for item in order.items)
                    return

        self._try(book)

    def cancel_here(self, side: int, number: int) -> None:
        """Cancel an order here; the cancellation is to be published."""
        order = self.sides[side].theirs(number, is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is None or mine is None:
            return

        def book(session: Session) -> None:
            cancel_order(session, session.get_one(Order, mine.id), actor=Actor.person)

        if self._try(book):
            self.sides[side].cancelled_here.add(order.key)

    def release(self, side: int, number: int) -> None:
        """Release an order to the warehouse."""
        order = self.sides[side].theirs(number, is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if mine is not None:
            self._try(lambda session: release_order(session, session.get_one(Order, mine.id)))

    def pay_rest(self, side: int, number: int) -> None:
        """Receive everything that is still owed for an order."""
        order = self.sides[side].theirs(number, is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if mine is not None and (owed := amount_owed(mine)) > 0:
            self.pay_here(side, number, int(owed * 100))

    def pick_here(self, side: int, share: float) -> None:
        """Make a pick list and pick a share of it; a share of 0 reports an article as missing."""
        missing: Counter[str] = Counter()

        def book(session: Session) -> None:
            tenant_id = get_account(session, self.sides[side].name).tenant_id
            walk = session.exec(select(PickList).where(PickList.state == PickListState.open)).first()
            walk_id = (walk or start_next_list(session, tenant_id, PickMode.boxes, 3)).row_id
            wanted: Counter[str] = Counter()
            for units, sku in session.execute(
                select(col(PickItem.quantity) - col(PickItem.picked), col(Article.sku))
                .join(Article, col(Article.id) == col(PickItem.article_id))
                .where(col(PickItem.pick_list_id) == walk_id)
            ):
                wanted[sku] += units
            for sku, units in (+wanted).items():
                if share == 0:
                    missing[sku] += report_short(session, walk_id, sku).written_off
                    return
                scan(session, walk_id, sku, max(1, int(units * share)))
            close_list(session, walk_id, unfinished=True)

        if self._try(book):
            self.counted.update({sku: self.counted[sku] - units for sku, units in missing.items()})

    def take_back(self, side: int, number: int, fate: str) -> None:
        """Take back one unit of a shipped order, judge it, and credit it."""
        chosen = self.sides[side]
        order = chosen.theirs(number, lambda order: order.key in chosen.shipped)
        mine = self.order_here(side, order.key) if order is not None else None
        if mine is None:
            return
        back: Counter[str] = Counter()

        def book(session: Session) -> None:
            row = session.get_one(Order, mine.id)
            lines = lines_of(session, [row.row_id]).get(row.row_id, [])
            out = [line.row_id for line in lines if line.shipped > line.returned]
            if not out:
                return
            announced = announce_return(session, row, {out[0]: 1}, "Gefällt nicht")
            receive_return(session, announced, {out[0]: InspectedUnits(**{fate: 1})})
            credit_return(session, announced)
            if fate == "to_stock":
                back.update(goods_of(session, {out[0]: 1}))

        if self._try(book):
            for sku, units in back.items():
                self.counted[sku] += units

    def correct(self, number: int) -> None:
        """Cancel one of the valid invoices."""

        def book(session: Session) -> None:
            invoices = list_documents(session, kind=DocumentKind.invoice)
            undone = cancelling_labels(session, [one.row_id for one in invoices])
            standing = [one for one in invoices if one.id not in undone]
            if standing:
                cancel_invoice(session, standing[number % len(standing)], "The buyer wants another address.")

        self._try(book)

    def do(self, command: Callable[[], T]) -> T | None:
        """Run a command and return its result, None if a rule refused it.

        An interrupted command is given again unchanged, as a person without an answer does.
        """
        if self.accident is not None:
            accident, self.accident = self.accident, None
            accident(command)
        try:
            return command()
        except RuleError:
            return None

    def order_here(self, side: int, key: int) -> Order | None:
        """Return our order that has the first item of the channel's order, None if it is not here yet."""
        with read_scope() as session:
            account_id = get_account(session, self.sides[side].name).id
            return session.exec(
                select(Order)
                .join(OrderLine, col(OrderLine.order_id) == col(Order.id))
                .where(OrderLine.account_id == account_id, OrderLine.external_id == str(key))
            ).first()

    def _left(self, side: int, order: TheirOrder) -> bool:
        """Return whether we shipped goods of an order; then nobody changes it at the channel."""
        ids = {item.id for item in order.items}
        return order.delivery_date is not None or any(key in ids for key in self.sides[side].shipped)

    def _try(self, book: Callable[[Session], None]) -> bool:
        """Run a person's command; return False if a rule refused it."""
        try:
            with session_scope() as session:
                book(session)
        except RuleError:
            return False
        return True


def is_open(order: TheirOrder) -> bool:
    gone = order.cancelled_at is not None or order.delivery_date is not None
    return order.order_id > 0 and not gone and not is_spoilt(order)


def is_spoilt(order: TheirOrder) -> bool:
    return any(item.quantity < 0 for item in order.items)


def place_of(buyer: object) -> tuple[str, str]:
    """Return last name and street of a buyer with more than one order."""
    return f"Verborgen {buyer}", f"Verschwiegener Weg {buyer} 1"


def goods_of(session: Session, content: Mapping[int, int]) -> Counter[str]:
    """Return the warehouse units of order lines, by SKU."""
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
