"""Accounts and their methods as records that every face can show."""

from models.database.session import session_scope
from models.tenants.methods import map_channel_method, save_channel_methods
from models.tenants.records import ChannelMethodData, MethodKind, Mode, PaymentKind
from models.tenants.views import ChannelMethodView, account_views, channel_method_views
from tests.support.builders import make_shop


def test_an_account_names_its_tenant(database: str) -> None:
    with session_scope() as session:
        make_shop(session, "nord")

        (view,) = account_views(session)

    assert (view.name, view.tenant, view.kind, view.mode) == ("nord", "nord", "afterbuy", Mode.live)


def test_a_method_says_what_it_means_here(database: str) -> None:
    """Nothing, until a person maps it."""
    with session_scope() as session:
        account = make_shop(session).account
        methods = [
            ChannelMethodData(kind=MethodKind.payment, external_id="TRANSFER", name="Vorkasse"),
            ChannelMethodData(kind=MethodKind.shipping, external_id="DHL", name="DHL Paket"),
        ]
        save_channel_methods(session, account.id, methods)
        map_channel_method(
            session,
            account.tenant_id,
            account.id,
            MethodKind.payment,
            "TRANSFER",
            PaymentKind.prepayment,
        )

        assert channel_method_views(session, account.id) == [
            ChannelMethodView(account.name, MethodKind.payment, "TRANSFER", "Vorkasse", "prepayment"),
            ChannelMethodView(account.name, MethodKind.shipping, "DHL", "DHL Paket", ""),
        ]
        assert channel_method_views(session, account.id + 1) == []
