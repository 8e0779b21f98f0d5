"""The cycle `article-import`, from the channel's products to articles, listings and opening stock."""

from decimal import Decimal

import pytest
from sqlmodel import col, select

from connectors.afterbuy.simulator import Member
from models.catalog.article import Article, ArticleCategory, ArticlePrice, ArticleText, BundlePart, Category
from models.catalog.records import ArticleKind
from models.database.session import read_scope
from models.sync.records import Cycle
from models.tenants.account import get_account
from tests.flows.conftest import Shop
from tests.support.steps import (
    Figures,
    add_mug,
    holds,
    line_rows,
    listing_of,
    outbound,
    set_stock,
    stock_of,
    sync,
)


def _article(sku: str) -> Article:
    with read_scope() as session:
        return session.exec(select(Article).where(Article.sku == sku)).one()


def test_articles_variants_bundles_and_stock_come_in(shop: Shop) -> None:
    """One run brings the whole catalogue: kinds, members, categories, prices, texts and opening stock."""
    kitchen = shop.channel.add_catalog("Küche")
    cups = shop.channel.add_catalog("Becher", parent_id=kitchen.id)
    mug = add_mug(shop, 12, "BECHER", catalogs=[cups.id], tax_rate=Decimal(19))
    red = add_mug(shop, 3, "TEE-ROT")
    blue = add_mug(shop, 4, "TEE-BLAU")
    parent = shop.channel.add_product(
        "Teebecher",
        ean="TEE",
        kind=1,
        members=[
            Member(red.id, axes=[("Farbe", "Rot")]),
            Member(blue.id, axes=[("Farbe", "Blau")], position=1),
        ],
    )
    bundle = shop.channel.add_product(
        "Frühstück", ean="SET", kind=2, members=[Member(mug.id, 2), Member(red.id, 1)]
    )

    counts = sync(Cycle.article_import, shop)

    assert (counts.read, counts.new, counts.rejected) == (5, 5, 0)
    with read_scope() as session:
        account_id = get_account(session, shop.name).row_id
        articles = {row.sku: row for row in session.exec(select(Article))}
        kinds = {sku: row.kind for sku, row in articles.items()}
        parts = {
            (row.part_id, row.quantity)
            for row in session.exec(select(BundlePart).where(BundlePart.bundle_id == articles["SET"].id))
        }
        categories = {
            row.external_id: (row.name, row.parent_external_id)
            for row in session.exec(select(Category).where(Category.account_id == account_id))
        }
        linked = [
            row.category_external_id
            for row in session.exec(
                select(ArticleCategory).where(ArticleCategory.article_id == articles["BECHER"].id)
            )
        ]
        price = session.exec(
            select(ArticlePrice).where(
                ArticlePrice.article_id == articles["BECHER"].id, ArticlePrice.price_group == ""
            )
        ).one()
        text = session.exec(select(ArticleText).where(ArticleText.article_id == articles["SET"].id)).one()
    assert kinds == {
        "BECHER": ArticleKind.single,
        "TEE-ROT": ArticleKind.variant,
        "TEE-BLAU": ArticleKind.variant,
        "TEE": ArticleKind.parent,
        "SET": ArticleKind.bundle,
    }
    assert (articles["TEE-ROT"].parent_id, articles["TEE-ROT"].variant_values) == (
        articles["TEE"].id,
        {"Farbe": "Rot"},
    )
    assert parts == {(articles["BECHER"].id, 2), (articles["TEE-ROT"].id, 1)}
    assert categories == {
        str(kitchen.id): ("Küche", ""),
        str(cups.id): ("Becher", str(kitchen.id)),
    }
    assert linked == [str(cups.id)]
    assert (price.amount, price.currency, price.min_quantity) == (Decimal("9.90"), "EUR", 1)
    assert text.title == "Frühstück"
    assert [stock_of(sku) for sku in ("BECHER", "TEE-ROT", "TEE-BLAU", "SET")] == [
        Figures(12, 0),
        Figures(3, 0),
        Figures(4, 0),
        Figures(0, 0),
    ]
    assert listing_of(shop, parent).article_id == articles["TEE"].id
    assert listing_of(shop, bundle).article_id == articles["SET"].id


def test_second_run_reads_only_what_changed(sqlite_shop: Shop) -> None:
    """What was read again unchanged counts as such; a changed product is followed, its stock is ours."""
    shop = sqlite_shop
    mug, other = add_mug(shop, 5), add_mug(shop, 7, "BECHER-2")
    sync(Cycle.article_import, shop)

    again = sync(Cycle.article_import, shop)
    shop.channel.set_product(mug.id, name="Becher „Küste“", selling_price=Decimal("11.50"), quantity=99)
    changed = sync(Cycle.article_import, shop)

    assert (again.read, again.unchanged, again.new, again.changed) == (2, 2, 0, 0)
    assert (changed.read, changed.unchanged, changed.new, changed.changed) == (2, 1, 0, 1)
    with read_scope() as session:
        article_id = session.exec(select(Article).where(Article.sku == "BECHER-1")).one().row_id
        title = session.exec(select(ArticleText.title).where(ArticleText.article_id == article_id)).one()
        price = session.exec(select(ArticlePrice).where(ArticlePrice.article_id == article_id)).one()
    assert (title, price.amount) == ("Becher „Küste“", Decimal("11.50"))
    assert stock_of("BECHER-1") == Figures(5, 0)
    assert listing_of(shop, mug).channel_quantity == 99
    assert listing_of(shop, other).channel_quantity == 7


