"""Random lives of orders from arrival to refund: money, units and papers are conserved after every step."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import Session, col, func, select

from models.accounting.issued import Document, DocumentLine, documents_total
from models.accounting.records import DocumentKind
from models.clock import utc_now
from models.database.engine import get_engine
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.returns import (
    InspectedUnits,
    Return,
    ReturnLine,
    ReturnState,
    announce_return,
    cancel_return,
    lines_of_return,
    receive_return,
)
from models.fulfilment.shipments import ParcelData
from models.fulfilment.splitting import split_order, unsplit_order
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import issue_invoice
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import discard_edits, set_price, set_quantity
from models.orders.amounts import payment_state_of
from models.orders.history import Actor
from models.orders.holds import open_holds
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import lines_of
from models.orders.records import OrderData
from models.payments.payment import Payment, PaymentMove, record_payment, record_refund
from models.tenants.account import Account, account_data
from models.warehouse.ledger import set_on_hand
from tests.support.builders import (
    add_article,
    check_laws,
    make_invoicing_shop,
    make_line,
    make_order,
    take_in,
)

RATES = {"MUG": Decimal(19), "BOOK": Decimal(7)}
few = st.integers(0, 3)
cents = st.integers(0, 2000).map(lambda value: Decimal(value) / 100)


class Business(RuleBasedStateMachine):
    """One session, rolled back at the end; a step that a rule refuses is taken back, as a command is."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(get_engine(), expire_on_commit=False)
        self.told: dict[str, OrderData] = {}

    def teardown(self) -> None:
        self.session.rollback()
        self.session.close()

    @initialize()
    def open_shop(self) -> None:
        self.shop = make_invoicing_shop(self.session)
        self.articles = {sku: add_article(self.session, self.shop, sku, on_hand=20) for sku in RATES}
        for paid in (True, False):
            self.buy(2, 2, 990, paid, 490)
            order = self.pick(Order, len(self.told) - 1)
            record_shipment(self.session, order, "DHL", [ParcelData()], utc_now())
            if paid:
                issue_invoice(self.session, order, actor=Actor.cycle)

    def attempt(self, step: Callable[[], Any]) -> None:
        try:
            with self.session.begin_nested():
                step()
        except RuleError:
            self.session.expire_all()

    def pick(self, table: type[Any], number: int) -> Any:
        rows = self.session.exec(select(table).order_by(col(table.id))).all()
        return rows[number % len(rows)] if rows else None

    def line(self, order: Order, number: int) -> OrderLine:
        lines = lines_of(self.session, [order.row_id])[order.row_id]
        return lines[number % len(lines)]

    @rule(
        mugs=few, books=few, price=st.integers(1, 999), paid=st.booleans(), shipping=st.sampled_from([0, 490])
    )
    def buy(self, mugs: int, books: int, price: int, paid: bool, shipping: int) -> None:
        number = str(len(self.told) + 1)
        lines = [
            make_line(f"{number}-{sku}", sku, units, str(Decimal(price) / 100), tax_rate=RATES[sku])
            for sku, units in (("MUG", mugs), ("BOOK", books + 1))
        ]
        data = make_order(number, *lines, shipping_amount=Decimal(shipping) / 100)
        self.told[number] = data.model_copy(update={"paid_amount": data.total if paid else Decimal(0)})
        take_in(self.session, self.shop, self.told[number])

    @precondition(lambda self: self.told)
    @rule(pick=few, units=few)
    def change_there(self, pick: int, units: int) -> None:
        old = self.told[sorted(self.told)[pick % len(self.told)]]
        first = old.lines[0].model_copy(update={"quantity": units})
        rest = old.shipping_amount
        news = make_order(
            old.external_id, first, *old.lines[1:], shipping_amount=rest, paid_amount=old.paid_amount
        )
        self.told[old.external_id] = news
        take_in(self.session, self.shop, news)

    @rule(sku=st.sampled_from(sorted(RATES)), units=st.integers(0, 12))
    def count_stock(self, sku: str, units: int) -> None:
        self.attempt(lambda: set_on_hand(self.session, self.shop.warehouse_id, {self.articles[sku]: units}))

    @rule(
        pick=few,
        step=st.sampled_from(
            ["pay", "refund", "release", "partly", "cancel", "follow", "invoice", "ship", "unsplit"]
        ),
        amount=cents,
    )
    def go_on(self, pick: int, step: str, amount: Decimal) -> None:
        order = self.pick(Order, pick)
        if order is None:
            return
        session, now = self.session, utc_now()
        account = account_data(session.get_one(Account, order.account_id))
        steps: dict[str, Callable[[], Any]] = {
            "pay": lambda: record_payment(session, account, order, amount, now),
            "refund": lambda: record_refund(session, account, order, amount, now),
            "release": lambda: release_order(session, order),
            "partly": lambda: release_order(session, order, partly=True),
            "cancel": lambda: cancel_order(session, order, actor=Actor.person),
            "follow": lambda: discard_edits(session, order),
            "invoice": lambda: issue_invoice(session, order, actor=Actor.cycle),
            "ship": lambda: record_shipment(session, order, "DHL", [ParcelData()], now),
            "unsplit": lambda: unsplit_order(session, order),
        }
        kept = self.kept_back(order)
        self.attempt(steps[step])
        if step == "ship":
            assert self.kept_back(order) == kept, "what is kept back stays"
            assert not (kept and order.state is OrderState.shipped)

    def kept_back(self, order: Order) -> dict[str, int]:
        lines = lines_of(self.session, [order.row_id])[order.row_id]
        return {line.external_id: line.kept_back for line in lines if line.kept_back}

    @rule(
        pick=few,
        at=few,
        units=few,
        step=st.sampled_from(["ship", "quantity", "price", "split"]),
        amount=cents,
    )
    def change_here(self, pick: int, at: int, units: int, step: str, amount: Decimal) -> None:
        order = self.pick(Order, pick)
        if order is None:
            return
        session, line = self.session, self.line(order, at)
        parcel = ParcelData(lines={line.row_id: max(1, units)})
        steps: dict[str, Callable[[], Any]] = {
            "ship": lambda: record_shipment(session, order, "DHL", [parcel], utc_now()),
            "quantity": lambda: set_quantity(session, order, line, units, actor=Actor.person),
            "price": lambda: set_price(session, order, line, amount),
            "split": lambda: split_order(session, order, {line.row_id: units}),
        }
        self.attempt(steps[step])

    @rule(pick=few, at=few, units=st.integers(1, 3), good=st.booleans(), far=few)
    def send_back(self, pick: int, at: int, units: int, good: bool, far: int) -> None:
        order = self.pick(Order, pick)
        if order is None:
            return
        line_id = self.line(order, at).row_id
        judged = InspectedUnits(to_stock=units) if good else InspectedUnits(b_stock=units)

        def step() -> None:
            row = announce_return(self.session, order, {line_id: units})
            if far:
                receive_return(self.session, row, {line_id: judged})
            if far > 1:
                credit_return(self.session, row)

        self.attempt(step)

    @rule(pick=few, fee=st.sampled_from([0, 100]), goodwill=st.sampled_from([0, 200]), shipping=st.booleans())
    def all_comes_back(self, pick: int, fee: int, goodwill: int, shipping: bool) -> None:
        order = self.pick(Order, pick)
        if order is None:
            return

        def step() -> None:
            row = announce_return(self.session, order, {})
            lines = lines_of_return(self.session, row.row_id)
            judged = {each.order_line_id: InspectedUnits(to_stock=each.announced) for each in lines}
            receive_return(self.session, row, judged)
            given = {"fee": Decimal(fee) / 100, "goodwill": Decimal(goodwill) / 100}
            credit_return(self.session, row, with_shipping=shipping, **given)

        self.attempt(step)

    @rule(pick=few, good=few, second=few, scrap=few, step=st.sampled_from(["receive", "credit", "cancel"]),
          fee=cents, goodwill=cents, shipping=st.booleans())  # fmt: skip
    def handle_return(
        self,
        pick: int,
        good: int,
        second: int,
        scrap: int,
        step: str,
        fee: Decimal,
        goodwill: Decimal,
        shipping: bool,
    ) -> None:
        row = self.pick(Return, pick)
        if row is None:
            return
        line_id, *_ = self.session.exec(
            select(ReturnLine.order_line_id).where(ReturnLine.return_id == row.id)
        ).all()
        judged = {line_id: InspectedUnits(to_stock=good, b_stock=second, scrapped=scrap)}
        steps: dict[str, Callable[[], Any]] = {
            "receive": lambda: receive_return(self.session, row, judged),
            "credit": lambda: credit_return(
                self.session, row, fee=fee, goodwill=goodwill, with_shipping=shipping
            ),
            "cancel": lambda: cancel_return(self.session, row),
        }
        self.attempt(steps[step])

    @rule(pick=few)
    def take_back(self, pick: int) -> None:
        document = self.pick(Document, pick)
        if document is not None:
            self.attempt(lambda: cancel_invoice(self.session, document, "falsch"))

    @invariant()
    def units_are_conserved(self) -> None:
        check_laws(self.session)
        for line in self.session.exec(select(OrderLine)):
            assert 0 <= line.returned <= line.shipped <= line.quantity - line.cancelled
            came = self.session.exec(
                select(
                    func.coalesce(func.sum(ReturnLine.to_stock + ReturnLine.b_stock + ReturnLine.scrapped), 0)
                ).where(ReturnLine.order_line_id == line.id)
            ).one()
            assert came == line.returned
            standing = self.session.exec(
                select(func.coalesce(func.sum(DocumentLine.quantity), 0)).where(
                    DocumentLine.order_line_id == line.id
                )
            ).one()
            assert 0 <= standing == line.invoiced <= line.shipped

    @invariant()
    def money_is_conserved(self) -> None:
        for order in self.session.exec(select(Order)):
            moves = self.session.exec(select(Payment).where(Payment.order_id == order.id)).all()
            assert order.paid_amount == sum((each.amount for each in moves), Decimal(0))
            refunds = (each.amount for each in moves if each.kind is PaymentMove.refund)
            assert order.refunded_amount == -sum(refunds, Decimal(0))
            assert order.credited_amount >= 0
            assert order.payment_state is payment_state_of(
                order.total,
                order.paid_amount,
                refunded=order.refunded_amount,
                credited=order.credited_amount,
            )
            credited = sum(
                (
                    row.credited_amount
                    for row in self.session.exec(select(Return).where(Return.order_id == order.id))
                ),
                Decimal(0),
            )
            if order.state is not OrderState.cancelled:
                assert credited == order.credited_amount <= max(order.total, credited)

    @invariant()
    def papers_agree(self) -> None:
        for document in self.session.exec(select(Document)):
            assert document.net + document.tax == document.gross
        for invoice in self.session.exec(select(Document).where(Document.kind == DocumentKind.invoice)):
            back = self.session.exec(
                select(func.coalesce(func.sum(Document.gross), 0)).where(
                    (Document.corrects_id == invoice.id) | (Document.credits_id == invoice.id)
                )
            ).one()
            assert Decimal(0) <= invoice.gross

            given = Decimal(back) / 10_000 if isinstance(back, int) else Decimal(back)
            assert -given <= invoice.gross

    @invariant()
    def what_is_owed_stands_on_paper(self) -> None:
        """Once nothing is to leave, to be invoiced or credited, and nobody took an invoice back."""
        session = self.session
        received = session.exec(select(Return.order_id).where(Return.state == ReturnState.received)).all()
        corrected = session.exec(
            select(Document.order_id).where(col(Document.corrects_id).is_not(None))
        ).all()
        for order in session.exec(select(Order)):
            order_id = order.row_id
            lines = lines_of(session, [order_id])[order_id]
            waits = any(line.remaining or line.shipped - line.returned > line.invoiced for line in lines)
            if waits or order_id in (*received, *corrected) or open_holds(session, [order_id]):
                continue
            assert documents_total(session, order_id) == order.total - order.credited_amount

    @invariant()
    def each_return_is_credited_once(self) -> None:
        for row in self.session.exec(select(Return)):
            assert bool(row.credited_amount) <= (row.state is ReturnState.credited)


def test_random_lives_of_orders(sqlite_database: str) -> None:
    """Whatever people and channels do in whatever order, nothing is made or lost."""
    run_state_machine_as_test(
        Business,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
