"""Parcels in a story: by hand or from a carrier's file, of one order or of consolidated orders."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from models.database.session import read_scope
from models.errors import RuleError
from models.fulfilment.consolidation import (
    consolidate_orders,
    separate_order,
    ship_consolidated,
    suggest_consolidations,
)
from models.fulfilment.release import release_order
from models.fulfilment.shipments import ParcelData, ShipmentData, tracking_numbers
from models.fulfilment.splitting import split_order, unsplit_order
from models.intake.sheet_results import SheetOutcome
from models.orders.order import Order
from models.orders.queries import consolidated_orders, lines_of
from models.orders.states import TO_SHIP
from models.tenants.account import Account, get_account
from tests.faults import commands
from tests.faults.merchant import Merchant, Side, goods_of, is_open, is_spoilt

OUR_NUMBERS = ("HERE", "FILE", "MATE", "SLIP", "GONE")
"""Prefixes of our parcels' tracking numbers, and of a parcel that the carrier cancelled."""


@dataclass(frozen=True)
class Leaving:
    """An order before its parcel ships."""

    side: Side | None
    """Where it was bought; None for a manual order."""
    key: int
    """Of the channel's order."""
    goods: Mapping[str, int]
    """The units to ship of each SKU."""


@dataclass
class Shipping(Merchant):
    """The merchant as a shipper of parcels."""

    folder: Path
    """The folder of carriers' files."""
    parcels: Counter[str] = field(default_factory=Counter, kw_only=True)
    """By tracking number: how many orders share the parcel, in the warehouse's own notes."""
    late_numbers: set[str] = field(default_factory=set, kw_only=True)
    """Tracking numbers that parcels got after shipping."""

    def ship_here(self, side: int, number: int, *, whole: bool, numbered: bool = True) -> None:
        """Ship an order's goods: all, or one unit of the first line with units left."""
        chosen = self.sides[side]
        order = chosen.theirs(number, is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if order is not None and mine is not None:
            tracking = f"HERE{side}{order.key}{len(chosen.shipped.get(order.key, []))}" if numbered else ""
            self.ship(mine, tracking, whole=whole)

    def ship(self, mine: Order, tracking: str, *, whole: bool) -> None:
        """Ship an order of ours with the orders consolidated with it."""
        leaving: list[Leaving] = []

        def book(session: Session) -> None:
            row = session.get_one(Order, mine.id)
            content = {} if whole else dict.fromkeys(list(_open_units(session, row))[:1], 1)
            leaving.extend(self._leaving(session, row, content))
            parcel = ParcelData(tracking_number=tracking, lines=content)
            at = self.clocks.here.replace(microsecond=0)
            (done,) = ship_consolidated(session, [ShipmentData(row, "DHL", [parcel], at)])
            if isinstance(done, RuleError):
                raise done

        if self._try(book):
            self._note_left(tracking, leaving)

    def keep_back(self, side: int, number: int) -> None:
        """Hold back one unit of an order's first line with units left."""

        def step(session: Session, order: Order) -> None:
            if units := _open_units(session, order):
                split_order(session, order, {next(iter(units)): 1})

        self._split(side, number, step)

    def let_go(self, side: int, number: int) -> None:
        """Release the held-back units of an order."""
        self._split(side, number, unsplit_order)

    def _split(self, side: int, number: int, step: Callable[[Session, Order], None]) -> None:
        order = self.sides[side].theirs(number, is_open)
        mine = self.order_here(side, order.key) if order is not None else None
        if mine is not None:
            self._try(lambda session: step(session, session.get_one(Order, mine.id)))

    def import_parcels(self, side: int, numbers: Sequence[int], *, gone: bool) -> None:
        """Import a carrier's file with orders, each twice; `gone`: whether it has a cancelled parcel, too."""
        chosen = self.sides[side]
        leaving: dict[str, tuple[str, bool, list[Leaving]]] = {}
        with read_scope() as session:
            named: set[int] = set()
            for theirs in filter(None, (chosen.theirs(number, _is_done) for number in numbers)):
                mine = self.order_here(side, theirs.key)
                if mine is None or mine.row_id in named:
                    continue
                group = self._group(session, mine)
                named |= {each.row_id for each in group}
                lacks = "" in tracking_numbers(session, [mine.row_id])[mine.row_id]
                tracking = f"FILE{side}{theirs.key}{len(chosen.shipped.get(theirs.key, []))}"
                left = [Leaving(chosen, theirs.key, {})] if lacks else self._leaving(session, mine)
                leaving[mine.external_id] = tracking, lacks, left
        if not leaving:
            return
        rows = [f"{number};{tracking};DHL;" for number, (tracking, *_) in leaving.items()] * 2
        if gone:
            rows.append(f"{next(iter(leaving))};GONE{len(self.parcels)};DHL;ja")
        file = self.folder / f"{chosen.name}.csv"
        file.write_text("\n".join(["Bestellnummer;Sendungsnummer;Versender;Storniert", *rows]))
        report = self.do(partial(commands.import_parcels, file, chosen.name))
        assert report is not None
        for number in {row.order for row in report.rows if row.outcome is not SheetOutcome.refused}:
            tracking, lacks, left = leaving[number]
            if not self.parcels[tracking]:
                self._note_left(tracking, left)
                self.late_numbers |= {tracking} if lacks else set()

    def join(self, number: int) -> None:
        """Consolidate orders for one address, as `order join --suggest` proposes."""

        def book(session: Session) -> None:
            groups = suggest_consolidations(session, get_account(session, self.sides[0].name).tenant_id)
            if groups:
                consolidate_orders(session, groups[number % len(groups)])

        self._try(book)

    def part(self, number: int) -> None:
        """Separate one of the consolidated orders."""
        if mate := self._mate(number):
            self._try(lambda session: separate_order(session, session.get_one(Order, mate.id)))

    def release_mate(self, number: int) -> None:
        """Release one of the consolidated orders, and so all of them."""
        if mate := self._mate(number):
            self._try(lambda session: release_order(session, session.get_one(Order, mate.id)))

    def cancel_mate(self, number: int) -> None:
        """Cancel one of the consolidated orders at the channel."""
        if (mate := self._mate(number)) is None:
            return
        with read_scope() as session:
            side, key = self._place(session, mate)
        theirs = side.theirs(0, lambda order: order.key == key) if side is not None else None
        if side is not None and theirs is not None and is_open(theirs):
            side.state.cancel(theirs.order_id)

    def ship_mate(self, number: int) -> None:
        """Ship one of the consolidated orders, and so all of them."""
        if mate := self._mate(number):
            self.ship(mate, f"MATE{mate.row_id}{self.parcels.total()}", whole=True)

    def _mate(self, number: int) -> Order | None:
        with read_scope() as session:
            going = select(Order).where(col(Order.ships_with_id).is_not(None), col(Order.state).in_(TO_SHIP))
            mates = session.exec(going.order_by(col(Order.id))).all()
        return mates[number % len(mates)] if mates else None

    def _group(self, session: Session, order: Order) -> list[Order]:
        """Return an order with the orders that ship with it."""
        groups = consolidated_orders(session, [order.row_id]).values()
        mates = [mate for group in groups for mate in group if mate.state in TO_SHIP and mate.id != order.id]
        return [order, *(mates if order.state in TO_SHIP else [])]

    def _leaving(
        self, session: Session, order: Order, content: Mapping[int, int] | None = None
    ) -> list[Leaving]:
        """Return what ships with an order: the units in `content`, or all remaining units of its group."""
        return [
            Leaving(*self._place(session, each), goods_of(session, content or _open_units(session, each)))
            for each in self._group(session, order)
        ]

    def _place(self, session: Session, order: Order) -> tuple[Side | None, int]:
        """Return where an order was bought, and its key at the channel."""
        name = session.get_one(Account, order.account_id).name
        lines = {line.external_id for line in lines_of(session, [order.row_id])[order.row_id]}
        for side in self.sides:
            keys = [
                theirs.key if str(theirs.key) in lines else item.id
                for theirs in side.state.orders.values()
                for item in theirs.items
                if str(item.id) in lines
            ]
            if side.name == name and keys:
                return side, keys[0]
        return None, 0

    def _note_left(self, tracking: str, leaving: Iterable[Leaving]) -> None:
        for each in leaving:
            for sku, units in each.goods.items():
                self.counted[sku] -= units
            numbers = each.side.shipped.setdefault(each.key, []) if each.side is not None else []
            if tracking:
                self.parcels[tracking] += 1
                numbers.append(tracking)


def _is_done(order: Any) -> bool:
    return order.order_id > 0 and order.cancelled_at is None and not is_spoilt(order)


def _open_units(session: Session, order: Order) -> dict[int, int]:
    """Return the units of the next parcel by line."""
    lines = lines_of(session, [order.row_id]).get(order.row_id, [])
    return {line.row_id: line.to_ship for line in lines if line.to_ship}
