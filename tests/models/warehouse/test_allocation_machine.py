"""Random lives of a small shop: after every step law 4 and the sums of money hold."""

from decimal import Decimal

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
from sqlmodel import Session, col, select

from models.database.engine import get_engine
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData
from models.orders.history import Actor
from models.orders.order import Order, OrderLine, OrderState
from models.orders.queries import lines_of
from models.orders.records import OrderData
from models.payments.payment import Payment
from models.warehouse.allocation import allocate
from models.warehouse.ledger import set_on_hand
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    add_warehouse,
    check_laws,
    get_order,
    make_line,
    make_order,
    make_shop,
    take_in,
)

SKUS = ("MUG", "CUP", "POT", "SET", "PAIR", "NIX")
quantities = st.integers(0, 4)


class Life(RuleBasedStateMachine):
    """One session that is rolled back at the end, so that each life begins with an empty database."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(get_engine(), expire_on_commit=False)
        self.told: dict[str, OrderData] = {}
        self.count = 0

    def teardown(self) -> None:
        self.session.rollback()
        self.session.close()

    @initialize()
    def open_shop(self) -> None:
        self.shop: Shop = make_shop(self.session)
        self.warehouses = [self.shop.warehouse_id, add_warehouse(self.session, self.shop, "far", 3)]
        self.ids = [add_article(self.session, self.shop, sku, on_hand=3, listed=True) for sku in SKUS[:3]]
        add_article(self.session, self.shop, "SET", parts={self.ids[0]: 1, self.ids[1]: 2}, listed=True)
        add_article(self.session, self.shop, "PAIR", parts={self.ids[0]: 2}, listed=True)

    def order_of(self, pick: int) -> Order | None:
        orders = self.session.exec(select(Order).order_by(col(Order.id))).all()
        return orders[pick % len(orders)] if orders else None

    @rule(article=st.integers(0, 2), warehouse=st.integers(0, 1), quantity=st.integers(-1, 8))
    def count_stock(self, article: int, warehouse: int, quantity: int) -> None:
        try:
            set_on_hand(self.session, self.warehouses[warehouse], {self.ids[article]: quantity})
        except RuleError:
            return

    @rule(
        lines=st.lists(st.tuples(st.sampled_from(SKUS), quantities), min_size=1, max_size=3),
        paid=st.integers(0, 3),
    )
    def buy(self, lines: list[tuple[str, int]], paid: int) -> None:
        self.count += 1
        number = f"O-{self.count}"
        told = [make_line(f"{number}-{at}", sku, quantity) for at, (sku, quantity) in enumerate(lines)]
        self.tell(make_order(number, *told, paid_amount=Decimal(paid)))

    def tell(self, data: OrderData) -> None:
        self.told[data.external_id] = data
        take_in(self.session, self.shop, data)

    @precondition(lambda self: self.told)
    @rule(pick=st.integers(0, 9), sku=st.sampled_from(SKUS), quantity=quantities, cancelled=st.booleans())
    def change(self, pick: int, sku: str, quantity: int, cancelled: bool) -> None:
        data = self.told[sorted(self.told)[pick % len(self.told)]]
        lines = [make_line(data.lines[0].external_id, sku, quantity), *data.lines[1:]]
        self.tell(make_order(data.external_id, *lines, paid_amount=data.paid_amount, cancelled=cancelled))

    @precondition(lambda self: len(self.told) > 1)
    @rule(one=st.integers(0, 9), other=st.integers(0, 9), third=st.booleans())
    def merge(self, one: int, other: int, third: bool) -> None:
        names = sorted(self.told)
        heir, gone = self.told[names[one % len(names)]], self.told[names[other % len(names)]]
        if heir is gone:
            return
        self.count += 1
        name = f"M-{self.count}" if third else heir.external_id
        for absorbed in {heir.external_id, gone.external_id} - {name}:
            del self.told[absorbed]
        self.tell(make_order(name, *heir.lines, *gone.lines, paid_amount=heir.paid_amount + gone.paid_amount))

    @precondition(lambda self: self.told)
    @rule(pick=st.integers(0, 9))
    def repeat(self, pick: int) -> None:
        data = self.told[sorted(self.told)[pick % len(self.told)]]
        take_in(self.session, self.shop, data)
        assert take_in(self.session, self.shop, data).counts.unchanged == 1

    @rule(pick=st.integers(0, 9))
    def ask_again(self, pick: int) -> None:
        order = self.order_of(pick)
        if order is not None:
            allocate(self.session, [order.row_id])

    @rule(
        pick=st.integers(0, 9),
        step=st.sampled_from(["release", "cancel", "ship", "ship there"]),
        part=st.booleans(),
    )
    def step(self, pick: int, step: str, part: bool) -> None:
        order = self.order_of(pick)
        if order is None:
            return
        try:
            if step == "release":
                release_order(self.session, order)
            elif step == "cancel":
                cancel_order(self.session, order, actor=Actor.person)
            elif step == "ship":
                lines = lines_of(self.session, [order.row_id]).get(order.row_id, [])
                open_lines = [line for line in lines if line.quantity > line.cancelled + line.shipped]
                content = {line.row_id: 1 for line in open_lines} if part else {}
                record_shipment(self.session, order, "DHL", [ParcelData(lines=content)], PLACED_AT)
            elif order.external_id in self.told:
                data = self.told[order.external_id].model_copy(update={"shipped_at": PLACED_AT})
                self.tell(data)
        except RuleError:
            return

    @invariant()
    def laws_hold(self) -> None:
        check_laws(self.session)
        orders = self.session.exec(select(Order)).all()
        assert len({order.external_id for order in orders}) == len(orders)
        payments: dict[int, Decimal] = {}
        for payment in self.session.exec(select(Payment)):
            payments[payment.order_id] = payments.get(payment.order_id, Decimal(0)) + payment.amount
        for order in orders:
            assert order.paid_amount == payments.get(order.row_id, Decimal(0))
            if order.state is OrderState.merged:
                rest = self.session.exec(select(OrderLine).where(OrderLine.order_id == order.id)).all()
                assert all(line.allocated == 0 for line in rest)
                assert get_order(self.session, order.external_id).merged_into_id is not None


def run_lives(examples: int) -> None:
    """Live through random lives."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_life_breaks_a_law(database: str) -> None:
    """Counting, buying, changing, merging, cancelling and shipping in any order."""
    run_lives(10)
