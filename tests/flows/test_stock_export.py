"""The cycle `stock-export`: the channel holds what it may sell, and is told nothing that it knows."""

from collections.abc import Callable
from typing import Any

import pytest

from connectors.afterbuy.articles import AfterbuyArticles
from connectors.afterbuy.simulator import Member
from connectors.afterbuy.stock import AfterbuyStock
from connectors.protocols.articles import ArticleQuery
from connectors.protocols.results import ItemResult
from connectors.protocols.stock import StockItem
from models.catalog.article import Article
from models.catalog.listing import LimitScope, StockLimit
from models.database.session import session_scope
from models.sync.records import Cycle
from models.tenants.account import get_account
from models.warehouse.ledger import set_on_hand
from models.warehouse.sellable import queue_account_listings
from models.warehouse.warehouses import main_warehouse
from tests.flows.conftest import Shop
from tests.support.steps import add_mug, last_run, listing_of, outbound, prepare, set_stock, sync

STOCK = Cycle.stock_export


def _limit(shop: Shop, buffer: int = 0, maximum: int | None = None) -> None:
    with session_scope() as session:
        account_id = get_account(session, shop.name).row_id
        session.add(
            StockLimit(account_id=account_id, scope=LimitScope.account, buffer=buffer, maximum=maximum)
        )
        session.flush()
        queue_account_listings(session, account_id)


def _effects(shop: Shop) -> int:
    return shop.simulator.effects_by_name["UpdateShopProducts"]


def test_the_channel_holds_what_is_available(shop: Shop) -> None:
    """After an order and a count the channel's figures are ours: on hand less what is promised."""
    mug, other, third = add_mug(shop, 10), add_mug(shop, 5, "BECHER-2"), add_mug(shop, 7, "BECHER-3")
    prepare(shop, Cycle.article_import)
    shop.channel.place_order([(mug.id, 3)])
    sync(Cycle.order_import, shop)
    set_stock(shop, BECHER_2=20)

    counts = sync(STOCK, shop)

    assert (counts.sent, counts.failed) == (2, 0)
    assert [shop.channel.products[one.id].quantity for one in (mug, other, third)] == [7, 20, 7]
    assert _effects(shop) == 2
    assert listing_of(shop, other).published_quantity == 20


def test_nothing_is_sent_when_nothing_changed(sqlite_shop: Shop) -> None:
    """Only values that differ from what was told before are sent, even if all are worked out anew."""
    shop = sqlite_shop
    add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    set_stock(shop, BECHER_1=12)
    sync(STOCK, shop)
    set_stock(shop, BECHER_1=11)
    set_stock(shop, BECHER_1=12)

    again, full = sync(STOCK, shop), sync(STOCK, shop, full=True)

    assert (again.read, again.unchanged, again.sent) == (1, 1, 0)
    assert (full.unchanged, full.sent) == (1, 0)
    assert len(shop.simulator.writes) == 1


@pytest.mark.parametrize(
    ("buffer", "maximum", "expected"), [(2, None, 8), (0, 4, 4), (7, 4, 3), (20, None, 0)]
)
def test_buffer_and_maximum(sqlite_shop: Shop, buffer: int, maximum: int | None, expected: int) -> None:
    """The channel is told what is available less the buffer, at most the maximum."""
    shop = sqlite_shop
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    _limit(shop, buffer, maximum)

    sync(STOCK, shop)

    assert shop.channel.products[mug.id].quantity == expected


