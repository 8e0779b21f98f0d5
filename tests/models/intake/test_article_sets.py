"""Members of sets and variants are linked when all of them are known."""

from typing import Any

from sqlmodel import Session, select

from models.catalog.article import Article, BundlePart, get_article, parts_of, variants_of
from models.catalog.records import ArticleData, ArticleKind, MemberData
from models.database.session import session_scope
from models.intake.article_sets import link_members
from models.intake.articles import save_articles
from models.orders.match_rules import DEFAULT_RULES
from models.sync.rejected import list_rejected
from models.values import MAX_COUNT
from models.warehouse.sellable import stock_figures
from tests.support.builders import (
    Shop,
    make_article,
    make_shop,
    queued_listings,
    row_counts,
    settle_outbound,
    stock_in,
)


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


def members(*external_ids: str, **values: Any) -> list[MemberData]:
    return [MemberData(external_id=external_id, **values) for external_id in external_ids]


def test_members_may_come_on_a_later_page(database: str) -> None:
    """Until then the set is rejected; joined it is settled, and told to the channel."""
    with session_scope() as session:
        shop = make_shop(session)
        bundle = make_article(
            "9", "SET", kind=ArticleKind.bundle, members=members("1", "2", quantity=2), quantity=4
        )
        save(session, shop, bundle, make_article("1", "A", quantity=9))
        assert (link_members(session, shop.account.id), rejected_in(session)) == (1, [("set", "9")])
        assert stock_figures(session, [article_in(session, shop, "SET").row_id]) == {}
        save(session, shop, make_article("2", "B", quantity=3))
        settle_outbound(session)

        assert (link_members(session, shop.account.id), rejected_in(session)) == (0, [])
        set_id = article_in(session, shop, "SET").row_id
        ids = [article_in(session, shop, sku).row_id for sku in ("A", "B")]
        assert parts_of(session, [set_id]) == {set_id: [(ids[0], 2), (ids[1], 2)]}
        assert stock_figures(session, [set_id])[set_id].available == 1
        assert (list(queued_listings(session)), sorted(stock_in(session))) == (["9"], ["A", "B"])
        assert link_members(session, shop.account.id) == 0


def test_a_set_may_change_its_parts(database: str) -> None:
    """Told anew it consists of what is told; a part named twice is added up, itself left out."""
    with session_scope() as session:
        shop = make_shop(session)
        save(session, shop, make_article("1", "A"), make_article("2", "B"))
        for parts in (["1", "2"], ["2", "2", "9"]):
            save(session, shop, make_article("9", "SET", kind=ArticleKind.bundle, members=members(*parts)))
            link_members(session, shop.account.id)

        set_id, b = (article_in(session, shop, sku).row_id for sku in ("SET", "B"))
        assert parts_of(session, [set_id]) == {set_id: [(b, 2)]}
        assert row_counts(session, BundlePart) == [1]


def test_a_set_of_more_than_can_be_counted_is_rejected(database: str) -> None:
    """The quantities of a part told several times are added up; its neighbours are joined."""
    with session_scope() as session:
        shop = make_shop(session)
        huge = members("1", "1", "1", quantity=MAX_COUNT)
        save(
            session,
            shop,
            make_article("1", "A"),
            make_article("8", "HUGE", kind=ArticleKind.bundle, members=huge),
            make_article("9", "SET", kind=ArticleKind.bundle, members=members("1", quantity=MAX_COUNT)),
        )

        assert (link_members(session, shop.account.id), rejected_in(session)) == (1, [("set", "8")])
        assert "more than 1000000000 of one article" in list_rejected(session)[0].reason
        assert [row.quantity for row in session.exec(select(BundlePart))] == [MAX_COUNT]
        save(session, shop, make_article("8", "HUGE", kind=ArticleKind.bundle, members=members("1")))
        assert (link_members(session, shop.account.id), rejected_in(session)) == (0, [])


def test_variants_are_joined_to_their_parent(database: str) -> None:
    """They keep being variants when they are told as single articles again."""
    with session_scope() as session:
        shop = make_shop(session)
        red = MemberData(external_id="1", values={"Farbe": "rot"})
        blue = MemberData(external_id="2", values={"Farbe": "blau"})
        parent = make_article("9", "SHIRT", kind=ArticleKind.parent, members=[red, blue], quantity=4)
        save(session, shop, parent, make_article("1", "SHIRT-R", quantity=2), make_article("2", "SHIRT-B"))
        assert link_members(session, shop.account.id) == 0
        save(session, shop, make_article("1", "SHIRT-R", quantity=2, unit="Stück"))

        variants = variants_of(session, article_in(session, shop, "SHIRT"))
        assert [(row.sku, row.kind, row.variant_values, row.unit) for row in variants] == [
            ("SHIRT-B", ArticleKind.variant, {"Farbe": "blau"}, ""),
            ("SHIRT-R", ArticleKind.variant, {"Farbe": "rot"}, "Stück"),
        ]
        assert stock_in(session) == {"SHIRT-R": (2, 0)}
