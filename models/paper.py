"""Papers that are drawn when they are asked for: what stands on each, and how that is read from the truth.

Each record holds all that is printed, so that it can be made of something else than an order, too. Invoices
and credit notes are issued instead (`models.document`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel
from pydantic import Field as RecordField
from sqlmodel import Session, col, select

from models.among import among
from models.article import Article, parts_of, titles_of
from models.bin import bins_of
from models.columns import need_id, utc_now
from models.document import ISSUE_ZONE, LONGEST_TEXT, DocumentKind, PricedContent, print_text
from models.errors import RuleError
from models.order import (
    AddressRole,
    LinePart,
    Order,
    OrderAddress,
    OrderLine,
    OrderState,
    lines_of,
    open_holds,
    owed_for,
)
from models.payment import Payment, payments_of
from models.pick_items import get_list, units_to_take
from models.pick_list import PickListState, PickOrder
from models.pick_sheet import read_sheet
from models.release import hindrance
from models.service import ShippingMethod
from models.shipment import Shipment, contents_of, shipments_of
from models.stock import StockLevel, Warehouse
from models.tax import check_adds_up, exchange_of, print_line, taxes_of, treat_order
from models.tax_case import HOME, extras_rate, rate_of
from models.tenant import SellerData, Tenant
from models.together import GOING, mates_of

LANGUAGES = ("de", "en")
LONGEST_ADDRESS_LINE = 100
MAY_LEAVE = (OrderState.open, OrderState.released, OrderState.shipped)


def _cut_at(longest: int) -> AfterValidator:
    return AfterValidator(lambda text: print_text(text, longest))


Printed = Annotated[str, _cut_at(LONGEST_TEXT)]
"""One line; what is longer than papers have room for is cut visibly."""
PrintedNumber = Annotated[str, _cut_at(80)]
AddressLine = Annotated[str, _cut_at(LONGEST_ADDRESS_LINE)]


class PaperKind(StrEnum):
    confirmation = "confirmation"
    offer = "offer"
    pick_list = "pick-list"
    packing_slip = "slip"
    receipt = "receipt"
    return_slip = "return-slip"
    label = "label"
    invoice = "invoice"
    credit_note = "credit-note"


ISSUED = {PaperKind.invoice: DocumentKind.invoice, PaperKind.credit_note: DocumentKind.credit_note}
"""Those that were issued and are shown as they were; the others are drawn anew each time."""


class PaperFormat(StrEnum):
    a4 = "a4"
    thermal = "thermal"
    """A roll of 80 mm, as long as its content."""


class ReturnReason(StrEnum):
    """What a buyer may tick on a return slip."""

    too_small_or_large = "too_small_or_large"
    not_liked = "not_liked"
    not_as_described = "not_as_described"
    damaged = "damaged"
    faulty = "faulty"
    wrong_article = "wrong_article"
    too_late = "too_late"
    other = "other"


class Place(BaseModel):
    """Where something goes."""

    lines: list[AddressLine]
    """Name and address, none empty."""
    country: str = ""
    """ISO 3166-1 alpha-2, of another country than the sender's."""


class Received(BaseModel):
    """Money that came in; below zero, if it went back."""

    on: date
    amount: Decimal
    method: Printed = ""
    reference: Printed = ""


class OrderPaper(PricedContent):
    """A confirmation, an offer or a receipt: what was, or may be, bought for how much."""

    kind: PaperKind
    dated: date
    ships_to: Place | None = None
    """None, if it goes to the buyer's address."""
    order_number: PrintedNumber = ""
    """None of an offer for which there is no order yet."""
    offer_number: PrintedNumber = ""
    ordered_on: date | None = None
    valid_until: date | None = None
    """Of an offer."""
    payment_method: Printed = ""
    shipping_method: Printed = ""
    received: list[Received] = RecordField(default_factory=list)
    """Of a receipt."""
    open_amount: Decimal = Decimal(0)
    """What is still to be paid; below zero, if too much was."""


