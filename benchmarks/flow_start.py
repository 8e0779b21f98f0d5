"""The start of a flow run: a process with its imports, and Prefect's overhead for an empty flow."""

import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks import child
from benchmarks.figure import Plan, Row

NAME = "flow-start"
TURNS = {"small": 1, "default": 5, "full": 15}

PROCESSES = {
    "process: Python": "pass",
    "process: and Prefect": "import prefect.flows, prefect.tasks",
    "process: and all five cycles": (
        "import flows.article_import, flows.order_import, flows.payment_sync, flows.shipping_sync, "
        "flows.stock_export"
    ),
}
FLOOR = "process: and Prefect"


def measure(plan: Plan) -> Iterator[Row]:
    """Yield the seconds of each kind of process and of each kind of empty flow; no database is involved."""
    turns = TURNS[plan.extent]
    seconds: dict[str, list[float]] = {name: [] for name in PROCESSES}
    for _ in range(turns):
        for name, code in PROCESSES.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            seconds[name].append(time.perf_counter() - begin)
    for name, values in seconds.items():
        yield Row(NAME, name, "", 0, "s", values, seconds[FLOOR])
    answer = child.run("benchmarks.flow_start:empty_flows", turns=turns)
    for name, values in answer["seconds"].items():
        yield Row(NAME, f"empty flow: {name}", "", 0, "s", values, peak_mb=answer["peak_mb"])


def empty_flows(turns: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of empty flows in a process that has already run one."""
    import asyncio

    from prefect import flow
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    @flow
    def plain() -> None:
        """Do nothing."""

    @flow
    async def concurrent() -> None:
        """Do nothing."""

    async def timed() -> float:
        begin = time.perf_counter()
        await concurrent()
        return time.perf_counter() - begin

    async def several() -> list[float]:
        return [await timed() for _ in range(turns + 1)]

    seconds: dict[str, list[float]] = {}
    for name, frequency in (("def", None), ("def with a heartbeat", 30)):
        values = []
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: frequency}):
            for _ in range(turns + 1):
                begin = time.perf_counter()
                plain()
                values.append(time.perf_counter() - begin)
        seconds[name] = values[1:]
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        seconds["async def"] = asyncio.run(several())[1:]
    return {"seconds": seconds}
