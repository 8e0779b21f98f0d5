"""The kinds of account, and what each can do. Models know what an account can do; its connector knows how.

A new outside system adds one line here. Which cycles, forms, schedules and alarms an account has follows
from its capabilities and from what each cycle needs (`models.sync.cycles`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """What an outside system is to a merchant."""

    channel = "channel"
    """Sells: a marketplace, a shop, the telephone."""
    erp = "erp"
    supplier = "supplier"
    carrier = "carrier"
    bank = "bank"
    accounting = "accounting"


class Capability(StrEnum):
    """One thing that an account can do; a `Connection` has a field of the same name for it."""

    articles = "articles"
    """Its articles can be read."""
    orders = "orders"
    """Its orders can be read."""
    stock = "stock"
    """It takes quantities of listings, and shows the ones that it holds."""
    payments = "payments"
    """It takes what was paid for an order."""
    shipments = "shipments"
    """It takes the parcels of an order."""
    cancellations = "cancellations"
    """It takes what was cancelled of an order."""
    methods = "methods"
    """It lists its payment and shipping methods."""


@dataclass(frozen=True)
class AccountKind:
    """A kind of account: `name` is what `account add --kind` takes."""

    name: str
    family: Family | None
    """None: this version of the program does not know the kind."""
    capabilities: frozenset[Capability]

    @property
    def takes_manual_orders(self) -> bool:
        """Whether people enter the account's orders, because no system holds them."""
        return self.family is Family.channel and Capability.orders not in self.capabilities


AFTERBUY = AccountKind(
    "afterbuy",
    Family.channel,
    frozenset(
        {
            Capability.articles,
            Capability.orders,
            Capability.stock,
            Capability.payments,
            Capability.shipments,
            Capability.cancellations,
            Capability.methods,
        }
    ),
)
MANUAL = AccountKind("manual", Family.channel, frozenset())
"""Orders that people take by telephone or letter: there is no system behind the account."""

KINDS: Mapping[str, AccountKind] = {kind.name: kind for kind in (AFTERBUY, MANUAL)}


def kind_of(name: str) -> AccountKind:
    """Return the kind with this name. A kind that this version does not know can do nothing.

    Its account was added by a newer version, or its connector was removed. It has no cycle; other accounts
    are not affected.
    """
    return KINDS.get(name) or AccountKind(name, None, frozenset())
