"""The cost of each step of an order's life: `python -m benchmarks.life_profile [sqlite|postgresql] [orders]`.

Statements, round trips to the database (statements, BEGIN, COMMIT, ROLLBACK), processor time of this process,
and time. A statement executed for many rows at once counts as one.
"""

import sys
import time
from typing import Any

from benchmarks import child
from benchmarks.surroundings import database, stand_in
from tests.support import prefect_server, session

COLUMNS = ("statements", "ways", "CPU ms", "ms")


def count(orders: int) -> dict[str, list[float]]:
    """Return the columns' values for each step, per order."""
    from sqlalchemy import Engine, event

    from benchmarks.order_life import steps_of

    statements = ways = 0

    def note_statement(*_: Any) -> None:
        nonlocal statements, ways
        statements += 1
        ways += 1

    def note_way(*_: Any) -> None:
        nonlocal ways
        ways += 1

    event.listen(Engine, "before_cursor_execute", note_statement)
    for name in ("begin", "commit", "rollback"):
        event.listen(Engine, name, note_way)
    found = {}
    for step, take in steps_of(orders).items():
        before = statements, ways, time.process_time() * 1000, time.perf_counter() * 1000
        take()
        after = statements, ways, time.process_time() * 1000, time.perf_counter() * 1000
        found[step] = [(end - begin) / orders for begin, end in zip(before, after, strict=True)]
    return found


def main(kind: str = "postgresql", number: str = "500") -> None:
    """Print the table; its sums exclude the papers."""
    from benchmarks.order_life import PAPERS

    session.begin()
    prefect_server.prepare_environment()
    orders = int(number)
    try:
        prefect_server.get_prefect()
        with stand_in(orders=orders) as url, database(kind):
            child.run("benchmarks.order_life:prepare", url=f"{url}/bench")
            found = child.run("benchmarks.life_profile:count", orders=orders)
    finally:
        session.end()
    del found["peak_mb"]
    bare = [figures for step, figures in found.items() if step != PAPERS]
    found["all but papers"] = [sum(each) for each in zip(*bare, strict=True)]
    print(f"{kind}, {orders} orders, for each".ljust(32), *(f"{column:>10}" for column in COLUMNS))
    for step, figures in found.items():
        print(step.ljust(32), *(f"{figure:10.2f}" for figure in figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
