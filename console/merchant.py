"""What a merchant does on a day of the demo, and a look at what came of it on the channel's side."""

from collections import Counter
from decimal import Decimal
from itertools import chain
from typing import Any

import httpx
from pydantic import BaseModel, Field

from models.account import account_data, get_account
from models.article import ArticleKind
from models.article_list import list_articles
from models.columns import need_id, utc_now
from models.db import read_scope, session_scope
from models.listing import Listing
from models.order import HoldReason, Order, OrderState, PaymentState, find_order, open_holds
from models.order_list import OrderFilter, list_orders
from models.outbound import OutboundKind, OutboundState, list_outbound
from models.payment import record_payment
from models.release import release_order
from models.shipment import ParcelData, record_shipment
from models.stock import figures_of, main_warehouse
from models.stock_moves import set_on_hand

CONTROL_SECONDS = 10


class Played(BaseModel):
    """What the merchant did; orders by the channel's number."""

    paid: list[str] = Field(default_factory=list)
    shipped: dict[str, list[str]] = Field(default_factory=dict)
    """Tracking numbers by order."""
    counted: int = 0
    """Articles whose stock was set."""


class Figures(BaseModel):
    """What there is after the cycles ran."""

    orders: int
    held: dict[str, int]
    """Orders by the reason for which they wait; one may have several."""
    unmatched_lines: int


