"""An open connection to an account."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from connectors.protocols.articles import ReadsArticles
from connectors.protocols.methods import ListsMethods
from connectors.protocols.order_updates import (
    PublishesCancellations,
    PublishesPayments,
    PublishesShipments,
)
from connectors.protocols.orders import ReadsOrders
from connectors.protocols.results import WouldSend
from connectors.protocols.stock import PublishesStock


class Clock(Protocol):
    """The clock of a system."""

    def check(self) -> datetime:
        """Return its time, in UTC; the cheapest call that shows whether the login works.

        Raises: AccountError naming what is wrong with the login.
        """


@dataclass(frozen=True)
class Connection:
    """An open connection to one account; leaving its context closes it.

    What the account can do is what is not None; the fields are named as the members of `Capability`.
    """

    clock: Clock
    close: Callable[[], None]
    would_send: list[WouldSend]
    """The writes that test mode kept here."""
    articles: ReadsArticles | None = None
    orders: ReadsOrders | None = None
    stock: PublishesStock | None = None
    payments: PublishesPayments | None = None
    shipments: PublishesShipments | None = None
    cancellations: PublishesCancellations | None = None
    methods: ListsMethods | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
