"""The content of a buyer mail, read from the database when the mail is written, and whether to send it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from urllib.parse import quote

from sqlmodel import Session, col, func, select

from models.clock import local_date, utc_now
from models.errors import Action, Advice, RuleError
from models.fulfilment.returns import Return, lines_of_return
from models.fulfilment.shipments import Shipment, shipments_of, units_of_shipment
from models.fulfilment.shipped_address import addresses_at
from models.fulfilment.tracking_links import tracking_link
from models.mails.buyer_events import wants_mail
from models.orders.amounts import amount_owed
from models.orders.history import Actor, events_of
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine, OrderState
from models.orders.printed import address_lines, paper_language, printed_number
from models.orders.queries import addresses_of_order, destination, lines_of_order
from models.papers.records import BuyerMailData, BuyerMailLine, BuyerMailParcel, PaymentRequest, Place
from models.payments.payment import Payment, PaymentMove, payments_of
from models.payments.reminders import reminder_due_at
from models.tenants.account import Account, options_as
from models.tenants.options import ChannelOptions
from models.tenants.records import BankData, BuyerEvent, MailOptions, SellerData
from models.tenants.tenant import Tenant
from models.values import plain_address, print_text

ORDER_WORDS = {"de": "Bestellung", "en": "Order"}
MAX_EVENT_AGE = timedelta(days=14)
"""Events older than this are not mailed any more."""
PAYMENT_KINDS = {BuyerEvent.payment_received: PaymentMove.received, BuyerEvent.refund: PaymentMove.refund}


class SkipReason(StrEnum):
    """Why an event is not mailed after all."""

    unwanted = "unwanted"
    """The account does not send this mail any more, or the order is a test order."""
    merged = "merged"
    cancelled = "cancelled"
    not_cancelled = "not_cancelled"
    nothing_owed = "nothing_owed"
    taken_back = "taken_back"
    """The payment, the shipment or the return does not exist any more."""
    gone = "gone"
    """The order was collected or shipped in the meantime."""
    no_address = "no_address"
    too_late = "too_late"
    """No mails were sent for weeks; by now the buyer knows from elsewhere."""
    told_before = "told_before"
    """The database was restored, and the mail may have been sent in the time that was lost."""


def purpose_of(order: Order, language: str) -> str:
    """Return the text that a buyer gives with a bank transfer; payments are matched by its number alone."""
    return f"{ORDER_WORDS[language]} {printed_number(order)}"


def sender_of(tenant: Tenant) -> tuple[SellerData, MailOptions]:
    """Return the seller and the mail settings that every mail of a tenant needs.

    Raises: RuleError, if details are missing that the law requires; it says what to set.
    """
    seller, options = SellerData.model_validate(tenant.seller), MailOptions.model_validate(tenant.mails)
    missing = {
        field: name
        for field, name, given in (
            ("legal_name", "legal name", seller.name),
            ("address", "address", len(seller.address) > 1),
        )
        if not given
    }
    if missing:
        raise RuleError(
            f"A mail to a buyer must name who sells: tenant {tenant.name!r} states no "
            f"{', no '.join(missing.values())}.",
            Advice(Action.tenant_set, tenant.name, dict.fromkeys(missing, "")),
        )
    return seller, options


def skip_reason(session: Session, order: Order, event: BuyerEvent, subject: str) -> SkipReason | None:
    """Return why this event must not be mailed now; None if it may."""
    if not wants_mail(session, order, event):
        return SkipReason.unwanted
    if order.state is OrderState.merged:
        return SkipReason.merged
    reason = _reason_of_event(session, order, event, subject)
    return reason or (None if recipient_of(session, order) else SkipReason.no_address)


def _reason_of_event(session: Session, order: Order, event: BuyerEvent, subject: str) -> SkipReason | None:
    """Return why this event is no longer true of the order; None if it is."""
    match event:
        case BuyerEvent.cancelled:
            is_true = order.state is OrderState.cancelled or any(
                line.cancelled for line in lines_of_order(session, order)
            )
            return None if is_true else SkipReason.not_cancelled
        case BuyerEvent.refund:
            refunded = _payment_in(session, order, subject, PaymentMove.refund)
            return None if refunded else SkipReason.taken_back
        case BuyerEvent.return_received:
            return None if _return_in(session, order, subject) else SkipReason.taken_back
        case _ if order.state is OrderState.cancelled:
            return SkipReason.cancelled
        case BuyerEvent.payment_request | BuyerEvent.payment_reminder:
            # An authorised amount will be paid out by the payment provider: the buyer is not asked for it.
            return SkipReason.nothing_owed if amount_owed(order) <= order.authorised_amount else None
        case BuyerEvent.payment_received:
            received = _payment_in(session, order, subject, PaymentMove.received)
            return None if received > 0 and order.paid_amount > 0 else SkipReason.taken_back
        case BuyerEvent.shipped:
            return None if _shipment_in(session, order, subject) else SkipReason.taken_back
        case BuyerEvent.ready_to_collect:
            return SkipReason.gone if order.state is OrderState.shipped else None
        case BuyerEvent.order_received:
            return None


def find_subject(session: Session, order: Order, event: BuyerEvent) -> str:
    """Return the subject of the latest event of this kind; empty if it is about the order, or none exists.

    A subject is the id of a shipment, a return or a payment, as text.
    """
    order_id = order.row_id
    if event is BuyerEvent.shipped:
        return "".join(str(shipment.id) for shipment, _ in shipments_of(session, order_id)[-1:])
    if event is BuyerEvent.return_received:
        arrived = (Return.order_id == order_id, col(Return.received_at).is_not(None))
        last = session.exec(select(func.max(Return.id)).where(*arrived)).one()
        return "" if last is None else str(last)
    if event in PAYMENT_KINDS:
        fitting = [
            each
            for each in payments_of(session, order_id)
            if each.kind is PAYMENT_KINDS[event] and (each.amount > 0 or event is BuyerEvent.refund)
        ]
        return "".join(str(each.id) for each in fitting[-1:])
    return ""


def happened_at(session: Session, order: Order, event: BuyerEvent, subject: str) -> datetime | None:
    """Return when an event happened; None if the time is not stored."""
    if event in (BuyerEvent.order_received, BuyerEvent.payment_request):
        return order.bought_at
    if event in (BuyerEvent.payment_reminder, BuyerEvent.cancelled):
        return _came_due_at(session, order, event, subject)
    if event is BuyerEvent.shipped and (shipment := _shipment_in(session, order, subject)):
        return shipment.shipped_at
    if event is BuyerEvent.return_received and (arrived := _return_in(session, order, subject)):
        return arrived.received_at
    if event in PAYMENT_KINDS and subject.isdigit():
        payment = session.get(Payment, int(subject))
        return payment.paid_at if payment is not None else None
    return None


def _came_due_at(session: Session, order: Order, event: BuyerEvent, subject: str) -> datetime | None:
    """Return when a reminder, or a cancellation for lack of payment, was due; None if a person cancelled."""
    options = options_as(session.get_one(Account, order.account_id), ChannelOptions)
    steps = events_of(session, order.row_id)
    if event is BuyerEvent.cancelled:
        by_cycle = any(step.kind == "cancelled" and step.actor is Actor.cycle for step in steps)
        return reminder_due_at(order, options) if by_cycle else None
    if options.remind_after_days is None or not subject.isdigit():
        return None
    earlier = [step.at for step in steps if step.kind == "payment_reminded"][: int(subject) - 1]
    begin = earlier[-1] if earlier else order.bought_at
    return begin + timedelta(days=options.remind_after_days)


def recipient_of(session: Session, order: Order) -> str:
    """Return the mail address of an order's buyer; empty if there is none that works."""
    addresses = addresses_of_order(session, order)
    for role in AddressRole:
        if role in addresses and (mail := plain_address(addresses[role].email)):
            return mail
    return ""


