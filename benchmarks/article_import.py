"""Article import as a whole cycle: new articles with texts, prices and pictures, the same again, changed."""

from collections.abc import Iterator

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.order_import import LARGE, growth
from benchmarks.surroundings import ACCOUNT, database, point_account, stand_in, time_flow

NAME = "article-import"
SIZES = {"small": (60,), "default": (10_000, 100_000), "full": (10_000, 100_000)}
BUDGET = 2000
GROWTH_BUDGET = 10.5


def measure(plan: Plan) -> Iterator[Row]:
    """Yield one row for each database, size and case, then how time and memory grow with the size."""
    rows: dict[str, list[Row]] = {kind: [] for kind in plan.kinds}
    for size in plan.sizes_of(SIZES["small"], SIZES["default"], SIZES["full"]):
        cases = ["new"] if size >= LARGE and plan.extent != "full" else ["new", "unchanged", "changed"]
        with stand_in(articles=size, changed="changed" in cases) as url:
            for kind in plan.kinds:
                for row in _measure(plan, kind, url, size, cases):
                    rows[kind].append(row)
                    yield row
    for kind in plan.kinds:
        yield from growth(rows[kind], GROWTH_BUDGET)


def _measure(plan: Plan, kind: str, url: str, size: int, cases: list[str]) -> Iterator[Row]:
    floor: list[float] = []
    rates: dict[str, list[float]] = {case: [] for case in cases}
    peaks = dict.fromkeys(cases, 0.0)
    for _ in range(plan.runs_at(size)):
        with database(kind):
            answer = child.run("benchmarks.floor:articles", url=f"{url}/bench")
            floor.append(size / answer["seconds"])
        with database(kind):
            child.run("benchmarks.surroundings:open_account", url=f"{url}/bench")
            for case in cases:
                address = f"{url}/changed" if case == "changed" else f"{url}/bench"
                answer = child.run("benchmarks.article_import:cycle", url=address, case=case, articles=size)
                rates[case].append(size / answer["seconds"])
                peaks[case] = max(peaks[case], answer["peak_mb"])
    for case in cases:
        row = Row(NAME, case, kind, size, "articles/s", rates[case], floor, peaks[case])
        if case == "new":
            row.budget, row.reached = f"≥ {BUDGET}/s", row.value >= BUDGET
        yield row


def cycle(url: str, case: str, articles: int) -> dict[str, float]:
    """Return the seconds of one run of the flow that finds each article new, unchanged or changed."""
    from flows.article_import import article_import

    point_account(url)
    seconds, counts = time_flow(article_import, ACCOUNT, full=True)
    assert counts[case] == articles, counts
    return {"seconds": seconds}
