"""Each figure of `make bench` can be measured: tiny sizes, one run, no time judged."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import (
    article_import,
    dlt_load,
    flow_start,
    hot_article,
    idle_cycle,
    obvious_way,
    order_import,
    order_life,
    papers,
    profile,
    stock_export,
    table,
    upgrade,
)
from benchmarks.figure import MissingError, Plan, Row

NIGHTLY = pytest.mark.nightly
TINY = Plan(extent="small", kinds=("sqlite",), runs=1)


@pytest.fixture(autouse=True)
def _own_environment(prefect_server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the variables that a measurement sets end with its test."""
    for name in ("WARENFLUSS_DATABASE_URL", "WARENFLUSS_DATA_DIR"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.chdir(Path(__file__).parents[2])


def cases_of(figure: ModuleType, plan: Plan = TINY) -> set[str]:
    """Measure a figure; return its cases, each of which must have taken some time."""
    rows = list(figure.measure(plan))
    assert all(row.value > 0 for row in rows)
    return {row.case for row in rows}


@pytest.mark.parametrize(
    "figure",
    [pytest.param(order_import, id="orders"), pytest.param(article_import, id="articles", marks=NIGHTLY)],
)
def test_an_import_is_measured_new_unchanged_and_changed(figure: ModuleType) -> None:
    """Each case counts its records by the flow's own figures, or the measurement fails."""
    assert cases_of(figure) == {"new", "unchanged", "changed"}


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_stock_export_is_measured_among_few_and_many(kind: str) -> None:
    """The rows that the database makes itself fit its tables, and every change is told."""
    plan = Plan(extent="small", kinds=(kind,), runs=1)
    assert cases_of(stock_export, plan) == {
        "500 changes",
        "noting 500 changes",
        "time among 2,000 by 1,000",
    }


@pytest.mark.nightly
def test_an_idle_cycle_of_each_kind_is_measured() -> None:
    """All five cycles run against a shop where nothing happened."""
    assert cases_of(idle_cycle) == {
        "article-import",
        "order-import",
        "payment-sync",
        "shipping-sync",
        "stock-export",
    }


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_writers_allocate_no_more_than_there_is(kind: str) -> None:
    """The benchmark proves its own sums; of 40 orders 32 find stock."""
    (row,) = hot_article.measure(Plan(extent="small", kinds=(kind,), runs=1))
    assert row.note == "32 of 32 allocated, 8 held as short"


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_upgrade_is_measured_while_others_work(kind: str) -> None:
    """The benchmark proves that nobody failed and no order is missing, or it fails."""
    plan = Plan(extent="small", kinds=(kind,), runs=1)
    assert cases_of(upgrade, plan) == {"whole upgrade", "longest write", "longest read"}


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_whole_life_of_an_order_is_measured_step_by_step(kind: str) -> None:
    """Each step counts that it reached every order, or the measurement fails; the floor has all its rows."""
    rows = list(order_life.measure(Plan(extent="small", kinds=(kind,), runs=1)))
    assert [row.case for row in rows] == [
        *("import and allocate", "release", "pick", "ship", "invoice", "draw papers"),
        *("whole life", "whole life with papers", "pick by two", "whole life, picked by two"),
    ]
    *steps, papers, whole, with_papers = [1 / row.value for row in rows[:-2]]
    assert whole == pytest.approx(sum(steps))
    assert with_papers == pytest.approx(whole + papers)
    assert rows[-4].note.endswith("rows an order")


@pytest.mark.nightly
def test_papers_are_measured_drawn_and_joined() -> None:
    """Three invoices, a page each, whatever the database."""
    assert cases_of(papers) == {"drawn and joined", "joined"}


@pytest.mark.nightly
def test_the_start_of_a_run_and_the_obvious_way_are_measured() -> None:
    """They have no database of ours, or no code of ours, in them."""
    assert len(cases_of(flow_start)) == 6
    assert cases_of(obvious_way) == {"a task and a commit each"}


@pytest.mark.nightly
@pytest.mark.skipif(find_spec("dlt") is None, reason="dlt is installed by `make bench` alone")
def test_dlt_is_measured() -> None:
    """Each order is there once, loaded twice."""
    assert cases_of(dlt_load) == {"new", "unchanged"}


def test_the_profile_counts_functions_that_exist() -> None:
    """It replaces them by name, so a renamed one would only show when somebody runs it."""
    missing = [f"{owner.__name__}.{name}" for owner, name, _ in profile.parts() if not hasattr(owner, name)]
    assert missing == []


@pytest.mark.skipif(find_spec("dlt") is not None, reason="dlt is here")
def test_without_dlt_its_figure_says_so() -> None:
    """What is missing is told, not failed on."""
    with pytest.raises(MissingError, match="make bench"):
        list(dlt_load.measure(TINY))


def test_the_table_shows_budget_and_ratio(tmp_path: Path) -> None:
    """Medians, the ratio to the floor, and whether the budget is reached; the same as JSON."""
    row = Row(
        "order-import",
        "new",
        "sqlite",
        10_000,
        "orders/s",
        [1500.0, 1700.0, 900.0],
        [3000.0, 3100.0, 1000.0],
        181.4,
        budget="≥ 0.5 of the floor",
        reached=True,
    )
    shown = table.render([row]).splitlines()[2]
    assert [cell.strip() for cell in shown.strip("|").split("|")] == [
        *("order-import", "new", "sqlite", "10,000", "1,500", "orders/s", "3,000", "0.50", "181"),
        *("≥ 0.5 of the floor", "reached"),
    ]
    table.write_json(tmp_path / "bench.json", [row], {"cores": "2"})
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["machine"] == {"cores": "2"}
    assert (written["rows"][0]["lowest"], written["rows"][0]["ratio"]) == (900.0, 0.5)
