"""What the demo's merchant does in a day, from the first payment to a returned parcel."""

from collections import Counter
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, Field

from models.catalog.lists import list_articles
from models.catalog.records import ArticleKind
from models.clock import utc_now
from models.database.session import Session, read_scope, session_scope
from models.files import make_folder
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.returns import InspectedUnits, announce_return, lines_of_return, receive_return
from models.fulfilment.shipments import ParcelData
from models.invoicing.return_credits import credit_return
from models.order_desk.lists import OrderFilter, list_orders
from models.order_desk.method_mapping import apply_mapping
from models.orders.amounts import amount_owed
from models.orders.holds import HoldReason, open_holds
from models.orders.order import Order, OrderState, PaymentState
from models.orders.queries import find_order
from models.papers.records import PaperKind
from models.payments.payment import record_payment, record_refund
from models.tenants.account import account_data, get_account
from models.tenants.methods import list_channel_methods, map_channel_method, save_shipping_method
from models.tenants.records import MethodKind, PaymentKind, SellerData
from models.tenants.tenant import get_tenant
from models.warehouse.ledger import set_on_hand
from models.warehouse.pick_lists import PickMode
from models.warehouse.pick_sheets import read_sheet
from models.warehouse.picking import close_list, create_list, list_waiting
from models.warehouse.scanning import scan
from models.warehouse.sellable import stock_figures
from models.warehouse.warehouses import main_warehouse

SELLER = SellerData(
    name="Sonnenhof Haus & Garten GmbH",
    address=["Am Ölberg 3", "04109 Leipzig"],
    vat_id="DE123456789",
    footer=["IBAN DE02 1203 0000 0000 2020 51", "HRB 12345, Amtsgericht Leipzig"],
)
CARRIER = "DHL"
MEANINGS = {
    "TRANSFER": PaymentKind.prepayment,
    "PAYPAL": PaymentKind.wallet,
    "INVOICE": PaymentKind.invoice,
    "CREDIT_CARD": PaymentKind.card,
    "CASH_ON_DELIVERY": PaymentKind.cash_on_delivery,
}
"""The kind of payment of each channel method; every other method belongs to a marketplace."""
PAPERS = (PaperKind.packing_slip, PaperKind.label, PaperKind.invoice, PaperKind.credit_note)


class Day(BaseModel):
    """What the merchant did; orders are named by the channel's number."""

    paid: list[str] = Field(default_factory=list)
    picked_units: int = 0
    shipped: dict[str, list[str]] = Field(default_factory=dict)
    """Tracking numbers by order."""
    counted: int = 0
    """How many articles had their stock set."""
    returned: str = ""
    """An order that its buyer returned completely; empty if none was."""


class Figures(BaseModel):
    """Orders and holds after the cycles have run."""

    orders: int
    held: dict[str, int]
    """Number of orders by hold reason; an order may have several reasons."""
    unmatched_lines: int


def set_up_seller(session: Session, tenant_name: str) -> None:
    """Set the seller that issues invoices, and a shipping method."""
    tenant = get_tenant(session, tenant_name)
    tenant.seller = SELLER.model_dump()
    session.add(tenant)
    save_shipping_method(session, tenant.row_id, "Paket", {"carrier": CARRIER})


def map_methods(account_name: str) -> None:
    """Set the meaning of the payment and shipping methods that orders have named."""
    with session_scope() as session:
        account = get_account(session, account_name)
        account_id = account.row_id
        for service in list_channel_methods(session, account_id):
            kind, code = service.kind, service.external_id
            payment = MEANINGS.get(code, PaymentKind.marketplace)
            meaning = payment.value if kind is MethodKind.payment else "Paket"
            map_channel_method(session, account.tenant_id, account_id, kind, code, meaning)
            apply_mapping(session, account, kind, code)


def record_payments(account_name: str, count: int) -> list[str]:
    """Record the open amount of `count` orders as paid; return their numbers."""
    numbers = _list_payable(account_name)[:count]
    for number in numbers:
        with session_scope() as session:
            account = get_account(session, account_name)
            order = find_order(session, number, account.id)
            record_payment(
                session,
                account_data(account),
                order,
                amount_owed(order),
                utc_now(),
                method="Überweisung",
                reference=number,
            )
    return numbers


