"""How a page of articles becomes articles and listings, for the account that leads them and for others."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from models.catalog.article import (
    Article,
    ArticleCategory,
    ArticleImage,
    ArticleNumber,
    ArticlePrice,
    ArticleText,
    Category,
    get_article,
)
from models.catalog.listing import Listing
from models.catalog.records import ArticleData, CategoryData, ImageData, MemberData, PriceData, TextData
from models.database.session import session_scope
from models.intake.articles import save_articles, save_categories
from models.orders.match_rules import DEFAULT_RULES
from models.sync.outbound import Outbound
from models.sync.rejected import list_rejected
from models.warehouse.ledger import set_on_hand
from models.warehouse.levels import StockLevel, StockMovement
from tests.support.builders import (
    Shop,
    add_article,
    check_laws,
    ledger_in,
    make_account,
    make_article,
    make_shop,
    queued_listings,
    row_counts,
    settle_outbound,
    stock_in,
)

TABLES = (
    Article, ArticleText, ArticlePrice, ArticleImage, ArticleNumber, ArticleCategory, Listing, StockLevel,
    StockMovement, Outbound,
)  # fmt: skip


def save(session: Session, shop: Shop, *records: ArticleData, **options: Any) -> dict[str, int]:
    """Save a page; return the figures that are not zero."""
    account = options.pop("account", shop.account)
    counts = save_articles(session, account, DEFAULT_RULES, records, **options)
    session.flush()
    session.expire_all()
    return {name: value for name, value in counts.model_dump().items() if value}


def article_in(session: Session, shop: Shop, sku: str) -> Article:
    return get_article(session, shop.tenant_id, sku)


def rejected_in(session: Session) -> list[tuple[str, str]]:
    session.expire_all()
    return [(row.kind, row.external_id) for row in list_rejected(session)]


def links(session: Session, account_id: int) -> dict[str, str]:
    """Return the SKU of each listing, empty where it is not linked."""
    rows = session.execute(
        select(col(Listing.external_id), col(Article.sku))
        .outerjoin(Article, col(Article.id) == col(Listing.article_id))
        .where(col(Listing.account_id) == account_id)
        .order_by(col(Listing.external_id))
    )
    return {external_id: sku or "" for external_id, sku in rows}


FULL = make_article(
    "1001",
    "TASSE-1",
    gtin="4006381333931",
    manufacturer="Müller",
    manufacturer_number="M-1",
    channel_number="A-55",
    texts={"de": TextData(title="Tasse"), "en": TextData(title="Mug", keywords="mug")},
    prices=[
        PriceData(amount=Decimal("9.90"), currency="EUR"),
        PriceData(amount=Decimal("8.90"), currency="EUR", min_quantity=10),
        PriceData(amount=Decimal("7.50"), currency="EUR", price_group="B2B"),
    ],
    images=[ImageData(url="https://x.test/1.jpg"), ImageData(url="https://x.test/2.jpg", alt="zwei")],
    category_ids=["c2", "c1", "c2"],
    tax_rate=Decimal(19),
    weight_grams=350,
    attributes={"Farbe": "weiß"},
    quantity=7,
)


def test_an_article_is_taken_whole(database: str) -> None:
    """Master data, texts, prices, pictures, categories, numbers, listing and opening stock."""
    with session_scope() as session:
        shop = make_shop(session)
        assert save(session, shop, FULL) == {"read": 1, "new": 1}

        article = article_in(session, shop, "TASSE-1")
        assert (article.gtin, article.tax_rate, article.weight_grams) == ("4006381333931", Decimal(19), 350)
        assert (article.source_account_id, article.attributes) == (shop.account.id, {"Farbe": "weiß"})
        texts = {row.language: row.title for row in session.exec(select(ArticleText))}
        assert texts == {"de": "Tasse", "en": "Mug"}
        prices = {
            (row.price_group, row.min_quantity): str(row.amount) for row in session.exec(select(ArticlePrice))
        }
        assert prices == {("", 1): "9.90", ("", 10): "8.90", ("B2B", 1): "7.50"}
        assert [
            row.url[-5:] for row in session.exec(select(ArticleImage).order_by(col(ArticleImage.position)))
        ] == [
            "1.jpg",
            "2.jpg",
        ]
        assert {row.category_external_id for row in session.exec(select(ArticleCategory))} == {"c1", "c2"}
        numbers = {(str(row.kind), row.value) for row in session.exec(select(ArticleNumber))}
        assert numbers == {("sku", "TASSE-1"), ("gtin", "4006381333931"), ("manufacturer", "M-1")}
        listing = session.exec(select(Listing)).one()
        assert (listing.article_id, listing.channel_number, listing.title) == (article.id, "A-55", "Tasse")
        assert (listing.channel_quantity, listing.published_quantity) == (7, 7)
        assert ledger_in(session) == [("TASSE-1", 7, "opening", "account nord")]


def test_the_same_page_twice_adds_nothing(database: str) -> None:
    """Unchanged articles are recognised; another stock figure is no change of the article."""
    with session_scope() as session:
        shop = make_shop(session)
        save(session, shop, FULL, make_article("1002", "TELLER", quantity=3))
        settle_outbound(session)
        before = row_counts(session, *TABLES)

        assert save(session, shop, FULL) == {"read": 1, "unchanged": 1}
        assert save(session, shop, FULL.model_copy(update={"quantity": 2})) == {"read": 1, "unchanged": 1}
        assert row_counts(session, *TABLES) == before
        listing = session.exec(select(Listing).where(Listing.external_id == "1001")).one()
        assert (listing.channel_quantity, listing.published_quantity) == (2, 7)
        assert (stock_in(session)["TASSE-1"], queued_listings(session)) == ((7, 0), {})


def test_what_changed_is_written_anew(database: str) -> None:
    """The article keeps its row and stock; texts, prices and numbers are those told last."""
    with session_scope() as session:
        shop = make_shop(session)
        save(session, shop, FULL)
        article_id = article_in(session, shop, "TASSE-1").id
        changed = make_article(
            "1001", "TASSE-2", quantity=99, prices=[PriceData(amount=Decimal(5), currency="EUR")]
        )

        assert save(session, shop, changed) == {"read": 1, "changed": 1}
        assert article_in(session, shop, "TASSE-2").id == article_id
        assert row_counts(session, Article, ArticleText, ArticlePrice, ArticleImage, ArticleNumber) == [
            1,
            1,
            1,
            0,
            1,
        ]
        assert stock_in(session) == {"TASSE-2": (7, 0)}


def test_a_sku_belongs_to_one_article(database: str) -> None:
    """The second of a page or of the account is rejected, its neighbours are saved; it is settled later."""
    with session_scope() as session:
        shop = make_shop(session)
        save(session, shop, make_article("1", "A"))
        page = [
            make_article("2", "A"),
            make_article("3", "B"),
            make_article("4", "B"),
            make_article("5", "C"),
        ]

        assert save(session, shop, *page) == {"read": 4, "new": 2, "rejected": 2}
        assert rejected_in(session) == [("article", "2"), ("article", "4")]
        assert "Article 1 has the SKU 'A'" in list_rejected(session)[0].reason
        assert links(session, shop.account.id) == {"1": "A", "3": "B", "5": "C"}
        assert save(session, shop, make_article("2", "A-NEW")) == {"read": 1, "new": 1}
        assert rejected_in(session) == [("article", "4")]


def test_an_article_made_by_people_is_adopted(database: str) -> None:
    """The channel's record of the same SKU is linked, and leads from then on."""
    with session_scope() as session:
        shop = make_shop(session)
        mine = add_article(session, shop, "A", on_hand=4)
        save(session, shop, make_article("1", "A", gtin="123", quantity=9))

        article = article_in(session, shop, "A")
        assert (article.id, article.gtin, article.source_account_id) == (mine, "123", shop.account.id)
        assert stock_in(session) == {"A": (4, 0)}


