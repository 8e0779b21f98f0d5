"""The order desk in a story: manual orders, changed, repeated, shipped and exchanged; and offers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial

from sqlmodel import Session, col, select

from models.catalog.article import Article
from models.database.columns import need_id
from models.database.session import read_scope
from models.fulfilment.holding import cancel_order
from models.fulfilment.returns import InspectedUnits, Return, announce_return, lines_of_return, receive_return
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import set_quantity
from models.order_desk.manual_orders import add_line
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder
from models.order_desk.offers import decline_offer, find_offer, make_offer
from models.orders.amounts import amount_owed
from models.orders.history import Actor
from models.orders.order import Order, OrderLine
from models.orders.queries import lines_of
from models.payments.payment import record_payment
from models.tenants.account import account_data, get_account
from models.tenants.records import PaymentKind
from tests.faults import commands
from tests.faults.merchant import SKUS, goods_of, place_of
from tests.faults.parcels import Shipping

OFFER_DAYS = 20
"""Days; longer than a story."""


@dataclass
class Slip:
    """A paper note of a telephone order: the order made from it, and the goods wanted now, by SKU."""

    order_id: int
    goods: Counter[str]


@dataclass
class Offered:
    """An offer in the desk's own notes."""

    total: Decimal
    accepted: bool = False
    declined: bool = False