class Channel:
    """The simulator, seen and steered over its control face."""

    def __init__(self, port: int) -> None:
        """Prepare; nothing is asked yet."""
        self.url = f"http://127.0.0.1:{port}"
        # A proxy in the environment must not come between.
        self._client = httpx.Client(
            base_url=f"{self.url}/_control/", timeout=CONTROL_SECONDS, trust_env=False
        )

    def __enter__(self) -> "Channel":
        """Return it; leaving closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._client.close()

    def is_there(self) -> bool:
        """Return whether it answers."""
        try:
            return self._client.get("state").is_success
        except httpx.TransportError:
            return False

    def arrive(self, count: int) -> None:
        """Let buyers place so many orders. Raises: httpx.HTTPError."""
        self._client.post("arrive", json={"n": count}).raise_for_status()

    def order(self, number: str) -> dict[str, Any]:
        """Return an order as the channel holds it. Raises: httpx.HTTPError."""
        return self._get(f"order/{number}")

    def product(self, number: str) -> dict[str, Any]:
        """Return an article as the channel holds it. Raises: httpx.HTTPError."""
        return self._get(f"product/{number}")

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(path).raise_for_status().json()
        return found


def play(account_name: str, *, payments: int, shipments: int, counts: int) -> Played:
    """Record some payments and shipments and count some stock; return what was done."""
    played = Played()
    for number in _list_payable(account_name)[:payments]:
        with session_scope() as session:
            account = get_account(session, account_name)
            order = find_order(session, number, account.id)
            missing = order.total - order.paid_amount
            data = account_data(account)
            record_payment(session, data, order, missing, utc_now(), method="Überweisung", reference=number)
        played.paid.append(number)
    for number in _list_shippable(account_name)[:shipments]:
        # The last digits tell the parcels of the demo apart.
        tracking = f"00340434{int(number) % 10**12:012d}"
        with session_scope() as session:
            order = find_order(session, number, get_account(session, account_name).id)
            release_order(session, order)
            record_shipment(session, order, "DHL", [ParcelData(tracking_number=tracking)], utc_now())
        played.shipped[number] = [tracking]
    played.counted = _count_stock(account_name, counts)
    return played


def look_over(account_name: str, played: Played, channel: Channel) -> list[str]:
    """Return a sentence for each thing that the channel holds otherwise than it was told here.

    Raises: httpx.HTTPError.
    """
    with read_scope() as session:
        account = get_account(session, account_name)
        paid = {number: find_order(session, number, account.id).paid_amount for number in played.paid}
        told = [
            session.get_one(Listing, int(row.key))
            for row in list_outbound(session, [OutboundState.sent])
            if row.kind is OutboundKind.stock and row.account_id == account.id
        ]
        stock = {row.external_id: row.published_quantity for row in told}
        untold = [state for state in OutboundState if state is not OutboundState.sent]
        waiting = Counter(str(row.kind) for row in list_outbound(session, untold))
    wrong = [f"{count} changes of {kind} were not told." for kind, count in sorted(waiting.items())]
    if not stock:
        wrong.append("The channel was told no stock at all.")
    for listing, quantity in stock.items():
        if (held := channel.product(listing)["quantity"]) != quantity:
            wrong.append(f"Article {listing} has {held} at the channel and was told to have {quantity}.")
    for number, amount in paid.items():
        if Decimal(held := channel.order(number)["already_paid"]) != amount:
            wrong.append(f"Order {number} is paid with {held} at the channel and with {amount} here.")
    for number, trackings in played.shipped.items():
        order = channel.order(number)
        known = [order["additional_info"], *(str(label) for label in order["parcel_labels"])]
        if not order["delivery_date"]:
            wrong.append(f"Order {number} has no delivery date at the channel.")
        wrong += [
            f"Order {number} lacks tracking number {tracking} at the channel."
            for tracking in trackings
            if not any(tracking in text for text in known)
        ]
    return wrong


def read_figures(account_name: str) -> Figures:
    """Return what there is of an account now."""
    with read_scope() as session:
        account = get_account(session, account_name)
        orders = list(chain.from_iterable(list_orders(session, OrderFilter(account_id=account.id))))
        holds = open_holds(session, [need_id(order.id) for order in orders])
        reasons = Counter(str(reason) for each in holds.values() for reason in {hold.reason for hold in each})
    unmatched = sum(hold.reason is HoldReason.line_unmatched for each in holds.values() for hold in each)
    held = dict(sorted(reasons.items()))
    return Figures(orders=len(orders), held=held, unmatched_lines=unmatched)


def _list_payable(account_name: str) -> list[str]:
    """Return orders that were not fully paid, oldest first; unpaid and partly paid ones in turn."""
    orders = _list_open(account_name)
    by_state = [
        [order for order in orders if order.payment_state is state]
        for state in (PaymentState.open, PaymentState.partly_paid)
    ]
    longest = max(len(each) for each in by_state)
    return [each[at].external_id for at in range(longest) for each in by_state if at < len(each)]


def _list_shippable(account_name: str) -> list[str]:
    """Return paid orders that nothing holds, oldest first."""
    orders = [order for order in _list_open(account_name) if order.payment_state is PaymentState.paid]
    with read_scope() as session:
        held = open_holds(session, [need_id(order.id) for order in orders])
    return [order.external_id for order in orders if not held.get(need_id(order.id))]


def _list_open(account_name: str) -> list[Order]:
    """Return open orders that have a process at the channel, oldest first: only those can be told of."""
    with read_scope() as session:
        account = get_account(session, account_name)
        wanted = OrderFilter(account_id=account.id, states=(OrderState.open,))
        orders = [order for batch in list_orders(session, wanted) for order in batch]
    return [order for order in reversed(orders) if order.external_id.isdigit()]


def _count_stock(account_name: str, count: int) -> int:
    """Set the stock of some articles: most get more, every fifth has no more than is promised."""
    with session_scope() as session:
        tenant_id = get_account(session, account_name).tenant_id
        articles = [
            need_id(article.id)
            for batch in list_articles(session, tenant_id, only_active=True)
            for article in batch
            if article.kind is ArticleKind.single
        ]
        figures = figures_of(session, articles)
        chosen = [article_id for article_id in articles if article_id in figures][:count]
        quantities = {
            article_id: figures[article_id].on_hand + 7 if position % 5 else figures[article_id].allocated
            for position, article_id in enumerate(chosen)
        }
        warehouse = main_warehouse(session, tenant_id)
        return len(set_on_hand(session, need_id(warehouse.id), quantities, reference="demo"))