def test_a_sale_below_the_maximum_is_made_up(shop: Shop) -> None:
    """A sale takes from the channel's own figure; with plenty left here it is filled up to the maximum."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    _limit(shop, maximum=4)
    sync(STOCK, shop)
    shop.channel.place_order([(mug.id, 3)])
    sold_down = shop.channel.products[mug.id].quantity

    sync(Cycle.order_import, shop)
    sync(STOCK, shop)

    assert sold_down == 1
    assert shop.channel.products[mug.id].quantity == 4


def test_a_page_read_before_a_sale_hides_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figure is older than the sale: taken for what the channel holds, nobody would fill it up again."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    _limit(shop, maximum=4)
    sync(STOCK, shop)
    real = AfterbuyArticles.fetch_articles

    def fetch(self: AfterbuyArticles, query: ArticleQuery, page: str | None) -> Any:
        read = real(self, query, page)
        shop.channel.place_order([(mug.id, 3)])
        sync(Cycle.order_import, shop)
        return read

    monkeypatch.setattr(AfterbuyArticles, "fetch_articles", fetch)
    sync(Cycle.article_import, shop, full=True)
    sold_down = shop.channel.products[mug.id].quantity
    sync(STOCK, shop)

    assert (listing_of(shop, mug).channel_quantity, sold_down) == (4, 1)
    assert shop.channel.products[mug.id].quantity == 4


def test_a_listing_of_an_article_with_stock_is_told_of_it(sqlite_shop: Shop) -> None:
    """An article that was here first: what the channel holds of it is not what there is."""
    shop = sqlite_shop
    with session_scope() as session:
        account = get_account(session, shop.name)
        article = Article(tenant_id=account.tenant_id, sku="BECHER-1")
        session.add(article)
        session.flush()
        warehouse_id = main_warehouse(session, account.tenant_id).row_id
        set_on_hand(session, warehouse_id, {article.row_id: 4})
    mug, _ = add_mug(shop, 10), add_mug(shop, 5, "BECHER-2")
    prepare(shop, Cycle.article_import)

    counts = sync(STOCK, shop)

    assert counts.sent == 1
    assert shop.channel.products[mug.id].quantity == 4


def test_a_bundle_follows_its_parts(sqlite_shop: Shop) -> None:
    """Selling a part changes what may be sold of the bundle, and the channel hears it."""
    shop = sqlite_shop
    mug, plate = add_mug(shop, 10), add_mug(shop, 6, "TELLER")
    bundle = shop.channel.add_product(
        "Set", ean="SET", kind=2, quantity=5, members=[Member(mug.id, 2), Member(plate.id, 1)]
    )
    prepare(shop, Cycle.article_import)
    sync(STOCK, shop)
    shop.channel.place_order([(mug.id, 4)])
    sync(Cycle.order_import, shop)

    sync(STOCK, shop)

    assert shop.channel.products[bundle.id].quantity == 3
    assert listing_of(shop, bundle).published_quantity == 3


def test_a_change_while_sending_is_sent_afterwards(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stock counted anew while a batch is on its way: the channel hears the last word in the same run."""
    mug = add_mug(shop, 10)
    prepare(shop, Cycle.article_import)
    set_stock(shop, BECHER_1=8)
    real: Callable[..., list[ItemResult]] = AfterbuyStock.publish_stock
    sent: list[int] = []

    def publish(self: AfterbuyStock, items: list[StockItem]) -> Any:
        sent.extend(item.quantity for item in items)
        if len(sent) == 1:
            set_stock(shop, BECHER_1=3)
        return real(self, items)

    monkeypatch.setattr(AfterbuyStock, "publish_stock", publish)
    counts = sync(STOCK, shop)

    assert sent == [8, 3]
    assert counts.sent == 2
    assert shop.channel.products[mug.id].quantity == 3
    assert outbound(shop) == [("stock", "sent")]


def test_batches_keep_to_their_size(sqlite_shop: Shop) -> None:
    """Five changes with batches of two are three calls."""
    shop = sqlite_shop
    shop.configure(stock_batch_size=2)
    mugs = [add_mug(shop, 5, f"M-{number}") for number in range(5)]
    prepare(shop, Cycle.article_import)
    set_stock(shop, **{f"M_{number}": 9 for number in range(5)})

    counts = sync(STOCK, shop)

    assert counts.sent == 5
    assert len(shop.simulator.writes) == 3
    assert {shop.channel.products[mug.id].quantity for mug in mugs} == {9}


def test_one_refused_product_does_not_stop_the_others(sqlite_shop: Shop) -> None:
    """A product that the channel does not know is parked for a person; its neighbours are told."""
    shop = sqlite_shop
    gone, stays = add_mug(shop, 5), add_mug(shop, 5, "BECHER-2")
    prepare(shop, Cycle.article_import)
    del shop.channel.products[gone.id]
    shop.channel.products_changed()
    set_stock(shop, BECHER_1=6, BECHER_2=6)

    counts = sync(STOCK, shop)

    assert (counts.sent, counts.failed) == (1, 1)
    assert shop.channel.products[stays.id].quantity == 6
    assert outbound(shop) == [("stock", "parked"), ("stock", "sent")]
    assert gone.id not in shop.channel.products


def test_the_age_of_news_is_kept(sqlite_shop: Shop) -> None:
    """A run that told something says since when it had waited; one that told nothing says nothing."""
    shop = sqlite_shop
    add_mug(shop, 5)
    prepare(shop, Cycle.article_import)
    sync(STOCK, shop)
    silent = last_run(shop, STOCK)
    set_stock(shop, BECHER_1=6)

    sync(STOCK, shop)

    run = last_run(shop, STOCK)
    assert (silent.oldest_news_at, silent.slowest_seconds) == (None, None)
    assert run.oldest_news_at is not None
    assert run.oldest_news_at <= run.started_at
    assert run.slowest_seconds in range(60)
