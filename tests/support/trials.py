"""An account in test with an order that it took in to be looked at."""

from decimal import Decimal

from sqlmodel import Session

from tests.support.builders import (
    Shop,
    add_article,
    make_line,
    make_order,
    make_shop,
    settle_outbound,
    take_in,
)


def trial_shop(session: Session) -> Shop:
    shop = make_shop(session)
    add_article(session, shop, "MUG", on_hand=3, listed=True)
    settle_outbound(session)
    take_in(
        session,
        shop,
        make_order("O-1", make_line("a", "MUG"), make_line("b", "NIX"), paid_amount=Decimal(20)),
        trial=True,
    )
    return shop