class Goods(BaseModel):
    """Units of one article on a paper without prices."""

    number: PrintedNumber = ""
    """The SKU."""
    gtin: PrintedNumber = ""
    title: Printed = ""
    quantity: int
    later: int = 0
    """Units that are not in this parcel and follow."""
    parts: list["Goods"] = RecordField(default_factory=list)
    """What a set is made of."""


class PackingSlip(BaseModel):
    """What is in a parcel."""

    language: str
    seller: SellerData
    to: Place
    order_number: PrintedNumber
    further_numbers: list[PrintedNumber] = RecordField(default_factory=list)
    """Of the orders that go with it."""
    ordered_on: date | None = None
    shipped_on: date | None = None
    shipping_method: Printed = ""
    goods: list[Goods]


class ReturnSlip(BaseModel):
    """What a buyer may send back, why, and where to."""

    language: str
    seller: SellerData
    buyer: Place
    order_number: PrintedNumber
    ordered_on: date | None = None
    goods: list[Goods]
    reasons: list[ReturnReason] = RecordField(default_factory=lambda: list(ReturnReason))


class AddressLabel(BaseModel):
    language: str
    seller: SellerData
    to: Place
    order_number: PrintedNumber
    further_numbers: list[PrintedNumber] = RecordField(default_factory=list)
    """Of the orders that go with it."""
    shipping_method: Printed = ""


class PickTarget(BaseModel):
    """For whom units are taken from a bin."""

    quantity: int
    order_number: PrintedNumber = ""
    box: PrintedNumber = ""
    """In a walk with boxes: the number of that into which these units go."""


class PickRow(BaseModel):
    bin: PrintedNumber = ""
    sku: PrintedNumber
    gtin: PrintedNumber = ""
    title: Printed = ""
    quantity: int
    targets: list[PickTarget] = RecordField(default_factory=list)


class PickPaper(BaseModel):
    """What a person takes from the bins of one warehouse, in the order in which they are walked by."""

    language: str
    seller: SellerData
    number: PrintedNumber = ""
    warehouse: Printed = ""
    dated: date
    rows: list[PickRow]


Paper = OrderPaper | PackingSlip | ReturnSlip | AddressLabel | PickPaper


def printed_number(order: Order) -> str:
    """Return the number by which the buyer knows an order; it is what the barcodes say."""
    return order.channel_number or order.external_id


def address_lines(address: OrderAddress) -> list[str]:
    """Return name and address, one line each, without the country."""
    lines = (
        address.company,
        f"{address.first_name} {address.last_name}",
        address.street,
        address.street2,
        f"{address.postcode} {address.city}",
    )
    return [printed for line in lines if (printed := print_text(line, LONGEST_ADDRESS_LINE))]


def abroad(address: OrderAddress, tenant: Tenant) -> str:
    """Return the country of an address, empty if it is the tenant's."""
    return address.country if address.country != tenant.country else ""


def paper_language(tenant: Tenant, language: str = "") -> str:
    """Return the language asked for, else the tenant's, else German."""
    wanted = language or tenant.language
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


def confirm(session: Session, order: Order, *, language: str = "") -> OrderPaper:
    """Return the confirmation of an order: all of it that was not cancelled.

    Raises: RuleError, if it is a trial, pending, cancelled or merged, or does not add up.
    """
    _check(order, *MAY_LEAVE)
    return _order_paper(session, order, PaperKind.confirmation, language)


def offer(session: Session, order: Order, valid_until: date, *, language: str = "") -> OrderPaper:
    """Return an offer of what an order asks for, good until the end of a German day.

    Raises: RuleError, if it is a trial, was released, cancelled or merged, does not add up, or that is over.
    """
    _check(order, OrderState.pending, OrderState.open)
    if valid_until < _today():
        raise RuleError(f"An offer cannot be good until {valid_until}: that is over.")
    paper = _order_paper(session, order, PaperKind.offer, language)
    return paper.model_copy(update={"valid_until": valid_until})