def test_opening_stock_is_taken_once(database: str) -> None:
    """Only of articles never counted here, never below zero, and not in test mode or where it is off."""
    with session_scope() as session:
        shop = make_shop(session)
        test = {"test": True}
        save(session, shop, make_article("1", "A", quantity=5), make_article("2", "B", quantity=-3), **test)
        assert row_counts(session, StockLevel) == [0]
        save(session, shop, make_article("1", "A", quantity=5), make_article("2", "B", quantity=-3))
        assert stock_in(session) == {"A": (5, 0), "B": (0, 0)}
        set_on_hand(session, shop.warehouse_id, {article_in(session, shop, "A").row_id: 1})
        save(session, shop, make_article("1", "A", quantity=8), make_article("3", "C"))
        assert stock_in(session) == {"A": (1, 0), "B": (0, 0)}

        other = make_shop(session, "sued", opening_stock="none")
        save(session, other, make_article("1", "D", quantity=8))
        assert "D" not in stock_in(session)
        check_laws(session)


def test_a_mere_interface_links_and_changes_nothing(database: str) -> None:
    """Its listings find our articles by the tenant's rules; what is unclear is tried again each time."""
    with session_scope() as session:
        shop = make_shop(session)
        save(session, shop, FULL)
        other = make_account(session, shop.tenant_id, "sued", role="orders")
        before = row_counts(session, *TABLES[:6])
        page = [
            make_article("S1", "tasse-1x", gtin="4006381333931", quantity=3, manufacturer="fremd"),
            make_article("S2", "LATER", quantity=3),
        ]
        assert save(session, shop, *page, account=other) == {"read": 2, "new": 2}

        assert links(session, other.id) == {"S1": "TASSE-1", "S2": ""}
        assert (row_counts(session, *TABLES[:6]), stock_in(session)) == (before, {"TASSE-1": (7, 0)})
        assert article_in(session, shop, "TASSE-1").manufacturer == "Müller"
        assert save(session, shop, *page, account=other) == {"read": 2, "changed": 1, "unchanged": 1}
        add_article(session, shop, "LATER")
        save(session, shop, *page, account=other)
        assert links(session, other.id) == {"S1": "TASSE-1", "S2": "LATER"}
        settle_outbound(session)
        set_on_hand(session, shop.warehouse_id, {article_in(session, shop, "TASSE-1").row_id: 6})
        assert sorted(queued_listings(session)) == ["1001", "S1"]


