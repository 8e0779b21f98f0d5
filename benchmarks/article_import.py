"""Article import as a whole cycle: new articles with texts, prices and pictures; unchanged; changed."""

from collections.abc import Iterator

from benchmarks.figure import Plan, Row
from benchmarks.order_import import measure_import
from benchmarks.surroundings import ACCOUNT, load_as_worker, open_account, point_account, time_flow

NAME = "article-import"
BUDGET = 2000


def measure(plan: Plan) -> Iterator[Row]:
    """Yield one row for each database, size and case, then the growth of time and memory with the size."""
    for row in measure_import(plan, "articles", __name__):
        if row.case == "new":
            row.budget, row.reached = f"≥ {BUDGET}/s", row.value >= BUDGET
        yield row


def prepare(url: str) -> None:
    """Add the account."""
    open_account(url)


def cycle(url: str, case: str, size: int) -> dict[str, float]:
    """Return the seconds of one run in which every article is new, unchanged or changed."""
    from flows.article_import import article_import

    load_as_worker()
    point_account(url)
    seconds, counts = time_flow(article_import, ACCOUNT, full=True)
    assert counts[case] == size, counts
    return {"seconds": seconds}