def compose_buyer_mail(
    session: Session, order: Order, event: BuyerEvent, subject: str, *, language: str = ""
) -> BuyerMailData:
    """Return the content of an event's mail; `language` overrides the tenant's language.

    Raises: RuleError, if details are missing that the mail must state; it says what to set.
    """
    tenant = session.get_one(Tenant, order.tenant_id)
    seller, options = sender_of(tenant)
    language = paper_language(tenant, language)
    addresses = addresses_of_order(session, order)
    billing = addresses.get(AddressRole.billing)
    mail = BuyerMailData(
        event=event,
        language=language,
        recipient=recipient_of(session, order),
        buyer=_name(billing) if billing is not None else "",
        order_number=printed_number(order),
        ordered_on=local_date(order.bought_at),
        currency=order.currency,
        credited=order.credited_amount,
        paid=order.paid_amount,
        owed=amount_owed(order),
        shop=tenant.title or tenant.name,
        seller=seller,
        options=options,
    )
    lines = lines_of_order(session, order)
    more: dict[str, object] = {}
    match event:
        case BuyerEvent.order_received | BuyerEvent.payment_request | BuyerEvent.payment_reminder:
            more = {
                "lines": _lines(lines, lambda line: line.quantity - line.cancelled, priced=True),
                "total": order.total,
                "shipping_amount": order.shipping_amount,
                "fee_amount": order.fee_amount,
                "payment_method": print_text(order.payment_method_name),
            }
            if event is BuyerEvent.order_received:
                more |= {str(role): _place(address, tenant.country) for role, address in addresses.items()}
            else:
                more["request"] = _payment_request(order, tenant, options, language)
        case BuyerEvent.payment_received | BuyerEvent.refund:
            more["amount"] = abs(_payment_in(session, order, subject, PAYMENT_KINDS[event]))
        case BuyerEvent.shipped:
            more = _shipped(session, order, lines, options, subject)
        case BuyerEvent.ready_to_collect:
            more = {
                "lines": _lines(lines, lambda line: line.to_ship),
                "collect_at": options.collect_at or [seller.name, *seller.address],
            }
        case BuyerEvent.cancelled:
            more = {
                "lines": _lines(lines, lambda line: line.cancelled),
                "is_part": any(line.cancelled < line.quantity for line in lines),
            }
        case BuyerEvent.return_received:
            returned = _units_returned(session, order, subject)
            more["lines"] = _lines(lines, lambda line: returned.get(line.row_id, 0))
    return mail.model_copy(update=more)


