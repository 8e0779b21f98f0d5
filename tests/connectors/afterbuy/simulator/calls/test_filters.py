"""Filters of the calls that read."""

from datetime import timedelta

import pytest

from connectors.afterbuy.simulator import Member, Simulator, State
from tests.connectors.afterbuy.simulator.requests import NOON, ask, data_filter, products


def test_upper_bound_of_a_range_is_a_switch(simulator: Simulator, state: State) -> None:
    """ValueTo is part of the range, or not."""
    ids = products(state, 3)
    body = data_filter("RangeID", ValueTo=ids[1])

    assert len(ask(simulator, "GetShopProducts", body).all("Product")) == 2
    simulator.switches.change(range_to="exclusive")
    assert len(ask(simulator, "GetShopProducts", body).all("Product")) == 1


def test_product_filters(simulator: Simulator, state: State) -> None:
    """Every filter of the notes picks what it names."""
    one = state.add_product("Eins", anr="7", ean="A1", tags=["neu"], level=3)
    two = state.add_product("Zwei", anr="9", ean="B2")
    state.add_product("Set", kind=2, members=[Member(one.id), Member(two.id)])
    state.add_product("Varianten", kind=1, members=[Member(two.id)])

    def names(body: str) -> list[str]:
        return ask(simulator, "GetShopProducts", body).all("Product/Name")

    assert names(data_filter("ProductID", one.id, two.id)) == ["Eins", "Zwei"]
    assert names(data_filter("Anr", "9")) == ["Zwei"]
    assert names(data_filter("Ean", "A1")) == ["Eins"]
    assert names(data_filter("Tag", "neu")) == ["Eins"]
    assert names(data_filter("Level", LevelFrom=2, LevelTo=3)) == ["Eins"]
    assert names(data_filter("RangeAnr", ValueFrom=7)) == ["Zwei"]
    assert names(data_filter("DefaultFilter", "AllSets")) == ["Set", "Varianten"]
    assert names(data_filter("DefaultFilter", "ProductSets")) == ["Set"]
    assert names(data_filter("DefaultFilter", "Not_AllSets")) == ["Eins", "Zwei"]
    assert names(data_filter("DefaultFilter", "not_VariationsSets")) == ["Eins", "Zwei", "Set"]


def test_date_filter_reads_berlin_time(simulator: Simulator, state: State) -> None:
    """A window in local time finds a change by its UTC instant; ISO dates are a switch."""
    product = state.add_product("Kanne")
    state.now = lambda: NOON + timedelta(hours=1)
    state.set_product(product.id, quantity=3)

    def found(start: str, name: str = "ModDate") -> list[int]:
        body = data_filter("DateFilter", name, DateFrom=start)
        return ask(simulator, "GetShopProducts", body).codes

    assert found("01.07.2026 13:00:00") == []
    assert found("1.7.2026 13:00:00", "LastStockChange") == []
    assert found("01.07.2026 13:00:01") == [15]
    assert found("2026-07-01 13:00:00") == []
    assert found("gestern") == [30]
    assert found("31.02.2026") == [30]
    assert found("01.01.0001") == [30]
    simulator.switches.change(iso_dates_in_filters="error_30")
    assert found("2026-07-01 13:00:00") == [30]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<DataFilter/>", 28),
        (data_filter("Farbe", "rot"), 30),
        (data_filter("DefaultFilter", "AllesMögliche"), 30),
        (data_filter("ProductID", "abc"), 30),
        (data_filter("ProductID", 2_147_483_648), 43),
        (data_filter("RangeID", ValueFrom=2_147_483_648), 43),
        (data_filter("Level", LevelFrom=1, LevelTo=2, LevelValue=1), 70),
        (data_filter("ProductID", *range(501)), 50),
        ("<DataFilter>" + "<Filter><FilterName>Anr</FilterName></Filter>" * 6 + "</DataFilter>", 36),
    ],
)
def test_filter_limits(simulator: Simulator, state: State, body: str, code: int) -> None:
    """Five filters, 500 values, int32 numbers, known names."""
    products(state, 1)
    assert ask(simulator, "GetShopProducts", body).codes == [code]


def test_filters_off_the_path_are_switches(simulator: Simulator, state: State) -> None:
    """FilterValue outside FilterValues, a stranger beside a known filter, numbers above the limit."""
    products(state, 2)
    outside = (
        "<DataFilter><Filter><FilterName>Anr</FilterName><FilterValue>1</FilterValue></Filter></DataFilter>"
    )
    beside = data_filter("Anr", 1).replace(
        "</DataFilter>", "<Filter><FilterName>X</FilterName></Filter></DataFilter>"
    )
    large = data_filter("RangeID", ValueFrom=0, ValueTo=9_999_999_999)

    assert len(ask(simulator, "GetShopProducts", outside).all("Product")) == 2
    assert len(ask(simulator, "GetShopProducts", beside).all("Product")) == 1
    simulator.switches.change(
        filter_value_outside="honoured", unknown_filter="error_30", number_limit_enforced=False
    )
    assert len(ask(simulator, "GetShopProducts", outside).all("Product")) == 1
    assert ask(simulator, "GetShopProducts", beside).codes == [30]
    assert len(ask(simulator, "GetShopProducts", large).all("Product")) == 2
