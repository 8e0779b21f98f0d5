"""An account without a channel: its cycles run as any other's, and those that would ask a channel refuse."""

from decimal import Decimal

import pytest
from sqlmodel import col, select

from models.account import OWN, Account
from models.cycle import Cycle
from models.db import read_scope, session_scope
from models.document import Document
from models.errors import RuleError
from models.order import OrderState, find_order
from models.own_order import OwnAddress, OwnLine, OwnOrder, take_own_order
from models.service import PaymentKind, save_shipping_method
from models.shipment import ParcelData, record_shipment
from models.tenant import Tenant
from tests.flows.conftest import Shop
from tests.flows.steps import attempt, sync
from tests.support.builders import BILLING, SELLER, SHIPPED_AT, add_article, make_account, make_shop


@pytest.fixture
def number(sqlite_database: str, prefect_api: str) -> str:
    """An order of two mugs by telephone, on account; its number."""
    with session_scope() as session:
        shop = make_shop(session)
        settings = {"release": "automatic", "invoices": "warenfluss", "invoices_from": "2026-01-01"}
        make_account(session, shop.tenant_id, "telefon", OWN, **settings)
        session.get_one(Tenant, shop.tenant_id).seller = SELLER
        add_article(session, shop, "MUG", on_hand=5, tax_rate=Decimal(19))
        save_shipping_method(session, shop.tenant_id, "Paket", {"carrier": "DHL"})
        account = session.exec(select(Account).where(Account.kind == OWN)).one()
        asked = OwnOrder(
            billing=OwnAddress(**BILLING.model_dump()),
            lines=[OwnLine(article="MUG", quantity=2, price=Decimal("11.90"))],
            payment=PaymentKind.invoice,
            shipping_method="Paket",
        )
        return take_own_order(session, account, asked)[0].external_id


def test_an_order_by_telephone_goes_through_the_cycles(number: str) -> None:
    """Released and invoiced by themselves; an import of such an account is refused, and says why."""
    own = Shop("telefon", None)  # type: ignore[arg-type]
    released = sync(Cycle.order_release, own)
    with session_scope() as session:
        order = find_order(session, number)
        assert order.state is OrderState.released
        record_shipment(session, order, "DHL", [ParcelData(tracking_number="T1")], SHIPPED_AT)
    issued = sync(Cycle.invoicing, own)
    failed = attempt(Cycle.order_import, own)

    assert (released.released, issued.issued) == (1, 1)
    with read_scope() as session:
        assert session.exec(select(col(Document.gross))).all() == [Decimal("23.80")]
    with pytest.raises(RuleError, match="takes orders by hand and has no channel"):
        failed.result()
