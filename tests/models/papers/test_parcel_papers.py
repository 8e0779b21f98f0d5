"""What stands on papers, read from the truth: quantities, addresses, sums; and what has no paper."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from models.accounting.records import PaperLine, TaxSum
from models.catalog.article import Article
from models.clock import today
from models.database.columns import need_id
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.holding import cancel_order
from models.fulfilment.release import release_order
from models.fulfilment.shipments import shipments_of
from models.order_desk.edits import accept_holds
from models.orders.history import Actor
from models.orders.order import Order, OrderLine
from models.orders.queries import lines_of
from models.orders.records import AddressData
from models.papers.parcel_papers import address_label, packing_slip, return_slip
from models.papers.pick_papers import check_pickable, pick_list_papers, pick_papers
from models.papers.priced_papers import confirmation_paper, order_offer_paper, receipt_paper
from models.papers.records import Goods, OrderPaper, PaperKind, PickTarget, Place
from models.payments.payment import record_payment
from models.tenants.logo import Logo, find_logos, save_logo
from models.tenants.methods import ShippingMethod
from models.tenants.records import SellerData
from models.tenants.tenant import Tenant
from models.warehouse.bins import get_bin, place_articles, save_bin
from models.warehouse.ledger import set_on_hand
from models.warehouse.pick_lists import PickMode
from models.warehouse.picking import create_list
from models.warehouse.scanning import scan
from models.warehouse.warehouses import Warehouse
from tests.support.builders import (
    BILLING,
    PLACED_AT,
    SELLER,
    Shop,
    add_article,
    add_warehouse,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    make_shop,
    ship_units,
    take_in,
)

VIENNA = AddressData(
    first_name="Eva", last_name="Huber", street="Ring 1", postcode="1010", city="Wien", country="AT"
)


def open_shop(session: Session, **stock: int) -> Shop:
    """Add a shop with articles and what is on hand of each."""
    shop = make_invoicing_shop(session)
    for sku, quantity in stock.items():
        add_article(session, shop, sku.upper(), on_hand=quantity, gtin=f"40063813339{len(sku)}")
    return shop


def sell(session: Session, shop: Shop, number: str, *lines: Any, **fields: Any) -> Order:
    take_in(session, shop, make_order(number, *lines, **fields))
    return get_order(session, number)


def line(sku: str, quantity: int = 1, price: str = "10.00", **fields: Any) -> Any:
    return make_line(sku, sku.upper(), quantity, price, **{"tax_rate": Decimal(19), **fields})


def units(goods: list[Goods]) -> list[tuple[str, int, int]]:
    return [(one.number, one.quantity, one.later) for one in goods]


def test_a_confirmation_has_all_that_was_ordered_with_its_tax(database: str) -> None:
    """Two rates, shipping and a second address; the whole record at once."""
    with session_scope() as session:
        shop = open_shop(session, a=5, b=5)
        order = sell(
            session,
            shop,
            "1",
            line("a", 2, "9.99"),
            line("b", 1, "5.00", tax_rate=Decimal(7)),
            shipping_amount=Decimal("4.90"),
            shipping_tax_rate=Decimal(19),
            channel_number="X-77",
            shipping=BILLING.model_copy(update={"street": "Kai 2"}),
            payment_method_name="PayPal",
            shipping_method="DHL",
        )
        tenant = session.get_one(Tenant, shop.tenant_id)
        ids = {row.external_id: row.id for row in lines_of(session, [order.row_id])[order.row_id]}

        assert confirmation_paper(session, order, language="en") == OrderPaper(
            kind=PaperKind.confirmation,
            dated=today(),
            language="en",
            currency="EUR",
            seller=SellerData.model_validate(tenant.seller),
            buyer=["Änne Groß", "Am Ölberg 3", "04109 Leipzig"],
            ships_to=Place(lines=["Änne Groß", "Kai 2", "04109 Leipzig"]),
            goes_to="DE",
            order_number="X-77",
            ordered_on=date(2026, 3, 2),
            payment_method="PayPal",
            shipping_method="DHL",
            lines=[
                PaperLine(
                    number="A", title="A", quantity=2, price=Decimal("9.99"), amount=Decimal("19.98"),
                    tax_rate=Decimal(19), order_line_id=ids["a"],
                ),
                PaperLine(
                    number="B", title="B", quantity=1, price=Decimal(5), amount=Decimal(5),
                    tax_rate=Decimal(7), order_line_id=ids["b"],
                ),
            ],
            shipping_amount=Decimal("4.90"),
            fee_amount=Decimal(0),
            taxes=[
                TaxSum(rate=Decimal(19), net=Decimal("20.91"), tax=Decimal("3.97"), gross=Decimal("24.88")),
                TaxSum(rate=Decimal(7), net=Decimal("4.67"), tax=Decimal("0.33"), gross=Decimal(5)),
            ],
            net=Decimal("25.58"),
            tax=Decimal("4.30"),
            gross=Decimal("29.88"),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "fields", "seller"),
    [
        ([line("a")], {}, {"small_business": True}),
        ([line("a", tax_rate=None)], {}, {}),
        ([line("a", tax_rate=Decimal(0))], {}, {}),
        ([line("a", tax_collected_by_channel=True)], {}, {}),
        ([line("a", price="0.00"), line("b", price="0.00", tax_rate=Decimal(7))],
         {"shipping_amount": Decimal(4)}, {}),
        ([line("a")], {"shipping": VIENNA}, {}),
        ([line("a")], {"currency": "CHF"}, {}),
    ],
)  # fmt: skip
def test_tax_that_is_not_known_or_not_ours_is_not_stated(
    sqlite_database: str, lines: list[Any], fields: dict[str, Any], seller: dict[str, Any]
) -> None:
    """Such an order is confirmed all the same."""
    with session_scope() as session:
        shop = make_invoicing_shop(session, **seller)
        paper = confirmation_paper(session, sell(session, shop, "1", *lines, **fields))

        assert (paper.taxes, paper.tax, paper.net) == ([], Decimal(0), paper.gross)
        assert [one.tax_rate for one in paper.lines] == [None] * len(lines)


def test_an_offer_is_good_for_a_while(sqlite_database: str) -> None:
    """Not until a day that is over, and not of what the warehouse has."""
    with session_scope() as session:
        order = sell(session, open_shop(session, a=1), "1", line("a"))
        day = today()

        assert order_offer_paper(session, order, day + timedelta(days=3)).valid_until == day + timedelta(
            days=3
        )
        with pytest.raises(RuleError, match="that is over"):
            order_offer_paper(session, order, day - timedelta(days=2))
        release_order(session, order)
        with pytest.raises(RuleError, match="is released"):
            order_offer_paper(session, order, day + timedelta(days=3))


def test_a_receipt_tells_what_came_when_and_what_is_left(database: str) -> None:
    """All payments, or the one that is named; nothing received has no receipt."""
    with session_scope() as session:
        shop = open_shop(session, a=5)
        order = sell(session, shop, "1", line("a", 3), payment_method="7", payment_method_name="Vorkasse")
        with pytest.raises(RuleError, match="nothing was received"):
            receipt_paper(session, order)
        record_payment(session, shop.account, order, Decimal("20.00"), PLACED_AT, reference="R-1")
        second = record_payment(session, shop.account, order, Decimal("5.00"), PLACED_AT, method="Bar")

        paper = receipt_paper(session, order)
        assert [(one.on, one.amount, one.method, one.reference) for one in paper.received] == [
            (date(2026, 3, 2), Decimal("20.00"), "Vorkasse", "R-1"),
            (date(2026, 3, 2), Decimal("5.00"), "Bar", ""),
        ]
        assert (paper.gross, paper.open_amount, paper.taxes[0].tax) == (
            Decimal("30.00"), Decimal("5.00"), Decimal("4.79"),
        )  # fmt: skip
        assert [one.amount for one in receipt_paper(session, order, [second]).received] == [Decimal("5.00")]


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
        ids = {sku: _article_id(session, sku) for sku in ("CUP", "POT")}
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


def _article_id(session: Session, sku: str) -> int:
    return need_id(session.exec(select(Article.id).where(Article.sku == sku)).one())


def test_a_pick_list_for_many_orders_says_for_whom(database: str) -> None:
    """Each warehouse has its own; what lies ready is not picked again; only released orders."""
    with session_scope() as session:
        shop = open_shop(session, a=3, b=9)
        second = add_warehouse(session, shop, "Halle", 5)
        set_on_hand(session, second, {_article_id(session, "A"): 4})
        orders = [
            sell(session, shop, "1", line("a", 2), line("b", 1)),
            sell(session, shop, "2", make_line("c", "A", 4), channel_number="X-2"),
        ]
        with pytest.raises(RuleError, match="is open"):
            check_pickable(session, orders[0])
        for order in orders:
            release_order(session, order)
            check_pickable(session, order)

        main, hall = pick_papers(session, orders)
        assert (main.warehouse, hall.warehouse) == ("main", "Halle")
        assert [(row.sku, row.quantity, row.targets) for row in main.rows] == [
            ("A", 3, [PickTarget(quantity=2, order_number="1"), PickTarget(quantity=1, order_number="X-2")]),
            ("B", 1, [PickTarget(quantity=1, order_number="1")]),
        ]
        assert [(row.sku, row.quantity) for row in hall.rows] == [("A", 3)]

        walk = create_list(session, shop.tenant_id, PickMode.boxes, [one.row_id for one in orders])
        warehouse = session.get_one(Warehouse, shop.warehouse_id)
        for name, sku in (("Z-1", "A"), ("A-9", "B")):
            save_bin(session, warehouse, name)
            place_articles(session, warehouse, get_bin(session, warehouse, name), [_article_id(session, sku)])
        scan(session, walk.row_id, "A")
        assert [(row.bin, row.sku, row.quantity) for row in pick_papers(session, orders)[0].rows] == [
            ("Z-1", "A", 2),
            ("A-9", "B", 1),
        ]
        first, _ = pick_list_papers(session, walk.row_id)
        assert (first.number, first.warehouse) == (str(walk.id), "main")
        assert {(row.sku, target.quantity, target.order_number, target.box)
                for row in first.rows for target in row.targets} == {
            ("A", 1, "1", "1"), ("A", 1, "X-2", "2"), ("B", 1, "1", "1"),
        }  # fmt: skip


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
            with pytest.raises(RuleError, match="is a trial"):
                draw(session, get_order(session, "trial"))

        held = sell(session, shop, "held", line("a", 5))
        for draw in (packing_slip, address_label):
            with pytest.raises(RuleError, match=r"held \(stock_short\)"):
                draw(session, held)
        with pytest.raises(RuleError, match="nothing of it"):
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


def test_a_logo_is_kept_by_what_it_shows(database: str) -> None:
    """Once, however often it is handed in."""
    with session_scope() as session:
        first, again, other = (save_logo(session, data) for data in (b"one", b"one", b"two"))

        assert first == again != other
        assert find_logos(session, [first, other, ""]) == {first: b"one", other: b"two"}
        assert find_logos(session, [""]) == {}
        assert len(session.exec(select(Logo)).all()) == 2
        assert SELLER.get("logo", "") == ""


@pytest.mark.parametrize("change", ["UPDATE logo SET png = ''", "DELETE FROM logo"])
def test_a_logo_stays(change: str, database: str) -> None:
    """What was issued with it could not be drawn any more."""
    with session_scope() as session:
        save_logo(session, b"one")
    with pytest.raises(DBAPIError, match="what was issued never changes"), session_scope() as session:
        session.execute(text(change))
