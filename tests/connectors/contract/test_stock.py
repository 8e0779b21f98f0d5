"""What holds for every system that takes quantities."""

from collections.abc import Iterator

import pytest

from connectors.protocols.results import Outcome
from connectors.protocols.stock import StockItem
from models.tenants.account_kinds import Capability
from tests.connectors.contract.rig import StockRig, kinds_with, need, rig_of


@pytest.fixture(params=kinds_with(Capability.stock))
def rig(request: pytest.FixtureRequest) -> Iterator[StockRig]:
    yield from rig_of(request.param)


def test_a_stock_is_set_and_read_back_and_setting_it_again_changes_nothing(rig: StockRig) -> None:
    article_id = rig.add_article("MUG", stock=5)
    with rig.open() as connection:
        stock = need(connection.stock)
        for _ in range(2):
            results = stock.publish_stock([StockItem("k", article_id, 3)])
            assert [(one.key, one.outcome) for one in results] == [("k", Outcome.sent)]
        assert stock.fetch_stock([article_id, "99999999"]) == {article_id: 3}
    assert rig.stock_of(article_id) == 3


def test_one_unknown_listing_leaves_its_neighbours_alone(rig: StockRig) -> None:
    article_id = rig.add_article("MUG", stock=5)
    items = [StockItem("bad", "99999999", 1), StockItem("good", article_id, 2)]
    with rig.open() as connection:
        results = need(connection.stock).publish_stock(items)
    assert [(one.key, one.outcome) for one in results] == [("bad", Outcome.refused), ("good", Outcome.sent)]
    assert rig.stock_of(article_id) == 2


def test_test_mode_sends_nothing_and_says_what_it_would_have_sent(rig: StockRig) -> None:
    article_id = rig.add_article("MUG", stock=5)
    with rig.open(test=True) as connection:
        [result] = need(connection.stock).publish_stock([StockItem("k", article_id, 3)])
        assert (result.key, result.outcome) == ("k", Outcome.would_send)
        assert result.fields
        assert len(connection.would_send) == 1
        shown = repr(connection.would_send) + repr(result)
    assert rig.writes() == 0
    assert rig.stock_of(article_id) == 5
    assert not any(secret in shown for secret in rig.secrets.values())


def test_a_write_whose_reply_is_lost_is_uncertain_and_sent_once(rig: StockRig) -> None:
    article_id = rig.add_article("MUG", stock=5)
    with rig.open() as connection:
        rig.lose_next_reply()
        [result] = need(connection.stock).publish_stock([StockItem("k", article_id, 3)])
    assert result.outcome is Outcome.uncertain
    assert rig.writes() == 1


def test_nothing_to_publish_sends_nothing(rig: StockRig) -> None:
    with rig.open() as connection:
        assert need(connection.stock).publish_stock([]) == []
        assert need(connection.stock).fetch_stock([]) == {}
        assert need(connection.stock).batch_size > 0
    assert rig.writes() == 0