def test_a_second_leading_account_shares_the_article(database: str) -> None:
    """The same SKU is the same article; it has a listing in each account, and its stock stays."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued")
        save(session, shop, make_article("1", "A", quantity=5))
        assert save(session, shop, make_article("9", "A", quantity=77), account=other) == {
            "read": 1,
            "new": 1,
        }

        assert (links(session, shop.account.id), links(session, other.id)) == ({"1": "A"}, {"9": "A"})
        assert (row_counts(session, Article), stock_in(session)) == ([1], {"A": (5, 0)})


def members(*external_ids: str, **values: Any) -> list[MemberData]:
    return [MemberData(external_id=external_id, **values) for external_id in external_ids]


def test_the_category_tree_comes_in_any_order(database: str) -> None:
    """Children may come before parents, twice in a page, and change their names."""
    with session_scope() as session:
        shop = make_shop(session)
        child = CategoryData(external_id="2", name="Tassen", parent_external_id="1")
        save_categories(session, shop.account.id, [child, CategoryData(external_id="1", name="Küche")])
        save_categories(session, shop.account.id, [child, child.model_copy(update={"name": "Becher"})])
        session.expire_all()

        rows = session.exec(select(Category).order_by(col(Category.external_id))).all()
        assert [(row.external_id, row.parent_external_id, row.name) for row in rows] == [
            ("1", "", "Küche"),
            ("2", "1", "Becher"),
        ]
