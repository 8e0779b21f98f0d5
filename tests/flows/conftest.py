"""A merchant with one Afterbuy account, its stand-in server, and a Prefect server to run flows against."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from connectors.afterbuy.simulator import Simulator, State, Switches
from models.database.session import read_scope, session_scope
from models.intake.activation import set_mode
from models.orders.order import Order
from models.orders.queries import find_order
from models.tenants.account import add_account
from models.tenants.records import Mode
from models.tenants.tenant import add_tenant
from tasks.run.secrets import save_secrets


@dataclass
class Shop:
    """An account and the server behind it."""

    name: str
    simulator: Simulator

    @property
    def channel(self) -> State:
        """Return the truth of the other side."""
        return self.simulator.state

    def order(self, external_id: str | int) -> Order:
        """Return an order as it is here."""
        with read_scope() as session:
            return find_order(session, str(external_id))

    def set_mode(self, mode: Mode) -> None:
        """Change the account's mode as an operator does."""
        from models.tenants.account import get_account

        with session_scope() as session:
            set_mode(session, get_account(session, self.name), mode)

    def configure(self, **settings: Any) -> None:
        """Change settings of the account."""
        from models.tenants.account import get_account

        with session_scope() as session:
            account = get_account(session, self.name)
            account.settings = {**account.settings, **settings}
            session.add(account)


def open_shop(simulator: Simulator, mode: Mode = Mode.live, **settings: Any) -> Shop:
    """Set up a tenant and an account that talks to a simulator; history from 2020 on is taken in."""
    name = f"shop-{uuid4().hex[:8]}"
    with session_scope() as session:
        tenant = add_tenant(session, f"tenant-{name}")
        account = add_account(
            session,
            tenant.id or 0,
            name,
            "afterbuy",
            {"base_url": simulator.url, "start": "2020-01-01", **settings},
        )
        set_mode(session, account, mode)
    switches = simulator.switches
    save_secrets(name, {"partner_token": switches.partner_token, "account_token": switches.account_token})
    return Shop(name, simulator)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without waiting."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_RETRY_DELAYS", "0")
    get_settings.cache_clear()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An empty Afterbuy account."""
    with Simulator(State(), Switches()) as simulator:
        yield simulator


@pytest.fixture
def shop(simulator: Simulator, database: str, prefect_api: str, quick_retries: None) -> Shop:
    """A live account on a fresh database, SQLite and PostgreSQL in turn."""
    return open_shop(simulator)


@pytest.fixture
def sqlite_shop(simulator: Simulator, sqlite_database: str, prefect_api: str, quick_retries: None) -> Shop:
    """A live account where the kind of database does not matter; on both kinds with `--whole`."""
    return open_shop(simulator)