def pick_and_ship(account_name: str, count: int, day: Day) -> None:
    """Pick released orders in one walk, scan by scan, and ship the complete ones."""
    with session_scope() as session:
        account = get_account(session, account_name)
        waiting = [
            order_id
            for order_id in list_waiting(session, account.tenant_id, 10 * count)
            # Only orders with a process at the channel can have updates published.
            if session.get_one(Order, order_id).external_id.isdigit()
        ]
        if not waiting:
            return
        walk = create_list(session, account.tenant_id, PickMode.batch, waiting[:count])
        list_id = walk.row_id
    with read_scope() as session:
        stops = read_sheet(session, list_id).stops
    for stop in stops:
        with session_scope() as session:
            scan(session, list_id, stop.gtin or stop.sku, stop.quantity)
        day.picked_units += stop.quantity
    with session_scope() as session:
        ready = close_list(session, list_id).ready
    for number in ready:
        # The last digits make each tracking number of the demo unique.
        tracking = f"00340434{int(number) % 10**12:012d}"
        with session_scope() as session:
            order = find_order(session, number, get_account(session, account_name).id)
            record_shipment(session, order, CARRIER, [ParcelData(tracking_number=tracking)], utc_now())
        day.shipped[number] = [tracking]


def return_order(account_name: str, day: Day) -> None:
    """Return the first shipped order completely: receive it, credit it and refund the money."""
    number = next(iter(day.shipped), "")
    if not number:
        return
    with session_scope() as session:
        account = get_account(session, account_name)
        order = find_order(session, number, account.id)
        row = announce_return(session, order, {}, "Gefällt nicht")
        units = {line.order_line_id: line.announced for line in lines_of_return(session, row.row_id)}
        receive_return(
            session, row, {line_id: InspectedUnits(to_stock=count) for line_id, count in units.items()}
        )
        credit_return(session, row)
        if (surplus := -amount_owed(order)) > 0:
            record_refund(session, account_data(account), order, surplus, utc_now(), reference=number)
    day.returned = number


def draw_papers(account_name: str, day: Day, folder: Path) -> dict[str, int]:
    """Draw the papers of shipped orders into one PDF for each kind; return the pages of each file."""
    from documents.papers.join import write_pdf
    from tasks.drawing import Drawing

    with read_scope() as session:
        account = get_account(session, account_name)
        ids = [find_order(session, number, account.id).row_id for number in day.shipped]
    make_folder(folder)
    pages = {}
    for kind in PAPERS:
        file = folder / f"{kind.value}s.pdf"
        pages[file.name] = write_pdf(file, Drawing(kind).draw(ids))
    return {name: count for name, count in pages.items() if count}


def count_stock(account_name: str, count: int) -> int:
    """Set the stock of `count` articles: most get more, every fifth only what is allocated."""
    with session_scope() as session:
        tenant_id = get_account(session, account_name).tenant_id
        articles = [
            article.row_id
            for batch in list_articles(session, tenant_id, only_active=True)
            for article in batch
            if article.kind is ArticleKind.single
        ]
        figures = stock_figures(session, articles)
        chosen = [article_id for article_id in articles if article_id in figures][:count]
        quantities = {
            article_id: figures[article_id].on_hand + 7 if position % 5 else figures[article_id].allocated
            for position, article_id in enumerate(chosen)
        }
        warehouse = main_warehouse(session, tenant_id)
        return len(set_on_hand(session, warehouse.row_id, quantities, reference="demo"))


def read_figures(account_name: str) -> Figures:
    """Return the number of an account's orders and holds."""
    with read_scope() as session:
        account = get_account(session, account_name)
        orders = list(chain.from_iterable(list_orders(session, OrderFilter(account_id=account.id))))
        holds = open_holds(session, [order.row_id for order in orders])
        reasons = Counter(str(reason) for each in holds.values() for reason in {hold.reason for hold in each})
    unmatched = sum(hold.reason is HoldReason.line_unmatched for each in holds.values() for hold in each)
    held = dict(sorted(reasons.items()))
    return Figures(orders=len(orders), held=held, unmatched_lines=unmatched)


def _list_payable(account_name: str) -> list[str]:
    """Return orders with an open amount, oldest first, unpaid and partly paid ones alternating."""
    orders = _list_open(account_name)
    by_state = [
        [order for order in orders if order.payment_state is state]
        for state in (PaymentState.open, PaymentState.partly_paid)
    ]
    longest = max(len(each) for each in by_state)
    return [each[at].external_id for at in range(longest) for each in by_state if at < len(each)]


def _list_open(account_name: str) -> list[Order]:
    """Return open orders with a process at the channel, oldest first: others have no updates."""
    with read_scope() as session:
        account = get_account(session, account_name)
        wanted = OrderFilter(account_id=account.id, states=(OrderState.open,))
        orders = [order for batch in list_orders(session, wanted) for order in batch]
    return [order for order in reversed(orders) if order.external_id.isdigit()]
