"""Random days with orders by hand, exchanges and shared parcels: goods and money stay where they belong."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, func, select

from models.clock import utc_now
from models.database.columns import need_id
from models.database.engine import get_engine
from models.errors import RuleError
from models.fulfilment.consolidation import (
    MAX_GROUP_SIZE,
    consolidate_orders,
    separate_order,
    ship_consolidated,
)
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.release import release_order
from models.fulfilment.returns import InspectedUnits, Return, announce_return, lines_of_return, receive_return
from models.fulfilment.shipments import Parcel, ParcelData, ParcelLine, Shipment, ShipmentData
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import set_address, set_quantity
from models.order_desk.manual_orders import add_line, take_manual_order
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder
from models.order_desk.repeats import exchange_return, repeat_order
from models.orders.history import Actor
from models.orders.holds import HoldReason, close_holds
from models.orders.order import AddressRole, Order, OrderLine, OrderState
from models.orders.origin import OrderOrigin, OriginKind
from models.orders.queries import lines_of
from models.orders.states import TO_SHIP
from models.payments.payment import Payment
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.tenants.account import Account
from models.tenants.account_kinds import MANUAL
from models.tenants.records import PaymentKind
from tests.support.builders import (
    BILLING,
    add_article,
    check_laws,
    make_account,
    make_line,
    make_order,
    make_shop,
    take_in,
)

few = st.integers(0, 5)
BUYER = ManualAddress(**BILLING.model_dump())
STEPS = ("part", "release", "cancel", "hold", "settle", "move", "fewer")
STREETS = ("Am Ölberg 3", "Weg 1")


class Days(RuleBasedStateMachine):
    """One session, rolled back at the end; a step that a rule refuses is taken back, as a command is."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(get_engine(), expire_on_commit=False)
        self.bought = 0
        self.parcels: dict[str, set[int]] = {}

    def teardown(self) -> None:
        self.session.rollback()
        self.session.close()

    @initialize()
    def open_shop(self) -> None:
        self.shop = make_shop(self.session)
        make_account(
            self.session,
            self.shop.tenant_id,
            "telefon",
            MANUAL.name,
            payments="warenfluss",
            duplicate_hours=0,
        )
        for sku in ("MUG", "CUP"):
            add_article(self.session, self.shop, sku, on_hand=25, tax_rate=Decimal(19))
        for _ in range(2):
            self.buy(1)
            self.take(1, 1)

    def own(self) -> Account:
        return self.session.exec(select(Account).where(Account.kind == MANUAL.name)).one()

    def attempt(self, step: Callable[[], Any]) -> bool:
        try:
            with self.session.begin_nested():
                step()
        except RuleError:
            self.session.expire_all()
            return False
        return True

    def order(self, number: int) -> Order:
        rows = self.session.exec(select(Order).order_by(col(Order.id))).all()
        return rows[number % len(rows)]

    def line(self, order: Order, number: int) -> OrderLine:
        lines = lines_of(self.session, [order.row_id])[order.row_id]
        return lines[number % len(lines)]

    @rule(units=st.integers(1, 3))
    def buy(self, units: int) -> None:
        self.bought += 1
        line = make_line(f"{self.bought}-1", "MUG", units, "9.90")
        data = make_order(str(self.bought), line, paid_amount=units * Decimal("9.90"))
        take_in(self.session, self.shop, data)

    @rule(mugs=st.integers(1, 3), cups=st.integers(1, 3))
    def take(self, mugs: int, cups: int) -> None:
        lines = [
            ManualLine(article=sku, quantity=units, price=Decimal("9.90"))
            for sku, units in (("MUG", mugs), ("CUP", cups))
        ]
        asked = ManualOrder(
            billing=BUYER, lines=lines, payment=PaymentKind.invoice, shipping_amount=Decimal("4.90")
        )
        take_manual_order(self.session, self.own(), asked)

    @rule(pick=few)
    def repeat(self, pick: int) -> None:
        order = self.order(pick)
        self.attempt(lambda: repeat_order(self.session, order, self.own(), payment=PaymentKind.invoice))

    @rule(pick=few, units=st.integers(1, 2))
    def add(self, pick: int, units: int) -> None:
        line = ManualLine(article="CUP", quantity=units, price=Decimal("5.00"))
        self.attempt(lambda: add_line(self.session, self.order(pick), line))

    @rule(picks=st.lists(few, min_size=2, max_size=3, unique=True))
    def join(self, picks: list[int]) -> None:
        self.attempt(
            lambda: consolidate_orders(self.session, list({o.id: o for o in map(self.order, picks)}.values()))
        )

    @rule(pick=few, step=st.sampled_from(STEPS), far=st.booleans())
    def live(self, pick: int, step: str, far: bool) -> None:
        session, order = self.session, self.order(pick)
        reason = HoldReason.changed_after_release
        steps: dict[str, Callable[[], Any]] = {
            "part": lambda: separate_order(session, order),
            "release": lambda: release_order(session, order),
            "cancel": lambda: cancel_order(session, order, actor=Actor.person),
            "hold": lambda: hold_order(session, order, reason, {}),
            "settle": lambda: close_holds(session, order, (reason,)),
            "move": lambda: set_address(session, order, AddressRole.shipping, {"street": STREETS[far]}),
            "fewer": lambda: set_quantity(session, order, self.line(order, 0), 1, actor=Actor.person),
        }
        self.attempt(steps[step])

    @rule(picks=st.lists(few, min_size=1, max_size=2, unique=True))
    def ship(self, picks: list[int]) -> None:
        orders = list({order.id: order for order in map(self.order, picks)}.values())
        groups = [self.going_with(order) for order in orders]
        wanted = [
            ShipmentData(
                order, "DHL", [ParcelData(tracking_number=f"T{len(self.parcels)}-{order.id}")], utc_now()
            )
            for order in orders
        ]
        for data, group, result in zip(wanted, groups, ship_consolidated(self.session, wanted), strict=True):
            left = self.shipped(group)
            assert left in (set(), group), "all of a group, or none"
            assert isinstance(result, Shipment) == bool(left)
            if isinstance(result, Shipment):
                self.parcels[data.parcels[0].tracking_number] = {data.order.row_id}

    def going_with(self, order: Order) -> set[int]:
        if order.ships_with_id is None or order.state not in TO_SHIP:
            return {order.row_id} if order.state in TO_SHIP else set()
        query = select(Order.id).where(
            Order.ships_with_id == order.ships_with_id, col(Order.state).in_(TO_SHIP)
        )
        return {need_id(each) for each in self.session.exec(query)}

    def shipped(self, order_ids: set[int]) -> set[int]:
        query = select(Order.id).where(col(Order.id).in_(order_ids), Order.state == OrderState.shipped)
        return {need_id(each) for each in self.session.exec(query)}

    @rule(
        pick=few, step=st.sampled_from(["announce", "receive", "exchange", "credit"]), units=st.integers(1, 2)
    )
    def send_back(self, pick: int, step: str, units: int) -> None:
        session, order = self.session, self.order(pick)
        if step == "announce":
            line = self.line(order, units)
            self.attempt(lambda: announce_return(session, order, {line.row_id: units}))
            return
        rows = session.exec(select(Return).order_by(col(Return.id))).all()
        if not rows:
            return
        row = rows[pick % len(rows)]
        wanted = [ManualLine(article="CUP", quantity=units, price=Decimal("9.90"))]
        steps: dict[str, Callable[[], Any]] = {
            "receive": lambda: self.receive(row),
            "exchange": lambda: exchange_return(session, row, self.own(), wanted),
            "credit": lambda: credit_return(session, row),
        }
        self.attempt(steps[step])

    def receive(self, row: Return) -> None:
        lines = lines_of_return(self.session, row.row_id)
        receive_return(
            self.session, row, {each.order_line_id: InspectedUnits(to_stock=each.announced) for each in lines}
        )

    @invariant()
    def goods_are_conserved(self) -> None:
        check_laws(self.session)
        for line in self.session.exec(select(OrderLine)):
            sent = select(func.coalesce(func.sum(ParcelLine.quantity), 0)).where(
                ParcelLine.order_line_id == line.id
            )
            assert self.session.exec(sent).one() == line.shipped <= line.quantity - line.cancelled

    @invariant()
    def money_is_conserved(self) -> None:
        """Nothing that is done with two orders moves money from one to the other."""
        for order in self.session.exec(select(Order)):
            lines = lines_of(self.session, [order.row_id])[order.row_id]
            if order.state is not OrderState.cancelled:
                goods = sum((line.price * (line.quantity - line.cancelled) for line in lines), Decimal(0))
                assert order.total == goods + order.shipping_amount
            paid = self.session.exec(select(col(Payment.amount)).where(Payment.order_id == order.id)).all()
            assert order.paid_amount == sum(paid, Decimal(0))

    @invariant()
    def groups_are_named_by_one_of_their_own(self) -> None:
        groups: dict[int, list[Order]] = {}
        for order in self.session.exec(select(Order).where(col(Order.ships_with_id).is_not(None))):
            groups.setdefault(need_id(order.ships_with_id), []).append(order)
        for group_id, group in groups.items():
            assert group_id in {order.id for order in group}
            assert len(group) <= MAX_GROUP_SIZE
            assert len({order.tenant_id for order in group}) == 1

    @invariant()
    def channels_hear_of_their_own_alone(self) -> None:
        kinds = (OutboundKind.payment, OutboundKind.shipment)
        for row in self.session.exec(select(Outbound).where(col(Outbound.kind).in_(kinds))):
            order = self.session.get_one(Order, int(row.key))
            assert order.account_id == row.account_id == self.shop.account.id

    @invariant()
    def each_number_is_of_one_day(self) -> None:
        for number in self.parcels:
            query = (
                select(Shipment.shipped_at)
                .join(Parcel, col(Parcel.shipment_id) == col(Shipment.id))
                .where(Parcel.tracking_number == number)
            )
            assert len(set(self.session.exec(query).all())) == 1

    @invariant()
    def a_return_is_exchanged_once(self) -> None:
        query = (
            sqlalchemy_select(col(OrderOrigin.return_id), func.count())
            .join(Order, col(Order.id) == col(OrderOrigin.order_id))
            .where(col(OrderOrigin.kind) == OriginKind.exchange, col(Order.state) != OrderState.cancelled)
            .group_by(col(OrderOrigin.return_id))
        )
        assert all(count == 1 for _, count in self.session.execute(query))


def test_random_days_with_orders_that_go_together(sqlite_database: str) -> None:
    """Whatever is joined, parted, exchanged and sent, each order keeps its goods and its money."""
    run_state_machine_as_test(
        Days,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
