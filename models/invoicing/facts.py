"""The data for invoices besides their orders, read at once for many orders."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select as sqlalchemy_select
from sqlmodel import Session, col, select

from models.accounting.issued import Document, DocumentLine
from models.database.conditions import among
from models.fulfilment.returns import Return, ReturnState
from models.fulfilment.shipments import Parcel, ParcelLine, Shipment
from models.orders.holds import Hold, open_holds
from models.orders.order import AddressRole, Order, OrderAddress, OrderLine
from models.orders.queries import lines_of, order_addresses
from models.tenants.account import Account
from models.tenants.tenant import Tenant


@dataclass(frozen=True)
class InvoiceFacts:
    """The data for an invoice besides its order."""

    account: Account
    tenant: Tenant
    lines: list[OrderLine]
    holds: list[Hold]
    """Open holds."""
    places: dict[AddressRole, OrderAddress]
    shipping: Decimal
    """Shipping on the documents of this order and of orders merged into it."""
    fees: Decimal
    """Fees on the same documents."""
    on_paper: Decimal
    """Gross sum of all documents, credit notes included."""
    is_settled: bool
    """Whether nothing is left to ship, and no received return is left to credit."""
    departures: list[tuple[int, int, datetime]]
    """(order line id, units, shipped at), latest parcels first."""


def read_facts(session: Session, orders: Sequence[Order]) -> dict[int, InvoiceFacts]:
    """Return {order id: the data for its invoice}."""
    order_ids = [order.row_id for order in orders]
    lines, holds = lines_of(session, order_ids), open_holds(session, order_ids)
    addresses = order_addresses(session, order_ids)
    owners = {line.row_id: line.order_id for rows in lines.values() for line in rows}
    departures: dict[int, list[tuple[int, int, datetime]]] = defaultdict(list)
    for line_id, units, at in session.execute(
        select(col(ParcelLine.order_line_id), col(ParcelLine.quantity), col(Shipment.shipped_at))
        .join(Parcel, col(Parcel.id) == col(ParcelLine.parcel_id))
        .join(Shipment, col(Shipment.id) == col(Parcel.shipment_id))
        .where(among(col(ParcelLine.order_line_id), owners))
        .order_by(col(Shipment.shipped_at).desc(), col(Parcel.id).desc())
    ):
        departures[owners[line_id]].append((line_id, units, at))
    extras = _invoiced_extras(session, order_ids, owners)
    waiting = select(Return.order_id).where(
        among(col(Return.order_id), order_ids), Return.state == ReturnState.received
    )
    uncredited = set(session.exec(waiting).all())
    accounts = {each: session.get_one(Account, each) for each in {order.account_id for order in orders}}
    tenants = {each: session.get_one(Tenant, each) for each in {order.tenant_id for order in orders}}
    return {
        order_id: InvoiceFacts(
            accounts[order.account_id],
            tenants[order.tenant_id],
            lines.get(order_id, []),
            holds.get(order_id, []),
            addresses.get(order_id, {}),
            *extras.get(order_id, (Decimal(0), Decimal(0), Decimal(0))),
            order_id not in uncredited and not any(line.remaining for line in lines.get(order_id, [])),
            departures[order_id],
        )
        for order_id, order in zip(order_ids, orders, strict=True)
    }


def _invoiced_extras(
    session: Session, order_ids: Sequence[int], owners: Mapping[int, int]
) -> dict[int, tuple[Decimal, Decimal, Decimal]]:
    """Return (shipping, fees, gross sum) of the documents of each order and of orders merged into it.

    `owners` maps order line ids to order ids. Orders without documents are missing. Shipping and fees that a
    partial credit note credited still count as invoiced.
    """
    found: dict[int, set[int]] = defaultdict(set)
    """By document id: ids of the orders that it may belong to."""
    for document_id, line_id in session.execute(
        select(col(DocumentLine.document_id), col(DocumentLine.order_line_id)).where(
            among(col(DocumentLine.order_line_id), owners)
        )
    ):
        found[document_id].add(owners[line_id])
    columns = sqlalchemy_select(
        col(Document.id),
        col(Document.order_id),
        col(Document.credits_id),
        col(Document.shipping_amount),
        col(Document.fee_amount),
        col(Document.gross),
    )
    rows = {row.id: row for row in session.execute(columns.where(among(col(Document.order_id), order_ids)))}
    if others := set(found) - set(rows):
        rows |= {row.id: row for row in session.execute(columns.where(among(col(Document.id), others)))}
    extras: dict[int, tuple[Decimal, Decimal, Decimal]] = {}
    for row in rows.values():
        order_id = _merged_into(session, row.order_id)
        if order_id in found[row.id] | {row.order_id}:
            shipping, fees, gross = extras.get(order_id, (Decimal(0), Decimal(0), Decimal(0)))
            # Amounts that a partial credit note credited must not be invoiced again.
            if row.credits_id is None:
                shipping, fees = shipping + row.shipping_amount, fees + row.fee_amount
            extras[order_id] = shipping, fees, gross + row.gross
    return extras


def owes_more(order: Order, facts: InvoiceFacts) -> bool:
    """Return whether the order is settled and the buyer owes more than all documents state."""
    return facts.is_settled and order.total - order.credited_amount > facts.on_paper


def _merged_into(session: Session, order_id: int) -> int:
    """Return the id of the order that an order was finally merged into, or its own id."""
    while (target_id := session.get_one(Order, order_id).merged_into_id) is not None:
        order_id = target_id
    return order_id
