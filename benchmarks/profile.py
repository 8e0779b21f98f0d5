"""CPU time of an order import by part: `python -m benchmarks.profile [sqlite|postgresql] [orders]`.

Measured per thread, so other work on the machine and waiting do not count; nested parts count separately.
"""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks import child
from benchmarks.surroundings import database, stand_in
from tests.support import prefect_server, session

REST = "Prefect, commit, lease, cursor"


class Clock(threading.local):
    """CPU seconds by part; time in a nested part counts for that part only."""

    spent: dict[str, float] = {}  # noqa: RUF012 - shared by all threads on purpose

    def __init__(self) -> None:
        self.within = [0.0]

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Count the calls of a function as a part."""
        real: Callable[..., Any] = getattr(owner, name)

        def call(*arguments: Any, **values: Any) -> Any:
            begin = time.thread_time()
            self.within.append(0.0)
            try:
                return real(*arguments, **values)
            finally:
                whole = time.thread_time() - begin
                self.spent[part] = self.spent.get(part, 0.0) + whole - self.within.pop()
                self.within[-1] += whole

        setattr(owner, name, call)


def parts() -> list[tuple[Any, str, str]]:
    """Return the functions whose time is counted, by owner and name, and the part that each belongs to."""
    import tasks.intake.orders
    from connectors.afterbuy import xml, xml_parser
    from connectors.afterbuy.orders import AfterbuyOrders
    from connectors.http.transport import Transport
    from models.intake import new_orders
    from models.intake import orders as intake_orders
    from models.intake.line_matching import Matcher

    return [
        (Transport, "handle_request", "read: HTTP"),
        (xml_parser, "parse", "read: parse XML"),
        (xml, "values_of", "read: XML to values"),
        (AfterbuyOrders, "fetch_orders", "read: validate and map"),
        (intake_orders, "lock_orders", "save: find what is known"),
        (intake_orders, "owners_of_lines", "save: find what is known"),
        (Matcher, "add", "save: match articles"),
        (intake_orders, "insert_orders", "save: insert rows"),
        (new_orders, "check_orders", "save: check orders"),
        (intake_orders, "recheck", "save: check orders"),
        (new_orders, "book_payments", "save: book payments"),
        (intake_orders, "KnownOrders", "save: follow changes"),
        (intake_orders, "apply_changes", "save: follow changes"),
        (intake_orders, "allocate_unqueued", "save: allocate stock"),
        (intake_orders, "queue_sold_listings", "save: queue updates for the channel"),
        (tasks.intake.orders, "save_orders", "save: hash, decide, count"),
    ]


def cycle(url: str, case: str, orders: int) -> dict[str, float]:
    """Run the cycle; return the CPU seconds of each part."""
    from benchmarks import order_import

    clock = Clock()
    for owner, name, part in parts():
        clock.watch(owner, name, part)
    begin = time.process_time()
    answer = order_import.cycle(url, case, orders)
    whole = time.process_time() - begin
    return {**clock.spent, REST: whole - sum(clock.spent.values()), "CPU": whole, "time": answer["seconds"]}


def main(kind: str = "sqlite", number: str = "5000") -> None:
    """Print microseconds per order and part, for new, unchanged and changed orders."""
    session.begin()
    prefect_server.prepare_environment()
    orders, cases = int(number), ("new", "unchanged", "changed")
    found: dict[str, dict[str, float]] = {}
    try:
        prefect_server.get_prefect()
        with stand_in(orders=orders, changed=True) as url, database(kind):
            child.run("benchmarks.order_import:prepare", url=f"{url}/bench")
            for case in cases:
                address = f"{url}/changed" if case == "changed" else f"{url}/bench"
                found[case] = child.run("benchmarks.profile:cycle", url=address, case=case, orders=orders)
    finally:
        session.end()
    print(f"{kind}, {orders} orders, µs for each".ljust(40), *(f"{case:>10}" for case in cases))
    for part in dict.fromkeys(part for answer in found.values() for part in answer if part != "peak_mb"):
        figures = (found[case].get(part, 0.0) / orders * 1e6 for case in cases)
        print(part.ljust(40), *(f"{figure:10.0f}" for figure in figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
