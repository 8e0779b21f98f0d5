"""Afterbuy's orders as ours: whole records compared at once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pydantic import ValidationError

from connectors.afterbuy import xml, xml_parser
from connectors.afterbuy.mapping_orders import order_from_wire, status_from_wire, tracking_of
from connectors.afterbuy.settings import AfterbuySettings, SkuField
from connectors.afterbuy.wire_orders import OrderStatusWire, OrderWire, ParcelLabelWire
from connectors.errors import RecordError
from connectors.protocols.orders import OrderStatus
from models.orders.records import AddressData, ComponentData, OrderData, OrderLineData

PAYLOADS = Path(__file__).parents[2] / "payloads" / "afterbuy"
SETTINGS = AfterbuySettings()

SMALL = """
<Order><OrderID>5001</OrderID><OrderDate>11.01.2026 10:00:00</OrderDate>
<PaymentInfo><FullAmount>12,00</FullAmount></PaymentInfo>
<SoldItems><SoldItem><ItemID>5001</ItemID><ItemQuantity>1</ItemQuantity><ItemPrice>12,00</ItemPrice></SoldItem></SoldItems>
</Order>
"""


ITEM_7 = "<SoldItem><ItemID>7</ItemID><ItemQuantity>1</ItemQuantity><ItemPrice>1</ItemPrice></SoldItem>"


def order(text: str = SMALL, settings: AfterbuySettings = SETTINGS, **swap: str) -> OrderData:
    """Map an order; `swap` puts a text in the place of a whole element, e.g. OrderID="<OrderID/>"."""
    element = etree.fromstring(text.strip())
    for name, new in swap.items():
        old = next(one for one in element.iter() if one.tag == name)
        parent = old.getparent()
        assert parent is not None
        place = parent.index(old)
        parent.remove(old)
        for offset, child in enumerate(etree.fromstring(f"<x>{new}</x>")):
            parent.insert(place + offset, child)
    return order_from_wire(OrderWire.model_validate(xml.values_of(element)), settings)


def full(**settings: Any) -> OrderData:
    root = xml_parser.parse((PAYLOADS / "order_full.xml").read_bytes())
    element = xml.find_all(root, "Result", "Orders", "Order")[0]
    return order_from_wire(OrderWire.model_validate(xml.values_of(element)), AfterbuySettings(**settings))


def test_a_whole_order() -> None:
    assert full() == OrderData(
        external_id="5001",
        channel_number="76-1",
        alternative_number="IDE-77",
        platform="ebay",
        placed_at=datetime(2026, 7, 11, 8, 0, tzinfo=UTC),
        checkout_at=datetime(2026, 7, 11, 8, 15, tzinfo=UTC),
        currency="EUR",
        total=Decimal("1110.05"),
        shipping_amount=Decimal("5.55"),
        shipping_tax_rate=Decimal(19),
        exchange_rate=Decimal("1.05"),
        original_total=Decimal(1060),
        original_currency="CHF",
        paid_amount=Decimal(50),
        paid_at=datetime(2026, 7, 11, 8, 20, tzinfo=UTC),
        payment_method="PAYPAL",
        payment_method_name="PayPal",
        payment_reference="TX-1",
        payment_details={
            "payment_id": "PAYPAL",
            "status": "Completed",
            "eft_id": "E-1",
            "iban": "DE00 TEST",
            "bic": "TESTDEXX",
        },
        shipping_method="DHL Paket",
        carrier="DHL",
        shipped_at=datetime(2026, 7, 12, 22, 0, tzinfo=UTC),
        shipped_on=date(2026, 7, 13),
        tracking_numbers=["00340434161094000001", "00340434161094000002"],
        customer_id="880",
        customer_name="muehle_1",
        billing=AddressData(
            salutation="Herr",
            first_name="Jürgen",
            last_name="Mühle",
            street="Lindenstraße 12",
            street2="Hof",
            postcode="04229",
            city="Leipzig",
            country="DE",
            phone="0341 1",
            email="j.muehle@post.example",
            vat_id="DE123",
        ),
        shipping=AddressData(
            company="Mühle & Söhne GmbH",
            street="Dorfweg 3",
            postcode="6020",
            city="Innsbruck",
            country="AT",
        ),
        buyer_comment="Bitte <b>nicht</b> klingeln & leise",
        memo="Stammkunde",
        invoice_number="2026-77",
        invoice_on="2026-07-12",
        externally_invoiced=True,
        tags=["Eilig", "B2B"],
        meta={
            "ebay_account": "werkstatt_nord",
            "listing_number": "380410000001",
            "shop_order_number": "VID-9",
            "additional_info": "Abholung Rampe",
            "tracking_link": "https://track.example/<-Zinfo->",
            "checkout_confirmed": "1",
            "ebay_plus": True,
            "merchant": "1",
            "fax": "0341 2",
            "shipping_group": "Sperrgut",
            "shipping_cost": "4.55",
            "shipping_additional_cost": "1.00",
            "return_labels": ["R-1"],
            "process_info_1": "Tor 3",
            "payouts": {"payoutid": {"platformspecificorderid": "76-1", "payoutid": "P1"}},
            "original_shipping": "5.20",
            "original_paid": "47.62",
            "lines": {
                "5001": {
                    "ebay_transaction": "287",
                    "item_type": "9",
                    "platform": "eBay",
                    "flag": "42",
                    "weight": "1,015",
                    "tax_reference": "IM0001",
                    "service_level": "2",
                    "master_product": "7001",
                    "master_name": "Hobelbank Buche",
                }
            },
        },
        lines=[
            OrderLineData(
                external_id="5001",
                title="Hobelbank",
                quantity=1,
                price=Decimal("1050.50"),
                tax_rate=Decimal(19),
                tax_collected_by_channel=True,
                listing_id="7001",
                sku="HB-1E2A",
                channel_number="380410000001",
                channel_order_number="76-1",
                attributes={"Holz": "Buche"},
                components=[
                    ComponentData(
                        external_id="7002", sku="HB-2", channel_number="12", title="Platte", quantity=1
                    ),
                    ComponentData(external_id="7003", title="Bein", quantity=4),
                ],
                original_price=Decimal("1000.50"),
                original_currency="chf",
                eco_fee=Decimal(0),
            ),
            OrderLineData(
                external_id="5002", title="Leim", quantity=2, price=Decimal(27), tax_rate=Decimal(7)
            ),
        ],
    )


def test_the_smallest_order() -> None:
    assert order() == OrderData(
        external_id="5001",
        placed_at=datetime(2026, 1, 11, 9, 0, tzinfo=UTC),
        currency="EUR",
        total=Decimal(12),
        billing=AddressData(),
        lines=[OrderLineData(external_id="5001", quantity=1, price=Decimal(12))],
    )


def test_a_total_that_does_not_add_up_stays_as_told() -> None:
    assert order(FullAmount="<FullAmount>99,99</FullAmount>").total == Decimal("99.99")


def test_an_order_without_number_is_named_after_its_lowest_item() -> None:
    text = SMALL.replace(
        "</SoldItem>",
        "</SoldItem><SoldItem><ItemID>999</ItemID><ItemQuantity>1</ItemQuantity><ItemPrice>1</ItemPrice></SoldItem>",
    )
    assert order(text, OrderID="<OrderID>0</OrderID>").external_id == "item-999"
    assert order(text, OrderID="<OrderID/>").external_id == "item-999"


def test_before_the_checkout_a_missing_total_is_computed_and_said_to_be() -> None:
    data = order(OrderID="<OrderID>0</OrderID>", PaymentInfo="<PaymentInfo/>")
    assert (data.total, data.meta) == (Decimal(12), {"total_computed": True})


@pytest.mark.parametrize(
    ("paid", "amount", "paid_at"),
    [
        ("<AlreadyPaid>0,00</AlreadyPaid>", Decimal(0), None),
        ("<AlreadyPaid></AlreadyPaid>", Decimal(0), None),
        ("<AlreadyPaid>5</AlreadyPaid>", Decimal(5), datetime(2026, 1, 12, 9, 0, tzinfo=UTC)),
    ],
)
def test_a_payment_date_without_an_amount_is_no_payment(
    paid: str, amount: Decimal, paid_at: datetime | None
) -> None:
    data = order(
        FullAmount=f"<FullAmount>12</FullAmount><PaymentDate>12.01.2026 10:00:00</PaymentDate>{paid}"
    )
    assert (data.paid_amount, data.paid_at) == (amount, paid_at)


@pytest.mark.parametrize(
    ("payment", "delivery", "checkout_at"),
    [
        ("<AlreadyPaid>12</AlreadyPaid>", "", datetime(2026, 1, 12, 9, 0, tzinfo=UTC)),
        ("<AlreadyPaid>11,99</AlreadyPaid>", "", None),
        ("", "<DeliveryDate>13.01.2026</DeliveryDate>", datetime(2026, 1, 12, 23, 0, tzinfo=UTC)),
        ("", "<DeliveryDate/>", None),
    ],
)
def test_without_feedback_date_an_order_is_done_once_it_is_paid_in_full_or_has_left(
    payment: str, delivery: str, checkout_at: datetime | None
) -> None:
    data = order(
        FullAmount=f"<FullAmount>12</FullAmount><PaymentDate>12.01.2026 10:00:00</PaymentDate>{payment}",
        OrderID=f"<OrderID>1</OrderID><FeedbackDate/><ShippingInfo>{delivery}</ShippingInfo>",
    )
    assert checkout_at == data.checkout_at


@pytest.mark.parametrize("date", ["<DeliveryDate/>", "<DeliveryDate><![CDATA[]]></DeliveryDate>", ""])
def test_an_empty_delivery_date_is_not_shipped(date: str) -> None:
    assert order(OrderID=f"<OrderID>1</OrderID><ShippingInfo>{date}</ShippingInfo>").shipped_at is None


@pytest.mark.parametrize(
    ("address", "used"),
    [
        ("<Company>Halle 7</Company><City>Bonn</City>", True),
        ("<PostalCode>53111</PostalCode>", True),
        ("<LastName>Nur Name</LastName><Phone>1</Phone>", False),
        ("<Street></Street><City/>", False),
        ("", False),
    ],
)
def test_a_shipping_address_counts_where_it_says_where_to_go(address: str, used: bool) -> None:
    buyer = f"<BuyerInfo><ShippingAddress>{address}</ShippingAddress></BuyerInfo>"
    assert (order(OrderID=f"<OrderID>1</OrderID>{buyer}").shipping is not None) is used


def test_an_unknown_country_stays_in_meta() -> None:
    buyer = "<BuyerInfo><BillingAddress><Country>Atlantis</Country></BillingAddress></BuyerInfo>"
    data = order(OrderID=f"<OrderID>1</OrderID>{buyer}")
    assert (data.billing.country, data.meta["billing_country"]) == ("", "Atlantis")


@pytest.mark.parametrize(
    ("head", "item", "number", "other"),
    [
        ("<AlternativeItemNumber1>A</AlternativeItemNumber1><OrderIDAlt>V</OrderIDAlt>", "P", "P", "A"),
        ("<AlternativeItemNumber1>A</AlternativeItemNumber1><OrderIDAlt>V</OrderIDAlt>", "", "A", "V"),
        ("<OrderIDAlt>V</OrderIDAlt>", "", "V", ""),
        ("", "", "", ""),
    ],
)
def test_the_marketplace_number_of_an_order(head: str, item: str, number: str, other: str) -> None:
    data = order(
        OrderID=f"<OrderID>1</OrderID>{head}",
        ItemID=f"<ItemID>5001</ItemID><PlatformSpecificOrderId>{item}</PlatformSpecificOrderId>",
    )
    assert (data.channel_number, data.alternative_number) == (number, other)


@pytest.mark.parametrize(
    ("name", "account", "platform"),
    [
        ("Kaufland.de", "", "kaufland.de"),
        ("", "AmazonAccount", "amazon"),
        ("", "EbayAccount", "ebay"),
        ("", "x", ""),
    ],
)
def test_an_unknown_platform_keeps_its_name(name: str, account: str, platform: str) -> None:
    text = SMALL.replace("</OrderID>", f"</OrderID><{account}>me</{account}>") if account else SMALL
    item = f"<ItemID>5001</ItemID><ItemPlatformName>{name}</ItemPlatformName>"
    assert order(text, ItemID=item).platform == platform


def test_long_numbers_and_leading_zeros_stay_text() -> None:
    product = (
        "<ShopProductDetails><ProductID>9</ProductID><EAN>04006381333931</EAN>"
        "<Anr>007</Anr></ShopProductDetails>"
    )
    data = order(ItemID=f"<ItemID>9999999999999</ItemID><Anr>380410000001</Anr>{product}")
    line = data.lines[0]
    assert (line.external_id, line.channel_number, line.sku, line.gtin) == (
        "9999999999999",
        "380410000001",
        "04006381333931",
        "04006381333931",
    )
    by_anr = order(settings=AfterbuySettings(sku_field=SkuField.anr), ItemID=f"<ItemID>5</ItemID>{product}")
    assert by_anr.lines[0].sku == "007"


def test_the_single_child_of_a_variation_is_what_was_sold() -> None:
    product = (
        "<ShopProductDetails><ProductID>70</ProductID><EAN>PARENT</EAN><BaseProductData>"
        "<BaseProductType>1</BaseProductType><ChildProduct><ProductID>71</ProductID>"
        "<ProductEAN>CHILD</ProductEAN></ChildProduct></BaseProductData></ShopProductDetails>"
    )
    line = order(ItemID=f"<ItemID>5001</ItemID>{product}").lines[0]
    assert (line.listing_id, line.sku, line.components) == ("71", "CHILD", [])


@pytest.mark.parametrize(
    ("settings", "cancelled"),
    [
        ({}, False),
        ({"cancelled_flags": "42"}, False),
        ({"cancelled_tags": "eilig"}, True),
        ({"cancelled_tags": "b2b"}, False),
    ],
)
def test_only_the_markers_of_the_setting_mean_cancelled_and_all_items_need_one(
    settings: dict[str, str], cancelled: bool
) -> None:
    assert full(**settings).cancelled is cancelled


def test_a_marker_on_every_item_means_cancelled() -> None:
    item = "<ItemID>5001</ItemID><UserDefinedFlag>42</UserDefinedFlag>"
    assert order(settings=AfterbuySettings(cancelled_flags=("42",)), ItemID=item).cancelled


@pytest.mark.parametrize(
    ("surcharge", "currency", "fee"), [("2,00", "EUR", "2"), ("2,00", "CHF", "0"), ("1,00", "EUR", "0")]
)
def test_a_surcharge_counts_only_where_it_explains_the_total(surcharge: str, currency: str, fee: str) -> None:
    data = order(
        FullAmount="<FullAmount>14,00</FullAmount>",
        OrderDate=(
            "<OrderDate>11.01.2026</OrderDate><OrderOriginalCurrency>"
            f"<PaymentSurcharge>{surcharge}</PaymentSurcharge></OrderOriginalCurrency>"
        ),
        ItemID=(
            f"<ItemID>5</ItemID><ItemOriginalCurrency><ItemPriceCode>{currency}</ItemPriceCode></ItemOriginalCurrency>"
        ),
    )
    assert data.fee_amount == Decimal(fee)


@pytest.mark.parametrize(
    ("info", "numbers", "rest"),
    [
        ("JJD123", ["JJD123"], ""),
        ("A1,B2; C3", ["A1", "B2", "C3"], ""),
        ("00340 434 1", ["00340 434 1"], ""),
        ("bitte klingeln", [], "bitte klingeln"),
        ("Tor 3, A1", ["A1"], "Tor 3"),
        ("", [], ""),
    ],
)
def test_tracking_numbers_are_told_from_words(info: str, numbers: list[str], rest: str) -> None:
    assert tracking_of(info, []) == (numbers, rest)


def test_a_label_adds_its_number_once() -> None:
    labels = [ParcelLabelWire(parcellabelnumber="A1"), ParcelLabelWire(parcellabelnumber="B2")]
    assert tracking_of("A1", labels) == (["A1", "B2"], "")


@pytest.mark.parametrize(
    ("swap", "reason"),
    [
        ({"ItemID": ""}, "SoldItem/ItemID: missing"),
        ({"ItemQuantity": "<ItemQuantity/>"}, "SoldItem 5001/ItemQuantity: missing"),
        ({"ItemQuantity": "<ItemQuantity>-1</ItemQuantity>"}, "SoldItem 5001/ItemQuantity: below zero"),
        ({"ItemPrice": ""}, "SoldItem 5001/ItemPrice: missing"),
        ({"FullAmount": "<FullAmount/>"}, "PaymentInfo/FullAmount: missing"),
        ({"OrderDate": "<OrderDate/>"}, "OrderDate: missing"),
        (
            {"SoldItem": ITEM_7 * 2},
            "SoldItem 7: occurs twice",
        ),
    ],
)
def test_an_order_that_lacks_what_matters_names_it(swap: dict[str, str], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        order(SMALL, SETTINGS, **swap)
    assert (caught.value.external_id, caught.value.reason) == ("5001", reason)


def test_an_order_without_any_item_is_invalid() -> None:
    with pytest.raises(ValidationError):
        order(SoldItems="<SoldItems><ItemsInOrder>0</ItemsInOrder></SoldItems>")


def test_the_status_of_an_order() -> None:
    root = xml_parser.parse((PAYLOADS / "order_full.xml").read_bytes())
    element = xml.find_all(root, "Result", "Orders", "Order")[0]
    wire = OrderStatusWire.model_validate(xml.values_of(element))
    assert status_from_wire(wire, SETTINGS) == OrderStatus(
        external_id="5001",
        paid_amount=Decimal(50),
        paid_at=datetime(2026, 7, 11, 8, 20, tzinfo=UTC),
        shipped_at=datetime(2026, 7, 12, 22, 0, tzinfo=UTC),
        shipped_on=date(2026, 7, 13),
        carrier="DHL",
        tracking_numbers=["00340434161094000001", "00340434161094000002"],
        cancelled=False,
        lines={"5001": 1, "5002": 2},
    )


def test_a_rate_finer_than_four_places_is_kept_as_told() -> None:
    amounts = "<OrderOriginalCurrency><ExchangeRate>0,934567</ExchangeRate></OrderOriginalCurrency>"
    data = order(OrderID=f"<OrderID>1</OrderID>{amounts}")
    assert (data.exchange_rate, data.meta["exchange_rate"]) == (None, "0.934567")


def test_a_price_finer_than_four_places_is_refused_rather_than_rounded() -> None:
    with pytest.raises(ValidationError):
        order(ItemPrice="<ItemPrice>8,40336</ItemPrice>")