def receipt(
    session: Session, order: Order, payments: Sequence[Payment] = (), *, language: str = ""
) -> OrderPaper:
    """Return the receipt of payments for an order, of all if none are named.

    Raises: RuleError, if it is a trial, cancelled or merged, does not add up, or nothing was received.
    """
    _check(order, OrderState.pending, *MAY_LEAVE)
    payments = payments or payments_of(session, need_id(order.id))
    if sum((payment.amount for payment in payments), Decimal(0)) <= 0:
        raise RuleError(f"Order {order.external_id}: nothing was received that a receipt could be for.")
    paper = _order_paper(session, order, PaperKind.receipt, language)
    received = [
        Received(
            on=payment.paid_at.astimezone(ISSUE_ZONE).date(),
            amount=payment.amount,
            method=payment.method or paper.payment_method,
            reference=payment.reference,
        )
        for payment in payments
    ]
    return paper.model_copy(update={"received": received, "open_amount": owed_for(order)})


def packing_slip(
    session: Session, order: Order, shipment: Shipment | None = None, *, language: str = ""
) -> PackingSlip:
    """Return what is in a shipment, or if none is named in the next one: see `next_units`.

    Once all has left it is the last shipment. Orders that go together have one slip.
    Raises: RuleError, if there is nothing to pack, or goods may not leave.
    """
    if shipment is None and order.state is OrderState.shipped:
        shipment = _last_shipment(session, order)
    tenant = session.get_one(Tenant, order.tenant_id)
    spoken = paper_language(tenant, language)
    goods = _packed(session, order, shipment, spoken)
    mates = _mates(session, order, shipment)
    for mate in mates:
        goods += _packed(session, mate, _last_shipment(session, mate) if shipment else None, spoken)
    return PackingSlip(
        language=spoken,
        seller=_seller(tenant),
        to=_place(session, order, tenant, AddressRole.shipping),
        order_number=printed_number(order),
        further_numbers=[printed_number(mate) for mate in mates],
        ordered_on=_day(order),
        shipped_on=shipment.shipped_at.astimezone(ISSUE_ZONE).date() if shipment else None,
        shipping_method=_shipping_method(session, order),
        goods=goods,
    )


def _packed(session: Session, order: Order, shipment: Shipment | None, language: str) -> list[Goods]:
    """Return what of an order is in a shipment or the next one, and what follows. Raises: RuleError."""
    lines = _lines(session, order)
    if shipment is not None:
        _check(order, *MAY_LEAVE, OrderState.cancelled)
        units = _units_of(session, shipment)
    else:
        _check_may_leave(session, order, lines)
        units = next_units(lines)
    after = dict.fromkeys(units, 0) if shipment else units
    later = {
        need_id(line.id): line.quantity - line.cancelled - line.shipped - after.get(need_id(line.id), 0)
        for line in lines
    }
    return _goods(session, lines, units, later, language)


def _last_shipment(session: Session, order: Order) -> Shipment | None:
    shipments = shipments_of(session, need_id(order.id))
    return shipments[-1][0] if shipments else None


def _mates(session: Session, order: Order, shipment: Shipment | None) -> list[Order]:
    """Return the orders that are in the same parcel, or are to be in the next one."""
    if order.ships_with_id is None:
        return []
    group = mates_of(session, [need_id(order.id)]).get(order.ships_with_id, [])
    mates = [each for each in group if each.id != order.id]
    if shipment is None:
        return [each for each in mates if each.state in GOING]
    last = {each.id: _last_shipment(session, each) for each in mates}
    return [
        each
        for each in mates
        if (left := last[each.id]) is not None and left.recorded_at == shipment.recorded_at
    ]