@dataclass
class Desk(Shipping):
    """The merchant at the telephone."""

    desk: str
    """The account for manual orders."""
    slips: dict[str, Slip] = field(default_factory=dict, kw_only=True)
    """By reference."""
    offers: dict[str, Offered] = field(default_factory=dict, kw_only=True)
    """By number."""

    def take(self, slip: int, lines: Sequence[tuple[int, int]], buyer: int | None = None) -> None:
        """Take an order by telephone; the same slip may be entered again."""
        reference = f"Zettel {slip}"
        asked = _asked(slip, lines, buyer).model_copy(update={"reference": reference})
        goods = Counter({SKUS[product]: units for product, units in lines})
        self._take(reference, partial(commands.take, self.desk, asked), goods)

    def repeat(self, side: int, number: int, slip: int) -> None:
        """Repeat a channel's order as a manual order."""
        order = self.sides[side].theirs(number)
        mine = self.order_here(side, order.key) if order is not None else None
        if mine is None:
            return
        with read_scope() as session:
            lines = lines_of(session, [mine.row_id])[mine.row_id]
            goods = _by_sku(session, ((line, line.quantity - line.cancelled) for line in lines))
        reference = f"Noch einmal {slip}"
        self._take(reference, partial(commands.repeat, self.desk, mine.row_id, reference), goods)

    def exchange(self, number: int) -> None:
        """Replace returned goods by the same goods, perhaps for a return that was replaced before."""
        with read_scope() as session:
            rows = session.exec(select(Return).order_by(col(Return.id))).all()
            if not rows:
                return
            return_id = rows[number % len(rows)].row_id
            goods = _by_sku(
                session,
                (
                    (session.get_one(OrderLine, row.order_line_id), row.to_stock + row.b_stock + row.scrapped)
                    for row in lines_of_return(session, return_id)
                ),
            )
        reference = f"Umtausch {return_id}"
        self._take(reference, partial(commands.exchange, self.desk, return_id, reference), goods)

    def offer(self, slip: int, lines: Sequence[tuple[int, int]]) -> None:
        """Make an offer."""
        made: dict[str, Offered] = {}

        def book(session: Session) -> None:
            until = (self.clocks.here + timedelta(days=OFFER_DAYS)).date()
            row = make_offer(session, get_account(session, self.desk), _asked(slip, lines), until)
            made[row.number] = Offered(row.total)

        if self._try(book):
            self.offers.update(made)

    def accept(self, number: int) -> None:
        """Accept an offer for a buyer, perhaps one that was accepted or declined before."""
        if self.offers:
            name = sorted(self.offers)[number % len(self.offers)]
            self.do(partial(commands.accept, name))
            # A refusal means that the offer was decided before; nothing else can prevent it.
            self.offers[name].accepted = not self.offers[name].declined

    def decline(self, number: int) -> None:
        """Decline an offer for a buyer."""
        if self.offers:
            name = sorted(self.offers)[number % len(self.offers)]
            if self._try(lambda session: decline_offer(session, find_offer(session, name))):
                self.offers[name].declined = True

    def add_goods(self, number: int, product: int) -> None:
        """Add one article to an order for a caller."""
        line = ManualLine(article=SKUS[product], price=Decimal("5.00"))

        def step(session: Session, order: Order) -> Mapping[str, int]:
            add_line(session, order, line)
            return {SKUS[product]: 1}

        self._mend(number, step)

    def want_fewer(self, number: int) -> None:
        """Remove one unit of the first line with several units for a caller."""

        def step(session: Session, order: Order) -> Mapping[str, int]:
            for line in lines_of(session, [order.row_id])[order.row_id]:
                left = line.quantity - line.cancelled
                if left - line.shipped > 1:
                    set_quantity(session, order, line, left - 1, actor=Actor.person)
                    return _by_sku(session, [(line, -1)])
            return {}

        self._mend(number, step)

    def cancel_slip(self, number: int) -> None:
        """Cancel a manual order for a caller."""

        def step(session: Session, order: Order) -> Mapping[str, int]:
            lines = lines_of(session, [order.row_id])[order.row_id]
            wanted = _by_sku(session, ((line, line.cancelled - line.quantity) for line in lines))
            cancel_order(session, order, actor=Actor.person)
            return wanted

        self._mend(number, step)

    def pay_slip(self, number: int) -> None:
        """Receive the payment for a manual order."""

        def step(session: Session, order: Order) -> Mapping[str, int]:
            if (owed := amount_owed(order)) > 0:
                account = account_data(get_account(session, self.desk))
                record_payment(session, account, order, owed, self.clocks.here)
            return {}

        self._mend(number, step)

    def ship_slip(self, number: int) -> None:
        """Ship a manual order."""
        if (slip := self._slip(number)) is not None:
            with read_scope() as session:
                order = session.get_one(Order, slip.order_id)
            self.ship(order, f"SLIP{order.id}-{self.parcels.total()}", whole=True)

    def take_slip_back(self, number: int) -> None:
        """Take back one unit of a manual order, as good as new."""
        back: Counter[str] = Counter()

        def step(session: Session, order: Order) -> Mapping[str, int]:
            lines = lines_of(session, [order.row_id])[order.row_id]
            out = [line.row_id for line in lines if line.shipped > line.returned]
            if out:
                row = announce_return(session, order, {out[0]: 1}, "Zu klein")
                receive_return(session, row, {out[0]: InspectedUnits(to_stock=1)})
                credit_return(session, row)
                back.update(goods_of(session, {out[0]: 1}))
            return {}

        self._mend(number, step)
        for sku, units in back.items():
            self.counted[sku] += units

    def _take(self, reference: str, command: Callable[[], commands.Taken], goods: Mapping[str, int]) -> None:
        """Enter a slip; one that was entered before keeps its goods, including later changes."""
        taken = self.do(command)
        if taken is not None and reference not in self.slips:
            self.slips[reference] = Slip(need_id(taken.order_id), Counter(goods))

    def _slip(self, number: int) -> Slip | None:
        return list(self.slips.values())[number % len(self.slips)] if self.slips else None

    def _mend(self, number: int, step: Callable[[Session, Order], Mapping[str, int]]) -> None:
        """Take a step with a manual order; `step` returns the change of the wanted goods."""
        slip, more = self._slip(number), Counter[str]()
        if slip is None:
            return
        order_id = slip.order_id
        if self._try(lambda session: more.update(step(session, session.get_one(Order, order_id)))):
            slip.goods.update(more)


def _by_sku(session: Session, lines: Iterable[tuple[OrderLine, int]]) -> Counter[str]:
    """Return the units of lines by SKU."""
    goods: Counter[str] = Counter()
    for line, units in lines:
        if line.article_id is not None:
            goods[session.get_one(Article, line.article_id).sku] += units
    return goods


def _asked(slip: int, lines: Sequence[tuple[int, int]], buyer: int | None = None) -> ManualOrder:
    """Return a caller's order; with `buyer`, the caller has the address of that buyer at the channels."""
    last_name, street = place_of(f"Zettel {slip}" if buyer is None else buyer)
    return ManualOrder(
        billing=ManualAddress(
            first_name="Geheim",
            last_name=last_name,
            street=street,
            postcode="04229",
            city="Leipzig",
            country="DE",
            email=f"geheim-zettel{slip}@buyer.example",
        ),
        lines=[
            ManualLine(article=SKUS[product], quantity=units, price=Decimal("9.90"))
            for product, units in lines
        ],
        payment=PaymentKind.invoice,
        shipping_method="Paket",
        shipping_amount=Decimal("4.90"),
    )