def test_old_articles_are_left_out_of_the_window(sqlite_shop: Shop) -> None:
    """The second run asks only for what changed since the first, less the overlap; `full` asks for all."""
    shop = sqlite_shop
    shop.configure(overlap_minutes=0)
    now = shop.channel.now
    shop.channel.now = lambda: now().replace(year=2025)
    add_mug(shop)
    shop.channel.now = now
    sync(Cycle.article_import, shop)

    assert sync(Cycle.article_import, shop).read == 0
    assert sync(Cycle.article_import, shop, full=True).unchanged == 1


def test_named_articles_leave_the_cursor_alone(sqlite_shop: Shop) -> None:
    """Articles that were named are read, whatever their age, and the next run goes on as before."""
    shop = sqlite_shop
    first, _ = add_mug(shop), add_mug(shop, sku="BECHER-2")

    assert sync(Cycle.article_import, shop, articles=[str(first.id)]).new == 1
    assert sync(Cycle.article_import, shop).new == 1


def test_pages_follow_one_another(sqlite_shop: Shop) -> None:
    """Seven products on pages of three come in once each, a set's members from any page."""
    shop = sqlite_shop
    shop.configure(article_page_size=3)
    mugs = [add_mug(shop, 5, f"BECHER-{number}") for number in range(6)]
    shop.channel.add_product("Alle", ean="ALLE", kind=2, members=[Member(mug.id) for mug in mugs])

    counts = sync(Cycle.article_import, shop)

    assert (counts.read, counts.new) == (7, 7)
    assert len([one for one in shop.simulator.requests if one.call == "GetShopProducts"]) == 3
    with read_scope() as session:
        bundle = session.exec(select(Article).where(Article.sku == "ALLE")).one()
        assert len(session.exec(select(BundlePart).where(BundlePart.bundle_id == bundle.id)).all()) == 6


def test_an_order_interface_links_and_changes_nothing(sqlite_shop: Shop) -> None:
    """With `role=orders` listings are linked to articles that are here; unknown ones stay unlinked."""
    shop = sqlite_shop
    mug = add_mug(shop, 5)
    sync(Cycle.article_import, shop)
    shop.configure(role="orders")
    stranger = add_mug(shop, 5, "FREMD")
    shop.channel.set_product(mug.id, name="Anderer Name")

    sync(Cycle.article_import, shop)

    with read_scope() as session:
        assert [row.sku for row in session.exec(select(Article).order_by(col(Article.id)))] == ["BECHER-1"]
        titles = session.exec(select(ArticleText.title)).all()
    assert titles == ["Becher BECHER-1"]
    assert listing_of(shop, stranger).article_id is None
    assert listing_of(shop, mug).article_id is not None


@pytest.mark.parametrize(("opening", "expected"), [("channel", Figures(8, 0)), ("none", Figures(0, 0))])
def test_opening_stock_is_taken_once_and_only_if_asked(
    sqlite_shop: Shop, opening: str, expected: Figures
) -> None:
    """The channel's quantity becomes ours when an article is first read, unless the setting says no."""
    shop = sqlite_shop
    shop.configure(opening_stock=opening)
    add_mug(shop, 8)

    sync(Cycle.article_import, shop)
    sync(Cycle.article_import, shop, full=True)

    assert stock_of("BECHER-1") == expected


def test_import_does_not_echo(sqlite_shop: Shop) -> None:
    """Stock that was taken over from the channel is not sent back to it."""
    shop = sqlite_shop
    add_mug(shop, 8)
    sync(Cycle.article_import, shop)

    counts = sync(Cycle.stock_export, shop)

    assert (counts.sent, counts.failed) == (0, 0)
    assert shop.simulator.writes == []
    assert set(outbound(shop)) == {("stock", "sent")}


def test_same_sku_twice_is_rejected(sqlite_shop: Shop) -> None:
    """Of two products with one SKU the second is rejected, and its neighbours come in."""
    shop = sqlite_shop
    add_mug(shop, 1, "DOPPELT")
    add_mug(shop, 2, "DOPPELT")
    add_mug(shop, 3, "ANDERER")

    counts = sync(Cycle.article_import, shop)

    assert (counts.new, counts.rejected) == (2, 1)
    assert stock_of("DOPPELT") == Figures(1, 0)
    set_stock(shop, ANDERER=4)
    assert stock_of("ANDERER") == Figures(4, 0)
    assert _article("ANDERER").kind is ArticleKind.single


def test_lines_that_wait_find_articles_that_come_later(sqlite_shop: Shop) -> None:
    """An order that came before its article is matched and served by the import that brings it."""
    shop = sqlite_shop
    mug = add_mug(shop, 5)
    order = shop.channel.place_order([(mug.id, 2)])
    sync(Cycle.order_import, shop)
    before = holds(shop.order(order.order_id))

    sync(Cycle.article_import, shop)

    (line,) = line_rows(shop.order(order.order_id))
    assert (before, holds(shop.order(order.order_id))) == (["line_unmatched"], [])
    assert (line.matched_by, line.allocated) == ("listing", 2)
