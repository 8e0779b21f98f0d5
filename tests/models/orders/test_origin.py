"""The reference of a manual order: its text can be erased, and it still makes no second order."""

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualLine
from models.orders.history import Actor
from models.orders.origin import OrderOrigin, erase_reference
from models.privacy.anonymisation import anonymise_erased
from models.tenants.tenant import Tenant
from tests.support.builders import settle_outbound
from tests.support.order_desk import FIRST, asked, open_shop, own


def test_an_erased_reference_is_still_the_same_reference(database: str) -> None:
    """Its words are gone; the same request finds its order, another one is refused."""
    with session_scope() as session:
        shop = open_shop(session)
        request = asked(reference="Anna Ritter, 0170")
        order, _ = take_manual_order(session, own(session), request)
        cancel_order(session, order, actor=Actor.person)
        settle_outbound(session)

        assert anonymise_erased(session, session.get_one(Tenant, shop.tenant_id), [order.id]) == [order.id]

        kept = session.exec(select(OrderOrigin.reference)).one()
        assert kept is not None
        assert kept.startswith("erased ")
        assert not {"Anna", "Ritter", "0170"} & set(kept.replace(",", "").split())
        again, is_new = take_manual_order(session, own(session), request)
        assert (again.id, is_new) == (order.id, False)
        with pytest.raises(RuleError, match=f"belongs to order {FIRST}"):
            take_manual_order(
                session, own(session), asked(ManualLine(article="CUP"), reference=request.reference)
            )


@pytest.mark.parametrize("reference", [None, "Zettel 7"])
def test_erasing_twice_changes_nothing(reference: str | None) -> None:
    """What was erased stays as it is; an order without a reference has none."""
    once = erase_reference(reference)

    assert (once is None) == (reference is None)
    assert erase_reference(once) == once