def return_slip(session: Session, order: Order, *, language: str = "") -> ReturnSlip:
    """Return what a buyer may send back: all that has left and not come back, and what is about to leave.

    Raises: RuleError, if there is nothing, or the order is a trial.
    """
    _check(order, *MAY_LEAVE, OrderState.cancelled)
    lines = _lines(session, order)
    units = {need_id(line.id): line.shipped - line.returned for line in lines}
    if not _hindrance(session, order, lines):
        for line_id, quantity in next_units(lines).items():
            units[line_id] += quantity
    tenant = session.get_one(Tenant, order.tenant_id)
    spoken = paper_language(tenant, language)
    goods = _goods(session, lines, units, {}, spoken)
    if not goods:
        raise RuleError(f"Order {order.external_id}: the buyer has nothing of it that could come back.")
    return ReturnSlip(
        language=spoken,
        seller=_seller(tenant),
        buyer=_place(session, order, tenant, AddressRole.shipping),
        order_number=printed_number(order),
        ordered_on=_day(order),
        goods=goods,
    )


def address_label(session: Session, order: Order, *, language: str = "") -> AddressLabel:
    """Return where an order's parcel goes; orders that go together have one.

    Raises: RuleError, if goods may not leave, or the address lacks a name, street or city.
    """
    _check(order, *MAY_LEAVE)
    shipment = _last_shipment(session, order) if order.state is OrderState.shipped else None
    mates = _mates(session, order, shipment)
    for each in (order, *mates):
        if each.state is not OrderState.shipped:
            _check_may_leave(session, each, _lines(session, each))
    tenant = session.get_one(Tenant, order.tenant_id)
    address = _address(session, order, AddressRole.shipping)
    needed = {
        "name": f"{address.company}{address.first_name}{address.last_name}",
        "street": address.street,
        "city": address.city,
    }
    if missing := [field for field, value in needed.items() if not value.strip()]:
        raise RuleError(f"Order {order.external_id}: the address has no {', '.join(missing)}.")
    return AddressLabel(
        language=paper_language(tenant, language),
        seller=_seller(tenant),
        to=_place(session, order, tenant, AddressRole.shipping),
        order_number=printed_number(order),
        further_numbers=[printed_number(mate) for mate in mates],
        shipping_method=_shipping_method(session, order),
    )


def check_pickable(session: Session, order: Order) -> None:
    """Make sure that an order has units to pick.

    Raises: RuleError, unless it is released, free to leave, and stock is promised to it that does not lie
    ready yet.
    """
    _check(order, OrderState.released)
    _check_may_leave(session, order, _lines(session, order))
    if not units_to_take(session, [need_id(order.id)]):
        raise RuleError(f"Order {order.external_id}: all that is promised to it lies ready.")


def pick_papers(session: Session, orders: Sequence[Order], *, language: str = "") -> list[PickPaper]:
    """Return what is to be taken for all these orders together, in walking order, one for each warehouse.

    For orders that `check_pickable` lets pass; nothing is kept, and no list is opened by it.
    """
    numbers = {need_id(order.id): printed_number(order) for order in orders}
    units = units_to_take(session, list(numbers))
    levels = session.exec(
        select(StockLevel).where(among(col(StockLevel.id), sorted({row[2] for row in units})))
    ).all()
    warehouse_of = {need_id(level.id): level.warehouse_id for level in levels}
    wanted: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for order_id, _, level_id, article_id, quantity in sorted(units):
        wanted[warehouse_of[level_id], article_id][order_id] += quantity
    ids = sorted({article_id for _, article_id in wanted})
    articles = {row.id: row for row in session.exec(select(Article).where(among(col(Article.id), ids)))}
    bins = bins_of(session, ids)
    papers = []
    for warehouse in _warehouses(session, {warehouse_id for warehouse_id, _ in wanted}):
        tenant = session.get_one(Tenant, warehouse.tenant_id)
        spoken = paper_language(tenant, language)
        titles = titles_of(session, ids, spoken)
        stops = []
        for (warehouse_id, article_id), parts in wanted.items():
            if warehouse_id != warehouse.id:
                continue
            place = bins.get((warehouse_id, article_id))
            row = PickRow(
                bin=place.name if place else "",
                sku=articles[article_id].sku,
                gtin=articles[article_id].gtin,
                title=titles.get(article_id, ""),
                quantity=sum(parts.values()),
                targets=[
                    PickTarget(quantity=quantity, order_number=numbers[order_id])
                    for order_id, quantity in parts.items()
                ],
            )
            # What has no bin is looked for at the end.
            stops.append(((place is None, place.place if place else 0, row.bin, row.sku), row))
        stops.sort(key=lambda stop: stop[0])
        rows = [row for _, row in stops]
        seller = _seller(tenant)
        papers.append(
            PickPaper(language=spoken, seller=seller, warehouse=warehouse.name, dated=_today(), rows=rows)
        )
    return papers


