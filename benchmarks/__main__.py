"""`make bench`: measure the chosen figures, print one table, and write the same as JSON.

Each value is the median of several runs, next to a floor measured alternately with it in the same run: the
machines are noisy, so only the ratios can be compared.
"""

import argparse
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

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
    stock_export,
    table,
    upgrade,
)
from benchmarks.figure import KINDS, Figure, MissingError, Plan, Row
from tests.support import prefect_server, session

_ALL: tuple[Figure, ...] = (
    order_import,
    order_life,
    article_import,
    stock_export,
    idle_cycle,
    hot_article,
    flow_start,
    upgrade,
    papers,
    dlt_load,
    obvious_way,
)
FIGURES = {figure.NAME: figure for figure in _ALL}


def main() -> int:
    """Measure and report; return the exit code, 1 if a figure could not be measured."""
    options = read_options(sys.argv[1:])
    plan = Plan(
        extent="small" if options.small else "full" if options.full else "default",
        kinds=KINDS if options.database == "both" else (options.database,),
        runs=1 if options.small and options.runs is None else options.runs or 3,
        sizes=options.size,
    )
    session.begin()
    prefect_server.prepare_environment()
    # Child processes print nothing; their logs go to Prefect as usual.
    os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
    rows: list[Row] = []
    failed = False
    try:
        prefect_server.get_prefect()
        for name in options.only or FIGURES:
            failed |= not measure(name, plan, rows)
    finally:
        session.end()
    if rows:
        print(f"\n{table.render(rows)}")
        table.write_json(options.json, rows, describe_machine(plan))
        print(f"\nThe same as JSON: {options.json}")
    return int(failed)


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--small", action="store_true", help="tiny sizes, one run: does it work at all?")
    extent.add_argument("--full", action="store_true", help="all sizes and cases; takes hours")
    parser.add_argument("--only", nargs="+", choices=FIGURES, metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--database", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--runs", type=int, help="of each measurement, by default 3")
    parser.add_argument("--size", type=int, nargs="+", default=(), help="instead of the figure's own sizes")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="default: %(default)s")
    return parser.parse_args(arguments)


def measure(name: str, plan: Plan, rows: list[Row]) -> bool:
    """Append a figure's rows as they are measured; return whether that worked, or was left out."""
    begin = time.monotonic()
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        for row in FIGURES[name].measure(plan):
            rows.append(row)
            print(f"  {' '.join(cell for cell in table.cells_of(row) if cell)}", file=sys.stderr, flush=True)
    except MissingError as reason:
        print(f"  left out: {reason}", file=sys.stderr)
    except RuntimeError as error:
        print(f"  {error}", file=sys.stderr)
        return False
    print(f"  took {time.monotonic() - begin:.0f} s", file=sys.stderr)
    return True


def describe_machine(plan: Plan) -> dict[str, str]:
    """Return facts about the machine and the measurement."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "extent": plan.extent,
        "cores": str(os.cpu_count()),
        "load_at_end": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
