"""Goods that their buyer fetches: ready once, handed over against a name."""

import pytest
from sqlmodel import Session, select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.pickup import hand_over, mark_ready
from models.fulfilment.release import release_order
from models.fulfilment.splitting import split_order, unsplit_order
from models.order_desk.edits import find_line, set_shipping_method
from models.orders.order import OrderState
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.tenants.methods import save_shipping_method
from tests.support.builders import (
    BILLING,
    Shop,
    add_article,
    details_in,
    get_order,
    holds_in,
    make_line,
    make_order,
    make_shop,
    stock_in,
    take_in,
)


def make_counter(session: Session) -> Shop:
    """A shop with a counter, and order 1 of a buyer who told no address."""
    shop = make_shop(session, buyer_mails="ready_to_collect,shipped")
    add_article(session, shop, "MUG", on_hand=5)
    save_shipping_method(session, shop.tenant_id, "counter", {"pickup": True})
    nowhere = BILLING.model_copy(update={"street": "", "city": "", "postcode": "", "country": ""})
    take_in(session, shop, make_order("1", make_line("a", "MUG"), billing=nowhere))
    set_shipping_method(session, get_order(session, "1"), "counter")
    return shop


def mails(session: Session) -> list[str]:
    session.flush()
    rows = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.buyer_mail)).all()
    return [row.key.split(":")[1] for row in rows]


def test_ready_and_handed_over(database: str) -> None:
    """The buyer is told once, the goods leave against a name, and no mail says that they are on their way."""
    with session_scope() as session:
        make_counter(session)
        order = get_order(session, "1")
        assert holds_in(session, "1") == [], "who fetches needs no address"
        release_order(session, order)
        mark_ready(session, order)
        with pytest.raises(RuleError, match="the buyer was notified"):
            mark_ready(session, order)
        hand_over(session, order, "  Erika \n Mustermann ")

        assert order.state is OrderState.shipped
        assert (stock_in(session), mails(session)) == ({"MUG": (4, 0)}, ["ready_to_collect"])
        assert details_in(session, "1", "handed_over") == [{"to": "Erika Mustermann"}]


def test_an_order_that_is_split_is_collected_twice(sqlite_database: str) -> None:
    """Its buyer is told of each part; all kept back is nothing to collect."""
    with session_scope() as session:
        shop = make_counter(session)
        take_in(session, shop, make_order("2", make_line("b", "MUG", 3)))
        order = get_order(session, "2")
        set_shipping_method(session, order, "counter")
        release_order(session, order)
        line = find_line(session, order, "b").row_id
        split_order(session, order, {line: 3})
        with pytest.raises(RuleError, match="lacks stock for some of its goods"):
            mark_ready(session, order)
        split_order(session, order, {line: 2})
        mark_ready(session, order)
        hand_over(session, order, "Erika")
        unsplit_order(session, order)
        mark_ready(session, order)
        with pytest.raises(RuleError, match="the buyer was notified"):
            mark_ready(session, order)
        hand_over(session, order, "Erika")

        assert (order.state, mails(session)) == (OrderState.shipped, ["ready_to_collect"] * 2)


def test_what_is_not_to_be_collected(sqlite_database: str) -> None:
    """An order that is sent or not released is not handed over, and none to nobody."""
    with session_scope() as session:
        shop = make_counter(session)
        take_in(session, shop, make_order("2", make_line("b", "MUG")))
        with pytest.raises(RuleError, match="not to be collected"):
            mark_ready(session, get_order(session, "2"))
        with pytest.raises(RuleError, match="release it first"):
            hand_over(session, get_order(session, "1"), "Erika")
        release_order(session, get_order(session, "1"))
        with pytest.raises(RuleError, match="State the name of the person"):
            hand_over(session, get_order(session, "1"), "   ")

        assert (stock_in(session)["MUG"], mails(session)) == ((5, 2), [])
