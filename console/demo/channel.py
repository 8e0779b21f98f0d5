"""The demo's channel, and a check that it has what was published to it."""

from collections import Counter
from decimal import Decimal
from typing import Any

import httpx

from console.demo.merchant import Day
from models.catalog.listing import Listing
from models.database.session import read_scope
from models.orders.queries import find_order
from models.sync.delivery import list_outbound
from models.sync.outbound import OutboundState
from models.sync.records import OutboundKind
from models.tenants.account import get_account

CONTROL_SECONDS = 10


class Channel:
    """The simulator, read and controlled through its control interface."""

    def __init__(self, port: int) -> None:
        """Prepare; nothing is sent yet."""
        self.url = f"http://127.0.0.1:{port}"
        # Requests to this machine must not go through a proxy of the environment.
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
        """Place `count` new orders. Raises: httpx.HTTPError."""
        self._client.post("arrive", json={"n": count}).raise_for_status()

    def order(self, number: str) -> dict[str, Any]:
        """Return an order as the channel has it. Raises: httpx.HTTPError."""
        return self._get(f"order/{number}")

    def product(self, number: str) -> dict[str, Any]:
        """Return an article as the channel has it. Raises: httpx.HTTPError."""
        return self._get(f"product/{number}")

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(path).raise_for_status().json()
        return found


def compare_channel(account_name: str, day: Day, channel: Channel) -> list[str]:
    """Return a sentence for each value of the channel that differs from what was published.

    Raises: httpx.HTTPError.
    """
    with read_scope() as session:
        account = get_account(session, account_name)
        paid = {number: find_order(session, number, account.id).paid_amount for number in day.paid}
        listings = [
            session.get_one(Listing, int(row.key))
            for row in list_outbound(session, [OutboundState.sent])
            if row.kind is OutboundKind.stock and row.account_id == account.id
        ]
        stock = {row.external_id: row.published_quantity for row in listings}
        unpublished = [state for state in OutboundState if state is not OutboundState.sent]
        waiting = Counter(str(row.kind) for row in list_outbound(session, unpublished))
    wrong = [f"{count} changes of {kind} were not published." for kind, count in sorted(waiting.items())]
    if not stock:
        wrong.append("No stock was published at all.")
    for listing, quantity in stock.items():
        if (held := channel.product(listing)["quantity"]) != quantity:
            wrong.append(f"Article {listing} has {held} at the channel, and {quantity} was published.")
    for number, amount in paid.items():
        if Decimal(held := channel.order(number)["already_paid"]) != amount:
            wrong.append(f"Order {number} is paid with {held} at the channel and with {amount} here.")
    for number, trackings in day.shipped.items():
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
