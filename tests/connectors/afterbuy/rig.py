"""Afterbuy's stand-in as the other side of the contract suite, and of the connector's own tests."""

from decimal import Decimal
from typing import Self

from connectors.afterbuy.simulator import Fault, Simulator, State, Switches
from connectors.protocols.connection import Connection
from connectors.registry import open_connection
from models.tenants.account_kinds import AFTERBUY
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, Mode


class AfterbuyRig:
    """The stand-in with an account on it; `switches` are its readings of what is unknown."""

    page_size = 3

    def __init__(self, **switches: object) -> None:
        self.simulator = Simulator(State(), Switches())
        self.simulator.switches.change(**switches)
        known = self.simulator.switches
        self.secrets = {"partner_token": known.partner_token, "account_token": known.account_token}

    def __enter__(self) -> Self:
        self.simulator.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.simulator.stop()

    @property
    def state(self) -> State:
        return self.simulator.state

    def open(self, *, test: bool = False, **settings: object) -> Connection:
        account = AccountData(
            options=ChannelOptions(),
            id=1,
            tenant_id=1,
            name="shop",
            kind=AFTERBUY.name,
            mode=Mode.live,
            settings={
                "base_url": self.simulator.url,
                "page_size": self.page_size,
                "article_page_size": self.page_size,
                "read_timeout_seconds": 2,
                **settings,
            },
        )
        return open_connection(account, self.secrets, test=test)

    def add_article(self, sku: str, *, stock: int) -> str:
        return str(self.state.add_product(sku, ean=sku, quantity=stock).id)

    def place_order(self, article_id: str, *, quantity: int) -> str:
        return str(self.state.place_order([(int(article_id), quantity)]).order_id)

    def stock_of(self, article_id: str) -> int:
        return self.state.products[int(article_id)].quantity

    def paid_of(self, order_id: str) -> Decimal:
        return self.state.order(int(order_id)).already_paid

    def is_shipped(self, order_id: str) -> bool:
        return self.state.order(int(order_id)).delivery_date is not None

    def is_cancelled(self, order_id: str) -> bool:
        return self.state.order(int(order_id)).cancelled_at is not None

    def writes(self) -> int:
        return len(self.simulator.writes)

    def lose_next_reply(self) -> None:
        self.simulator.faults.add(Fault.reset_after())

    def fail_next_call(self) -> None:
        self.simulator.faults.add(Fault.http_status(503))

    def refuse_next_login(self) -> None:
        self.simulator.faults.add(Fault.refuse_login())
