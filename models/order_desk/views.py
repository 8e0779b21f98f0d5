"""Records of orders, unmatched lines and offers for lists and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from models.accounting.issued import list_documents
from models.accounting.records import DocumentKind
from models.database.session import Session
from models.fulfilment.shipments import shipments_of
from models.order_desk.lists import OrderSummary, order_summaries
from models.order_desk.match_choices import list_unmatched
from models.order_desk.offers import Offer, OfferState, find_offer_of
from models.orders.history import Actor, events_of
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Order
from models.orders.origin import links_of
from models.orders.queries import addresses_of_order, consolidated_numbers
from models.orders.records import AddressData
from models.payments.payment import payments_of
from models.sync.calls import list_calls
from models.tenants.account import account_names
from models.tenants.records import Side
from models.tenants.tenant import tenant_names


@dataclass(frozen=True)
class LinkView:
    """How an order is linked to another order or to an offer, e.g. "repeat of" 4711."""

    relation: str
    number: str


@dataclass(frozen=True)
class PaymentView:
    """Money received, or given back if the amount is negative."""

    amount: Decimal
    currency: str
    method: str
    reference: str
    paid_at: datetime
    told_by: Side


@dataclass(frozen=True)
class ShipmentView:
    """Parcels that were shipped together."""

    carrier: str
    shipped_at: datetime
    told_by: Side
    tracking_numbers: list[str]
    """One for each parcel; empty for a parcel without a number."""


@dataclass(frozen=True)
class IssuedView:
    """A document that was issued for an order."""

    label: str
    kind: DocumentKind
    issued_on: date
    gross: Decimal
    currency: str


@dataclass(frozen=True)
class EventView:
    """One step in an order's history."""

    at: datetime
    actor: Actor
    kind: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class OrderCallView:
    """One exchange with an outside system about an order."""

    started_at: datetime
    call: str
    ending: str
    status: int | None
    milliseconds: int | None
    run_id: int | None


@dataclass(frozen=True)
class OrderView:
    """One order with all its data; each list begins with the oldest entry."""

    summary: OrderSummary
    merged_into: str | None
    """The external id of the order that has its lines now."""
    links: list[LinkView]
    addresses: dict[AddressRole, AddressData]
    buyer_comment: str
    memo: str
    payments: list[PaymentView]
    shipments: list[ShipmentView]
    documents: list[IssuedView]
    events: list[EventView]
    calls: list[OrderCallView]


def order_view(session: Session, order: Order) -> OrderView:
    """Return one order with addresses, lines, holds, payments, shipments, documents, history and calls."""
    order_id = order.row_id
    (summary,) = order_summaries(session, [order])
    merged_into = session.get_one(Order, order.merged_into_id) if order.merged_into_id else None
    offer = find_offer_of(session, order_id)
    return OrderView(
        summary=summary,
        merged_into=merged_into.external_id if merged_into else None,
        links=[
            *(LinkView(relation, number) for relation, number in links_of(session, order_id)),
            *(LinkView("together with", number) for number in consolidated_numbers(session, order)),
            *([LinkView("offered as", offer.number)] if offer else []),
        ],
        addresses={
            role: AddressData.model_construct(
                **{name: getattr(address, name) for name in AddressData.model_fields}
            )
            for role, address in sorted(addresses_of_order(session, order).items())
        },
        buyer_comment=order.buyer_comment,
        memo=order.memo,
        payments=[
            PaymentView(row.amount, row.currency, row.method, row.reference, row.paid_at, row.told_by)
            for row in payments_of(session, order_id)
        ],
        shipments=[
            ShipmentView(
                carrier=row.carrier,
                shipped_at=row.shipped_at,
                told_by=row.told_by,
                tracking_numbers=[parcel.tracking_number for parcel in parcels],
            )
            for row, parcels in shipments_of(session, order_id)
        ],
        documents=[
            IssuedView(row.label, row.kind, row.issued_on, row.gross, row.currency)
            for row in reversed(list_documents(session, order_id=order_id))
        ],
        events=[EventView(row.at, row.actor, row.kind, row.detail) for row in events_of(session, order_id)],
        calls=[
            OrderCallView(row.started_at, row.call, row.ending, row.status, row.milliseconds, row.run_id)
            for row in reversed(list_calls(session, order_id=order_id))
        ],
    )


@dataclass(frozen=True)
class UnmatchedView:
    """A line that waits for a person to choose its article."""

    account: str
    order: str
    channel_number: str
    platform: str
    line: str
    title: str
    quantity: int
    price: Decimal
    currency: str
    codes: dict[str, Any]
    """How the channel names the article."""
    reason: HoldReason
    rule: str
    """The matching rule that found several articles; empty if none found any."""
    candidates: list[str]
    """The SKUs to choose from."""


def unmatched_views(session: Session, account_id: int | None = None) -> list[UnmatchedView]:
    """Return the lines that wait for an article, those of the oldest orders first."""
    accounts = account_names(session)
    return [
        UnmatchedView(
            account=accounts[found.order.account_id],
            order=found.order.external_id,
            channel_number=found.order.channel_number,
            platform=found.order.platform,
            line=found.line.external_id,
            title=found.line.title,
            quantity=found.line.quantity,
            price=found.line.price,
            currency=found.order.currency,
            codes=found.line.codes,
            reason=found.hold.reason,
            rule=found.hold.detail.get("rule", ""),
            candidates=found.candidates,
        )
        for found in list_unmatched(session, account_id)
    ]


@dataclass(frozen=True)
class OfferView:
    """One offer as lists show it."""

    number: str
    state: OfferState
    made_at: datetime
    decided_at: datetime | None
    valid_until: date
    currency: str
    total: Decimal
    tenant: str
    order: str | None
    """The external id of the order that it became."""


def offer_views(session: Session, offers: Sequence[Offer]) -> list[OfferView]:
    """Return a view of each offer, in the order given."""
    tenants = tenant_names(session)
    orders = {offer.id: session.get(Order, offer.order_id) for offer in offers if offer.order_id}
    return [
        OfferView(
            number=offer.number,
            state=offer.state,
            made_at=offer.made_at,
            decided_at=offer.decided_at,
            valid_until=offer.valid_until,
            currency=offer.currency,
            total=offer.total,
            tenant=tenants[offer.tenant_id],
            order=order.external_id if (order := orders.get(offer.id)) else None,
        )
        for offer in offers
    ]