def walk_papers(session: Session, list_id: int, *, language: str = "") -> list[PickPaper]:
    """Return what is still to be taken for a pick list, in walking order, one for each warehouse.

    Raises: NotFoundError, if there is no such list; RuleError, if nothing is left to take.
    """
    sheet = read_sheet(session, list_id)
    tenant = session.get_one(Tenant, get_list(session, list_id).tenant_id)
    spoken, seller = paper_language(tenant, language), _seller(tenant)
    numbers = _printed_numbers(session, list_id)
    rows: dict[str, list[PickRow]] = defaultdict(list)
    for stop in sheet.stops:
        targets = [
            PickTarget(
                quantity=part.quantity - part.picked,
                order_number=numbers.get(part.order, part.order),
                box=str(part.box or ""),
            )
            for part in stop.parts
            if part.quantity > part.picked
        ]
        if targets and sheet.state is PickListState.open:
            row = PickRow(
                bin=stop.bin,
                sku=stop.sku,
                gtin=stop.gtin,
                title=stop.title,
                quantity=sum(target.quantity for target in targets),
                targets=targets,
            )
            rows[stop.warehouse].append(row)
    if not rows:
        raise RuleError(f"Nothing is left to take for pick list {list_id}.")
    return [
        PickPaper(
            language=spoken,
            seller=seller,
            number=str(list_id),
            warehouse=warehouse,
            dated=_today(),
            rows=of_warehouse,
        )
        for warehouse, of_warehouse in rows.items()
    ]


def _printed_numbers(session: Session, list_id: int) -> dict[str, str]:
    """Return by external id how the orders of a list are printed."""
    query = select(Order).join(PickOrder, col(PickOrder.order_id) == col(Order.id))
    rows = session.exec(query.where(PickOrder.pick_list_id == list_id)).all()
    return {order.external_id: printed_number(order) for order in rows}


def _warehouses(session: Session, ids: Iterable[int]) -> Sequence[Warehouse]:
    query = select(Warehouse).where(among(col(Warehouse.id), sorted(ids)))
    return session.exec(query.order_by(col(Warehouse.priority), col(Warehouse.id))).all()


