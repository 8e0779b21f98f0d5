"""Afterbuy's products and catalogs as ours: whole records compared at once."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.afterbuy import xml, xml_parser
from connectors.afterbuy.mapping_articles import article_from_wire, category_from_wire
from connectors.afterbuy.settings import AfterbuySettings
from connectors.afterbuy.wire_articles import CatalogWire, ProductWire
from connectors.errors import RecordError
from models.catalog.records import (
    ArticleData,
    ArticleKind,
    CategoryData,
    ImageData,
    MemberData,
    PriceData,
    TextData,
)

PAYLOADS = Path(__file__).parents[2] / "payloads" / "afterbuy"


def articles(**settings: Any) -> dict[str, ArticleData]:
    root = xml_parser.parse((PAYLOADS / "products.xml").read_bytes())
    wires = [
        ProductWire.model_validate(xml.values_of(one))
        for one in xml.find_all(root, "Result", "Products", "Product")
    ]
    return {wire.ProductID: article_from_wire(wire, AfterbuySettings(**settings)) for wire in wires}


def article(values: dict[str, Any], **settings: Any) -> ArticleData:
    return article_from_wire(
        ProductWire.model_validate({"productid": "1", **values}), AfterbuySettings(**settings)
    )


def price(amount: str, group: str = "", quantity: int = 1) -> PriceData:
    return PriceData(amount=Decimal(amount), currency="EUR", price_group=group, min_quantity=quantity)


def test_a_whole_article() -> None:
    assert articles()["7001"] == ArticleData(
        external_id="7001",
        sku="HB-1E2A",
        kind=ArticleKind.single,
        channel_number="1,3",
        gtin="0012345678905",
        manufacturer="Ahrens",
        manufacturer_number="A-77",
        texts={
            "de": TextData(
                title="Hobelbank",
                short_description="Kurz",
                description="<p>Lang &amp; schwer</p>",
                keywords="Holz, Bank",
            ),
            "en": TextData(title="Workbench", short_description="Short", description="Long"),
        },
        prices=[
            price("1050.50"),
            price("900", "dealer"),
            price("990", "", 5),
            price("850", "dealer", 5),
            price("950", "", 10),
            price("980", "Club"),
        ],
        tax_rate=Decimal(19),
        weight_grams=1016,
        unit="100 g",
        unit_content=Decimal("2.5"),
        country_of_origin="DE",
        category_ids=["11", "12"],
        images=[
            ImageData(url="https://img.example/l.jpg"),
            ImageData(url="https://img.example/1.jpg"),
            ImageData(url="https://img.example/2.jpg", alt="Seite"),
        ],
        attributes={"Holz": "Buche", "Farbe": "hell;dunkel"},
        meta={
            "seo_name": "hobelbank",
            "buying_price": "500.00",
            "standard_id": "EAN 0012345678905",
            "skus": ["S-1"],
            "tags": ["Neu"],
            "merge_stock": True,
            "auction_quantity": 3,
            "stock_managed": True,
            "texts_by_country": {"AT": {"name": "Hobelbank AT"}},
            "freevalue1": "Regal 4",
            "energyclass": "0",
        },
        quantity=12,
        modified_at=datetime(2026, 7, 1, 6, 0, tzinfo=UTC),
    )


def test_a_parent_lists_its_variants_and_has_no_stock() -> None:
    assert articles()["7010"] == ArticleData(
        external_id="7010",
        sku="AB-7010",
        kind=ArticleKind.parent,
        texts={"de": TextData(title="Schürze")},
        members=[
            MemberData(external_id="7011", label="Größe: M", position=1, values={"Größe": "M"}),
            MemberData(
                external_id="7012", label="Größe: L; Farbe: Rot", values={"Größe": "L", "Farbe": "Rot"}
            ),
            MemberData(external_id="7013", label="übergroß"),
        ],
        meta={"variation_name": "Schürze", "quantity_told": 9},
    )


def test_a_member_of_a_variation_set_is_a_variant_and_its_sets_are_no_members() -> None:
    assert articles()["7011"] == ArticleData(
        external_id="7011",
        sku="711",
        kind=ArticleKind.variant,
        channel_number="711",
        texts={"de": TextData(title="Schürze M")},
        meta={"parent_ids": ["7020", "7010"]},
        active=False,
        quantity=-2,
    )


def test_a_bundle_lists_its_parts_with_quantities() -> None:
    assert articles()["7020"] == ArticleData(
        external_id="7020",
        sku="SET-1",
        kind=ArticleKind.bundle,
        texts={"de": TextData(title="Set")},
        members=[MemberData(external_id="7011", quantity=3)],
    )


def test_a_member_of_product_sets_alone_is_a_single_article() -> None:
    base = {"baseproduct": {"baseproductid": "9", "baseproducttype": "2"}}
    assert article({"baseproductflag": "3", "baseproducts": base}).kind is ArticleKind.single


@pytest.mark.parametrize(("pool", "quantity"), [("quantity", 12), ("auction", 3), ("both", 3)])
def test_the_stock_pool_of_the_setting_counts(pool: str, quantity: int) -> None:
    assert articles(stock_pool=pool)["7001"].quantity == quantity


@pytest.mark.parametrize(
    ("field", "sku"), [("ean", "HB-1E2A"), ("anr", "1,3"), ("product_id", "7001"), ("sku", "S-1")]
)
def test_the_sku_is_the_number_of_the_setting(field: str, sku: str) -> None:
    assert articles(sku_field=field)["7001"].sku == sku


def test_without_that_number_the_sku_is_the_item_number_or_made_from_the_id() -> None:
    assert article({"anr": "44"}).sku == "44"
    assert article({"anr": "0"}).sku == "AB-1"


def test_a_weight_in_grams_is_taken_as_it_is() -> None:
    assert article({"weight": "250"}, weight_unit="g").weight_grams == 250


def test_unit_and_content_may_stand_in_each_others_element() -> None:
    data = article({"unitofquantity": "2,5", "basepricefactor": "Kg"})
    assert (data.unit, data.unit_content) == ("Kg", Decimal("2.5"))


@pytest.mark.parametrize(
    ("values", "gtin"),
    [
        (
            {
                "manufacturerstandardproductidtype": "ASIN",
                "manufacturerstandardproductidvalue": "4006381333931",
            },
            "",
        ),
        ({"manufacturerstandardproductidvalue": "4006381333932"}, ""),
        ({"ean": "4006381333931"}, "4006381333931"),
    ],
)
def test_only_a_true_gtin_is_one(values: dict[str, str], gtin: str) -> None:
    assert article(values).gtin == gtin


def test_a_repeated_price_is_taken_once() -> None:
    tier = {"scaledquantity": "5", "scaledprice": "9"}
    data = article({"scaleddiscounts": {"scaleddiscount": [tier, {**tier, "scaledprice": "8"}]}})
    assert data.prices == [price("9", "", 5)]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"productid": "0"}, "ProductID: missing"),
        ({"baseproductflag": "7"}, "BaseProductFlag: not one of 0 to 3"),
        (
            {
                "baseproductflag": "2",
                "baseproducts": {
                    "baseproduct": {"baseproductid": "9", "baseproductsrelationdata": {"quantity": "0"}}
                },
            },
            "BaseProduct 9/Quantity: below one",
        ),
    ],
)
def test_an_article_that_cannot_be_understood_says_why(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        article(values)
    assert caught.value.reason == reason


@pytest.mark.parametrize("parent", ["parentid", "parnetid"])
def test_a_catalog_is_decoded_twice_and_its_parent_read_in_both_spellings(parent: str) -> None:
    values = {"catalogid": "12", "name": "Holz &amp; Leim", parent: "11", "position": "3", "show": "0"}
    assert category_from_wire(CatalogWire.model_validate(values)) == CategoryData(
        external_id="12", name="Holz & Leim", parent_external_id="11", position=3, visible=False
    )


def test_a_catalog_at_the_top_has_no_parent() -> None:
    wire = CatalogWire.model_validate({"catalogid": "12", "name": "Holz", "parentid": "0"})
    assert category_from_wire(wire) == CategoryData(external_id="12", name="Holz")
