"""The other side of a connection, as the contract suite plays it; each connector brings its own.

A rig has the parts that its kind of account needs: `tests/connectors/afterbuy/rig.py` has all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from connectors.protocols.connection import Connection
from connectors.registry import SPECS
from models.tenants.account_kinds import AFTERBUY, Capability
from tests.connectors.afterbuy.rig import AfterbuyRig

RIGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {AFTERBUY.name: AfterbuyRig}
"""By kind; every kind with a simulator has one."""

Part = TypeVar("Part")


class Rig(Protocol):
    """A system on this machine."""

    secrets: dict[str, str]
    """What must appear nowhere."""

    def open(self, *, test: bool = False) -> Connection: ...
    def writes(self) -> int:
        """Return how many writes arrived."""

    def lose_next_reply(self) -> None: ...
    def fail_next_call(self) -> None: ...
    def refuse_next_login(self) -> None: ...


class ArticlesRig(Rig, Protocol):
    """A system with articles."""

    page_size: int
    """Records in one page of the connection that `open` returns."""

    def add_article(self, sku: str, *, stock: int) -> str: ...


class StockRig(ArticlesRig, Protocol):
    """A system that takes quantities."""

    def stock_of(self, article_id: str) -> int: ...


class OrdersRig(ArticlesRig, Protocol):
    """A system with orders."""

    def place_order(self, article_id: str, *, quantity: int) -> str: ...


class OrderUpdatesRig(OrdersRig, Protocol):
    """A system that takes what happened to its orders."""

    def paid_of(self, order_id: str) -> Decimal: ...
    def is_shipped(self, order_id: str) -> bool: ...
    def is_cancelled(self, order_id: str) -> bool: ...


def kinds_with(capability: Capability) -> list[str]:
    """Return the kinds of account that can do something."""
    return [name for name, spec in SPECS.items() if capability in spec().kind.capabilities]


def rig_of(kind: str) -> Iterator[Any]:
    """Yield the rig of a kind, running."""
    with RIGS[kind]() as rig:
        yield rig


def need(part: Part | None) -> Part:
    """Return a capability that the connection has."""
    assert part is not None
    return part
