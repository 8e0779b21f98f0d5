"""What stands on papers of a parcel, read from the truth: quantities and addresses; and what has no paper."""

from datetime import date

import pytest
from sqlmodel import select

from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import shipments_of
from models.order_desk.edits import accept_holds
from models.orders.history import Actor
from models.orders.order import OrderLine
from models.orders.records import AddressData
from models.papers.parcel_papers import address_label, packing_slip, return_slip
from models.papers.pick_papers import check_pickable, pick_papers
from models.papers.priced_papers import confirmation_paper, receipt_paper
from models.papers.records import Place
from models.tenants.methods import ShippingMethod
from tests.support.builders import add_article, get_order, make_order, make_shop, ship_units, take_in
from tests.support.papers import VIENNA, article_id_of, line, open_shop, sell, units


def test_a_slip_tells_what_is_in_the_parcel_and_what_follows(database: str) -> None:
    """Before it leaves what is promised, or lies ready; afterwards what left, of each shipment."""
    with session_scope() as session:
        shop = open_shop(session, a=5, b=5)
        order = sell(session, shop, "1", line("a", 3), line("b", 2))
        assert units(packing_slip(session, order).goods) == [("A", 3, 0), ("B", 2, 0)]

        first = session.exec(select(OrderLine).where(OrderLine.external_id == "a")).one()
        first.picked = 2
        session.add(first)
        session.flush()
        assert units(packing_slip(session, order).goods) == [("A", 2, 1), ("B", 0, 2)]
        first.picked = 0
        session.add(first)
        session.flush()

        ship_units(session, "1", a=1)
        assert units(packing_slip(session, get_order(session, "1")).goods) == [("A", 2, 0), ("B", 2, 0)]
        ship_units(session, "1")
        order = get_order(session, "1")
        shipments = [shipment for shipment, _ in shipments_of(session, order.row_id)]
        assert units(packing_slip(session, order, shipments[0]).goods) == [("A", 1, 0)]
        last = packing_slip(session, order)
        assert units(last.goods) == [("A", 2, 0), ("B", 2, 0)]
        assert (last.shipped_on, last.goods[0].gtin) == (date(2026, 3, 4), "400638133391")


def test_sets_show_what_they_are_made_of(sqlite_database: str) -> None:
    """On the slip as parts, on the pick list as the articles that lie in bins."""
    with session_scope() as session:
        shop = open_shop(session, cup=12, pot=2)
        ids = {sku: article_id_of(session, sku) for sku in ("CUP", "POT")}
        add_article(session, shop, "SET", parts={ids["CUP"]: 6, ids["POT"]: 1})
        order = sell(session, shop, "1", line("set", 2))
        release_order(session, order)

        (goods,) = packing_slip(session, order).goods
        assert (goods.number, goods.quantity) == ("SET", 2)
        assert [(part.number, part.quantity) for part in goods.parts] == [("CUP", 12), ("POT", 2)]
        (picks,) = pick_papers(session, [order])
        assert [(row.sku, row.quantity) for row in picks.rows] == [("CUP", 12), ("POT", 2)]


def test_of_an_order_released_in_part_what_is_there_has_papers(sqlite_database: str) -> None:
    """The rest follows; before its release such an order has none."""
    with session_scope() as session:
        shop = open_shop(session, a=2)
        method = ShippingMethod(tenant_id=shop.tenant_id, name="Paket klein")
        session.add(method)
        session.flush()
        order = sell(session, shop, "1", line("a", 5), shipping_method="7")
        with pytest.raises(RuleError, match=r"held \(stock_short\)"):
            packing_slip(session, order)
        release_order(session, order, partly=True)
        order.shipping_method_id = method.id

        slip = packing_slip(session, order)
        assert (units(slip.goods), slip.shipping_method) == ([("A", 2, 3)], "Paket klein")
        assert address_label(session, order).shipping_method == "Paket klein"
        check_pickable(session, order)
        (picks,) = pick_papers(session, [order])
        assert [row.quantity for row in picks.rows] == [2]
        assert units(return_slip(session, order).goods) == [("A", 2, 0)]


def test_what_may_come_back_is_what_the_buyer_has_or_gets(database: str) -> None:
    """What has left and not come back, and what the next parcel holds."""
    with session_scope() as session:
        shop = open_shop(session, a=5, b=5)
        sell(session, shop, "1", line("a", 3), line("b", 1))
        ship_units(session, "1", a=2)
        first = session.exec(select(OrderLine).where(OrderLine.external_id == "a")).one()
        first.returned = 1
        session.add(first)
        session.flush()

        order = get_order(session, "1")
        assert units(return_slip(session, order).goods) == [("A", 2, 0), ("B", 1, 0)]
        cancel_order(session, order, actor=Actor.person)
        assert units(return_slip(session, order).goods) == [("A", 1, 0)]


def test_addresses_name_the_country_only_abroad(sqlite_database: str) -> None:
    """As the tenant sees it; a label without street or city helps nobody."""
    with session_scope() as session:
        shop = open_shop(session, a=5)
        abroad = sell(session, shop, "1", line("a"), shipping=VIENNA, channel_number="X-1")
        assert address_label(session, abroad).to == Place(
            lines=["Eva Huber", "Ring 1", "1010 Wien"], country="AT"
        )
        assert address_label(session, abroad).order_number == "X-1"
        home = sell(session, shop, "2", line("a"))
        assert address_label(session, home).to.country == ""
        nowhere = sell(session, shop, "3", line("a"), billing=AddressData(last_name="Groß", country="DE"))
        accept_holds(session, nowhere, [])
        with pytest.raises(RuleError, match="the address has no street, city"):
            address_label(session, nowhere)


def test_what_has_no_paper_is_refused_with_the_reason(sqlite_database: str) -> None:
    """Trials, cancelled and held orders, and such without stock."""
    with session_scope() as session:
        shop = open_shop(session, a=1)
        take_in(session, shop, make_order("trial", line("a")), trial=True)
        for draw in (confirmation_paper, receipt_paper, packing_slip, return_slip, address_label):
            with pytest.raises(RuleError, match="is a test order"):
                draw(session, get_order(session, "trial"))

        held = sell(session, shop, "held", line("a", 5))
        for draw in (packing_slip, address_label):
            with pytest.raises(RuleError, match=r"held \(stock_short\)"):
                draw(session, held)
        with pytest.raises(RuleError, match="has no units that the buyer could send back"):
            return_slip(session, held)

        gone = sell(session, shop, "gone", line("a"))
        cancel_order(session, gone, actor=Actor.person)
        for draw in (confirmation_paper, receipt_paper, packing_slip, address_label):
            with pytest.raises(RuleError, match="is cancelled"):
                draw(session, gone)


def test_a_tenant_without_seller_goes_by_its_title(sqlite_database: str) -> None:
    """Invoices need more; the other papers do not."""
    with session_scope() as session:
        shop = make_shop(session)
        add_article(session, shop, "A", on_hand=1)
        slip = packing_slip(session, sell(session, shop, "1", line("a")))

        assert (slip.seller.name, slip.seller.address) == ("nord", [])
