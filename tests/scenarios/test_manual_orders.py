"""An account without a channel: its cycles run as any other's, and those that would ask a channel refuse."""

from decimal import Decimal

import pytest
from sqlmodel import col, select

from models.accounting.issued import Document
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder
from models.orders.order import OrderState
from models.orders.queries import find_order
from models.sync.records import Cycle
from models.tenants.account import Account
from models.tenants.account_kinds import MANUAL
from models.tenants.methods import save_shipping_method
from models.tenants.records import PaymentKind
from models.tenants.tenant import Tenant
from tests.flows.conftest import Shop
from tests.support.builders import BILLING, SELLER, SHIPPED_AT, add_article, make_account, make_shop
from tests.support.steps import attempt, sync


@pytest.fixture
def number(sqlite_database: str, prefect_api: str) -> str:
    """An order of two mugs by telephone, on account; its number."""
    with session_scope() as session:
        shop = make_shop(session)
        settings = {"release": "automatic", "invoices": "warenfluss", "invoices_from": "2026-01-01"}
        make_account(session, shop.tenant_id, "telefon", MANUAL.name, **settings)
        session.get_one(Tenant, shop.tenant_id).seller = SELLER
        add_article(session, shop, "MUG", on_hand=5, tax_rate=Decimal(19))
        save_shipping_method(session, shop.tenant_id, "Paket", {"carrier": "DHL"})
        account = session.exec(select(Account).where(Account.kind == MANUAL.name)).one()
        asked = ManualOrder(
            billing=ManualAddress(**BILLING.model_dump()),
            lines=[ManualLine(article="MUG", quantity=2, price=Decimal("11.90"))],
            payment=PaymentKind.invoice,
            shipping_method="Paket",
        )
        return take_manual_order(session, account, asked)[0].external_id


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
    with pytest.raises(RuleError, match="of the kind 'manual' has no order-import"):
        failed.result()