def _payment_in(session: Session, order: Order, subject: str, kind: PaymentMove) -> Decimal:
    """Return the amount of this payment; 0 if the order has no such payment, or not any more."""
    payment = session.get(Payment, int(subject)) if subject.isdigit() else None
    if payment is None or payment.order_id != order.id or payment.kind is not kind:
        return Decimal(0)
    return payment.amount


def _shipment_in(session: Session, order: Order, subject: str) -> Shipment | None:
    shipment = session.get(Shipment, int(subject)) if subject.isdigit() else None
    return shipment if shipment is not None and shipment.order_id == order.id else None


def _return_in(session: Session, order: Order, subject: str) -> Return | None:
    """Return this return of the order if it has arrived, else None."""
    row = session.get(Return, int(subject)) if subject.isdigit() else None
    return row if row is not None and row.order_id == order.id and row.received_at is not None else None


def _units_returned(session: Session, order: Order, subject: str) -> dict[int, int]:
    """Return {line id: units} that arrived with this return; empty if the order has no such return."""
    row = _return_in(session, order, subject)
    lines = lines_of_return(session, row.row_id) if row is not None else []
    return {line.order_line_id: line.units for line in lines}


def _payment_request(order: Order, tenant: Tenant, options: MailOptions, language: str) -> PaymentRequest:
    """Return how the buyer can pay what is owed. Raises: RuleError, if the tenant has not set it."""
    bank = BankData.model_validate(tenant.bank)
    if not bank.iban and not options.payment_link:
        raise RuleError(
            f"A payment request must say where to pay: tenant {tenant.name!r} states no bank account and no "
            "payment link.",
            Advice(Action.tenant_set, tenant.name, {"bank_holder": "", "iban": ""}),
            Advice(Action.tenant_set, tenant.name, {"payment_link": ""}),
        )
    amount = amount_owed(order)
    link = options.payment_link.format(
        number=quote(printed_number(order), safe=""), amount=f"{amount:.2f}", currency=order.currency
    )
    return PaymentRequest(
        amount=amount,
        purpose=purpose_of(order, language),
        due_on=local_date(utc_now() + timedelta(days=bank.days)),
        bank=bank if bank.iban else None,
        link=link,
    )


def _shipped(
    session: Session,
    order: Order,
    lines: Iterable[OrderLine],
    options: MailOptions,
    subject: str,
) -> dict[str, object]:
    found = [pair for pair in shipments_of(session, order.row_id) if str(pair[0].id) == subject]
    if not found:
        return {}
    ((shipment, parcels),) = found
    address = destination(addresses_at(session, order, shipment.recorded_at))
    postcode = address.postcode if address is not None else ""
    units = units_of_shipment(session, shipment)
    return {
        "lines": _lines(lines, lambda line: units.get(line.row_id, 0)),
        "carrier": print_text(shipment.carrier),
        "parcels": [
            BuyerMailParcel(
                number=number,
                link=tracking_link(shipment.carrier, number, postcode, options.tracking_links),
            )
            for parcel in parcels
            if (number := print_text(parcel.tracking_number))
        ],
        "is_part": any(line.quantity - line.cancelled > units.get(line.row_id, 0) for line in lines),
        "shipping": _place(address, "") if address is not None else None,
    }


def _lines(
    lines: Iterable[OrderLine], units: Callable[[OrderLine], int], *, priced: bool = False
) -> list[BuyerMailLine]:
    return [
        BuyerMailLine(
            number=str(line.codes.get("sku", ""))[:40],
            title=print_text(line.title) or str(line.codes.get("sku", "")) or line.external_id,
            quantity=quantity,
            amount=line.price * quantity if priced else None,
        )
        for line in lines
        if (quantity := units(line)) > 0
    ]


def _name(address: OrderAddress) -> str:
    person = print_text(f"{address.first_name} {address.last_name}")
    return person or print_text(address.company)


def _place(address: OrderAddress, home: str) -> Place:
    lines = [*address_lines(address), *filter(None, [print_text(address.state)])]
    return Place(lines=lines, country="" if address.country == home else address.country)