def next_units(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return by line the units of the next parcel: those that lie ready, or if none do those promised."""
    ready = any(line.picked for line in lines)
    return {need_id(line.id): line.picked if ready else line.allocated for line in lines}


def _today() -> date:
    return utc_now().astimezone(ISSUE_ZONE).date()


def _day(order: Order) -> date:
    return order.placed_at.astimezone(ISSUE_ZONE).date()


def _check(order: Order, *states: OrderState) -> None:
    if order.trial:
        raise RuleError(f"Order {order.external_id} is a trial: there are no papers of it.")
    if order.state not in states:
        raise RuleError(f"Order {order.external_id} is {order.state}: there is no such paper of it.")


def _check_may_leave(session: Session, order: Order, lines: Sequence[OrderLine]) -> None:
    """Make sure that an order has a next parcel. Raises: RuleError."""
    _check(order, OrderState.open, OrderState.released)
    if reasons := _hindrance(session, order, lines):
        raise RuleError(f"Order {order.external_id} is held ({', '.join(reasons)}); settle that first.")
    if not any(next_units(lines).values()):
        raise RuleError(f"Order {order.external_id}: no stock is promised to it.")


def _hindrance(session: Session, order: Order, lines: Sequence[OrderLine]) -> list[str]:
    holds = open_holds(session, [need_id(order.id)]).get(need_id(order.id), [])
    # Of what was released in spite of a shortage, what is there leaves.
    return hindrance(holds, lines, partly=order.state is OrderState.released)


def _seller(tenant: Tenant) -> SellerData:
    seller = SellerData.model_validate(tenant.seller)
    return seller if seller.name else seller.model_copy(update={"name": tenant.title or tenant.name})


def _lines(session: Session, order: Order) -> list[OrderLine]:
    return lines_of(session, [need_id(order.id)]).get(need_id(order.id), [])


def _address(session: Session, order: Order, role: AddressRole) -> OrderAddress:
    rows = session.exec(select(OrderAddress).where(OrderAddress.order_id == order.id)).all()
    by_role = {row.role: row for row in rows}
    address = by_role.get(role, by_role.get(AddressRole.billing))
    if address is None:
        raise RuleError(f"Order {order.external_id} has no address.")
    return address


def _place(session: Session, order: Order, tenant: Tenant, role: AddressRole) -> Place:
    return _place_of(_address(session, order, role), tenant)


def _place_of(address: OrderAddress, tenant: Tenant) -> Place:
    country = abroad(address, tenant)
    lines = address_lines(address)
    if country and address.state.strip():
        lines.append(address.state)
    return Place(lines=lines, country=country)


def _shipping_method(session: Session, order: Order) -> str:
    """Return how an order is sent: as the tenant calls it, if that is known."""
    way = session.get(ShippingMethod, order.shipping_method_id) if order.shipping_method_id else None
    return way.name if way is not None else order.shipping_method


def _units_of(session: Session, shipment: Shipment) -> dict[int, int]:
    parcels = next(
        parcels for row, parcels in shipments_of(session, shipment.order_id) if row.id == shipment.id
    )
    units: dict[int, int] = defaultdict(int)
    for content in contents_of(session, [need_id(parcel.id) for parcel in parcels]).values():
        for line_id, quantity in content.items():
            units[line_id] += quantity
    return dict(units)


def _goods(
    session: Session,
    lines: Sequence[OrderLine],
    units: Mapping[int, int],
    later: Mapping[int, int],
    language: str,
) -> list[Goods]:
    """Return what is printed of lines that have units, now or later."""
    chosen = [
        line for line in lines if units.get(need_id(line.id), 0) > 0 or later.get(need_id(line.id), 0) > 0
    ]
    asked: dict[int, list[LinePart]] = defaultdict(list)
    query = select(LinePart).where(among(col(LinePart.order_line_id), [line.id for line in chosen]))
    for part in session.exec(query.order_by(col(LinePart.article_id))):
        asked[part.order_line_id].append(part)
    bundles = parts_of(session, [part.article_id for each in asked.values() for part in each])
    ids = {part.article_id for each in asked.values() for part in each}
    ids |= {article_id for each in bundles.values() for article_id, _ in each}
    articles = {
        need_id(row.id): row
        for row in session.exec(select(Article).where(among(col(Article.id), sorted(ids)))).all()
    }
    titles = titles_of(session, sorted(ids), language)
    goods = []
    for line in chosen:
        quantity = max(0, units.get(need_id(line.id), 0))
        article = articles.get(line.article_id or 0)
        parts = _parts(asked[need_id(line.id)], bundles)
        goods.append(
            Goods(
                number=article.sku if article else str(line.codes.get("sku", "")),
                gtin=article.gtin if article else str(line.codes.get("gtin", "")),
                title=line.title,
                quantity=quantity,
                later=max(0, later.get(need_id(line.id), 0)),
                parts=[
                    Goods(
                        number=articles[article_id].sku,
                        title=titles.get(article_id, ""),
                        quantity=quantity * count,
                    )
                    for article_id, count in parts.items()
                    if article_id != line.article_id or count > 1
                ],
            )
        )
    return goods


def _parts(asked: Sequence[LinePart], bundles: Mapping[int, Sequence[tuple[int, int]]]) -> dict[int, int]:
    parts: dict[int, int] = defaultdict(int)
    for part in asked:
        for article_id, quantity in bundles.get(part.article_id, [(part.article_id, 1)]):
            parts[article_id] += part.quantity * quantity
    return parts


def _order_paper(session: Session, order: Order, kind: PaperKind, language: str) -> OrderPaper:
    places = {role: _address(session, order, role) for role in AddressRole}
    return price_paper(session, order, _lines(session, order), places, kind, language)


def price_paper(
    session: Session,
    order: Order,
    lines: Sequence[OrderLine],
    places: Mapping[AddressRole, OrderAddress],
    kind: PaperKind,
    language: str = "",
) -> OrderPaper:
    """Return a paper of an order; with its lines and both its addresses it may be of no table yet.

    Raises: RuleError, if the order does not add up.
    """
    tenant = session.get_one(Tenant, order.tenant_id)
    seller = _seller(tenant)
    check_adds_up(order, lines)
    chosen = [line for line in lines if line.quantity > line.cancelled]
    extras = (order.shipping_amount, order.fee_amount)
    try:
        tax_fields = _state_tax(order, tenant, seller, places, chosen)
    except RuleError:
        # No invoice could state it.
        printed = [print_line(line, line.quantity - line.cancelled, None) for line in chosen]
        gross = sum((line.amount for line in printed), sum(extras, Decimal(0)))
        tax_fields = {"lines": printed, "net": gross, "tax": Decimal(0), "gross": gross}
    buyer = _place_of(places[AddressRole.billing], tenant)
    goes_to = _place_of(places[AddressRole.shipping], tenant)
    return OrderPaper(
        kind=kind,
        dated=_today(),
        language=paper_language(tenant, language),
        currency=order.currency,
        seller=seller,
        buyer=buyer.lines,
        buyer_country=buyer.country,
        ships_to=goes_to if goes_to != buyer else None,
        order_number=printed_number(order),
        ordered_on=_day(order),
        payment_method=order.payment_method_name or order.payment_method,
        shipping_method=_shipping_method(session, order),
        shipping_amount=order.shipping_amount,
        fee_amount=order.fee_amount,
        **tax_fields,
    )


def _state_tax(
    order: Order,
    tenant: Tenant,
    seller: SellerData,
    places: Mapping[AddressRole, OrderAddress],
    lines: Sequence[OrderLine],
) -> dict[str, Any]:
    """Return what a paper of these lines says of them and their tax, as if they left today.

    Raises: RuleError, if no invoice of them could state it.
    """
    if tenant.country != HOME:
        raise RuleError("Tax is stated by German law alone.")
    treatment = treat_order(tenant, seller, places, lines, _today())
    printed = [
        print_line(
            line,
            line.quantity - line.cancelled,
            rate_of(treatment, line.tax_rate, f"Line {line.external_id}"),
        )
        for line in lines
    ]
    taxes = taxes_of(
        printed,
        order.shipping_amount,
        order.fee_amount,
        extras_rate(treatment, order.shipping_tax_rate),
    )
    gross = sum((line.amount for line in printed), order.shipping_amount + order.fee_amount)
    tax = sum((part.tax for part in taxes), Decimal(0))
    return {
        "buyer_vat_id": treatment.vat_id,
        "tax_case": treatment.case,
        "goes_to": treatment.country,
        "collected_by_channel": treatment.collected,
        "lines": printed,
        "taxes": taxes,
        "net": gross - tax,
        "tax": tax,
        "gross": gross,
        "exchange": exchange_of(order, tenant, _today(), tax),
    }


PAPERS_OF_AN_ORDER: Mapping[PaperKind, Callable[..., Paper]] = {
    PaperKind.confirmation: confirm,
    PaperKind.receipt: receipt,
    PaperKind.packing_slip: packing_slip,
    PaperKind.return_slip: return_slip,
    PaperKind.label: address_label,
}
"""Those that need nothing but an order: `(session, order, *, language)`."""
