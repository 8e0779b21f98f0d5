"""Order import as a whole cycle, 250 orders a page: new orders, then unchanged, then all changed."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import (
    ACCOUNT,
    database,
    load_as_worker,
    open_account,
    point_account,
    stand_in,
    time_flow,
)

NAME = "order-import"
SIZES = {"small": (60,), "default": (10_000, 100_000), "full": (10_000, 100_000)}
BUDGET = 0.5
GROWTH_BUDGET = 10.5
LARGE = 100_000


def measure(plan: Plan) -> Iterator[Row]:
    """Yield one row for each database, size and case, then the growth of time and memory with the size."""
    for row in measure_import(plan, "orders", __name__):
        if row.case == "new":
            row.budget = f"≥ {BUDGET} of the floor"
            row.reached = row.ratio is not None and row.ratio >= BUDGET
        yield row


def measure_import(plan: Plan, what: Literal["orders", "articles"], module: str) -> Iterator[Row]:
    """Yield the rows of one import; child processes call the module's `prepare` and `cycle`."""
    rows: dict[str, list[Row]] = {kind: [] for kind in plan.kinds}
    for size in plan.sizes_of(SIZES["small"], SIZES["default"], SIZES["full"]):
        # Where one run takes minutes, only the first import is measured, unless everything was requested.
        cases = ["new"] if size >= LARGE and plan.extent != "full" else ["new", "unchanged", "changed"]
        amounts = {what: size}
        with stand_in(**amounts, changed="changed" in cases) as url:
            for kind in plan.kinds:
                for row in _measure(plan, what, module, kind, url, size, cases):
                    rows[kind].append(row)
                    yield row
    for kind in plan.kinds:
        yield from growth(rows[kind], GROWTH_BUDGET)


def _measure(
    plan: Plan, what: str, module: str, kind: str, url: str, size: int, cases: list[str]
) -> Iterator[Row]:
    floor: list[float] = []
    rates: dict[str, list[float]] = {case: [] for case in cases}
    peaks = dict.fromkeys(cases, 0.0)
    for _ in range(plan.runs_at(size)):
        with database(kind):
            answer = child.run(f"benchmarks.floor:{what}", url=f"{url}/bench")
            floor.append(size / answer["seconds"])
        with database(kind):
            child.run(f"{module}:prepare", url=f"{url}/bench")
            for case in cases:
                address = f"{url}/changed" if case == "changed" else f"{url}/bench"
                answer = child.run(f"{module}:cycle", url=address, case=case, size=size)
                rates[case].append(size / answer["seconds"])
                peaks[case] = max(peaks[case], answer["peak_mb"])
    for case in cases:
        yield Row(f"{what[:-1]}-import", case, kind, size, f"{what}/s", rates[case], floor, peaks[case])


def growth(rows: list[Row], budget: float) -> Iterator[Row]:
    """Yield how time and memory grow for ten times as many records, from the rows of "new"."""
    new = [row for row in rows if row.case == "new"]
    for small, large in pairwise(new):
        allowed = budget * large.size / small.size / 10
        times = (large.size / large.value) / (small.size / small.value)
        yield Row(
            large.figure,
            f"time of {large.size:,} by {small.size:,}",
            large.database,
            large.size,
            "times",
            [times],
            budget=f"≤ {allowed:.1f}",
            reached=times <= allowed,
        )
        memory = (large.peak_mb or 0) / (small.peak_mb or 1)
        yield Row(
            large.figure,
            f"memory of {large.size:,} by {small.size:,}",
            large.database,
            large.size,
            "times",
            [memory],
            budget="the same: ≤ 1.1",
            reached=memory <= 1.1,
        )


def prepare(url: str) -> None:
    """Add the account and import the articles of the orders."""
    from flows.article_import import article_import

    open_account(url)
    time_flow(article_import, ACCOUNT)


def cycle(url: str, case: str, size: int) -> dict[str, float]:
    """Return the seconds of one run in which every order is new, unchanged or changed."""
    from datetime import UTC, datetime

    from flows.order_import import order_import

    load_as_worker()
    point_account(url)
    since = None if case == "new" else datetime(2020, 1, 1, tzinfo=UTC)
    seconds, counts = time_flow(order_import, ACCOUNT, since=since)
    assert counts[case] == size, counts
    return {"seconds": seconds}
