"""An idle run of each cycle: what a run without news costs, next to Prefect's own empty flow."""

import time
from collections.abc import Iterator
from typing import Any

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import ACCOUNT, database, open_account, stand_in, time_flow

NAME = "idle-cycle"
TURNS = {"small": 1, "default": 7, "full": 15}
BUDGET_SECONDS = 0.2


def measure(plan: Plan) -> Iterator[Row]:
    """Yield one row for each database and cycle: its seconds; the floor is an empty flow."""
    with stand_in() as url:
        for kind in plan.kinds:
            with database(kind):
                answer = child.run(
                    "benchmarks.idle_cycle:cycles", url=f"{url}/idle", turns=TURNS[plan.extent]
                )
            empty = answer["seconds"].pop("empty flow")
            for name, seconds in answer["seconds"].items():
                row = Row(NAME, name, kind, 0, "s", seconds, empty, answer["peak_mb"])
                beyond = row.value - Row(NAME, "", kind, 0, "s", empty).value
                row.budget = f"< {BUDGET_SECONDS} s beyond the floor"
                row.reached = beyond < BUDGET_SECONDS
                row.note = f"{beyond * 1000:.0f} ms beyond"
                yield row


def cycles(url: str, turns: int) -> dict[str, Any]:
    """Return the seconds of each cycle and of an empty flow, measured alternately, after one warm-up turn."""
    from prefect import flow

    from flows.article_import import article_import
    from flows.order_import import order_import
    from flows.payment_sync import payment_sync
    from flows.shipping_sync import shipping_sync
    from flows.stock_export import stock_export

    @flow(name="empty", persist_result=False)
    def empty(account: str) -> None:
        """Do nothing."""

    open_account(url)
    measured = {"empty flow": empty} | {
        one.name: one for one in (article_import, order_import, payment_sync, shipping_sync, stock_export)
    }
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for turn in range(turns + 1):
        for name, one in measured.items():
            took, _ = time_flow(one, ACCOUNT)
            if turn:
                seconds[name].append(took)
            # Prefect's client sends its messages in the background.
            time.sleep(0.1)
    return {"seconds": seconds}
