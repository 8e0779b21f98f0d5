"""The whole life of an order with two lines: imported, allocated, released, picked, shipped, invoiced.

All in one process, as in daily work: cycles use their own tasks and pages, manual work uses the functions
behind the commands. A picker takes lists of forty orders and scans each unit separately, with one commit per
scan; no quantity is typed in. Picked orders are shipped with a carrier's file, as `warenfluss ship import`
reads it. Stock is allocated in the commit that saves an order, so these two are one step. Papers are drawn at
the end and shown separately; updates for the channel stay queued.

Two pickers at once are shown separately, too: two processes with lists of their own, all else as before.

The floor inserts the resulting rows, in their final state, into a database with the same articles: one
multi-row statement and one commit per 1,000 rows of a table. It reads nothing, checks nothing and updates no
row.
"""

import pkgutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import ACCOUNT, database, load_as_worker, open_account, stand_in, time_flow

NAME = "order-life"
ORDERS = {"small": 50, "default": 1_000, "full": 10_000}
BUDGET = 100
BATCH = 40
"""Orders on one pick list."""
PICK = "pick"
PICKERS = 2
STARTING_SECONDS = 6.0
PAPERS = "draw papers"
ROWS_AT_ONCE = 1_000


def measure(plan: Plan) -> Iterator[Row]:
    """Yield orders per second for each database: of each step, of all steps, and of all with papers."""
    for orders in plan.sizes_of(*((ORDERS[extent],) for extent in ("small", "default", "full"))):
        with stand_in(orders=orders) as url:
            for kind in plan.kinds:
                yield from _measure(plan, kind, f"{url}/bench", orders)


def _measure(plan: Plan, kind: str, url: str, orders: int) -> Iterator[Row]:
    seconds: dict[str, list[float]] = {}
    floor: list[float] = []
    together: list[float] = []
    peak, note = 0.0, ""
    for _ in range(plan.runs_at(orders)):
        with database(kind) as lived:
            child.run("benchmarks.order_life:prepare", url=url)
            answer = child.run("benchmarks.order_life:live", orders=orders)
            with database(kind):
                child.run("benchmarks.order_life:prepare", url=url)
                copied = child.run("benchmarks.order_life:copy", source=lived)
        with database(kind):
            child.run("benchmarks.order_life:prepare", url=url)
            child.run("benchmarks.order_life:live", orders=orders, until=PICK)
            together.append(_pick_together(orders))
        peak = max(peak, answer["peak_mb"])
        floor.append(orders / copied["seconds"])
        note = f"{copied['rows'] / orders:.0f} rows an order"
        for step, spent in answer["seconds"].items():
            seconds.setdefault(step, []).append(spent)
    papers = seconds.pop(PAPERS)
    bare = [sum(run) for run in zip(*seconds.values(), strict=True)]
    with_papers = [sum(run) for run in zip(bare, papers, strict=True)]
    for step, runs in {**seconds, PAPERS: papers}.items():
        yield Row(NAME, step, kind, orders, "orders/s", [orders / spent for spent in runs])
    rates = [orders / spent for spent in bare]
    row = Row(NAME, "whole life", kind, orders, "orders/s", rates, floor, peak, note=note)
    row.budget, row.reached = f"≥ {BUDGET}/s", row.value >= BUDGET
    yield row
    rates = [orders / spent for spent in with_papers]
    yield Row(NAME, "whole life with papers", kind, orders, "orders/s", rates, floor, peak)
    yield Row(NAME, "pick by two", kind, orders, "orders/s", [orders / spent for spent in together])
    by_two = [run - alone + both for run, alone, both in zip(bare, seconds[PICK], together, strict=True)]
    rates = [orders / spent for spent in by_two]
    yield Row(NAME, "whole life, picked by two", kind, orders, "orders/s", rates, floor)


def _pick_together(orders: int) -> float:
    """Return the seconds from the first picker's start to the last one's end."""
    begin_at = time.time() + STARTING_SECONDS
    answers = child.run_together("benchmarks.order_life:walk", [{"begin_at": begin_at}] * PICKERS)
    done = sum(answer["ready"] for answer in answers)
    assert done == orders, f"picked together: {done} of {orders}"
    begun = min(answer["begun"] for answer in answers)
    return float(max(answer["ended"] for answer in answers) - begun)


def prepare(url: str) -> None:
    """Add an account with automatic release and invoices, and import the articles of the orders."""
    from flows.article_import import article_import
    from models.database.session import session_scope
    from models.tenants.account import get_account
    from models.tenants.methods import map_channel_method, save_channel_methods, save_shipping_method
    from models.tenants.records import ChannelMethodData, MethodKind, PaymentKind
    from models.tenants.tenant import get_tenant

    open_account(url, release="automatic", invoices="warenfluss", invoices_from="2020-01-01")
    with session_scope() as session:
        tenant = get_tenant(session, ACCOUNT)
        tenant.seller = {
            "name": "Sonnenhof Keramik GmbH",
            "address": ["Am Ölberg 3", "04109 Leipzig"],
            "vat_id": "DE123456789",
        }
        session.add(tenant)
        tenant_id, account_id = tenant.row_id, get_account(session, ACCOUNT).row_id
        save_shipping_method(session, tenant_id, "Paket", {"carrier": "DHL"})
        for kind, code, meaning in (
            (MethodKind.payment, "TRANSFER", PaymentKind.prepayment),
            (MethodKind.shipping, "DHL Paket", "Paket"),
        ):
            service = ChannelMethodData(kind=kind, external_id=code, name=code)
            save_channel_methods(session, account_id, [service])
            map_channel_method(session, tenant_id, account_id, kind, code, meaning)
    time_flow(article_import, ACCOUNT)


def live(orders: int, until: str = "") -> dict[str, Any]:
    """Return the seconds of each step up to `until`. Raises: AssertionError, if a step misses an order."""
    steps = takewhile(lambda step: step[0] != until, steps_of(orders).items())
    return {"seconds": {name: take() for name, take in steps}}


def walk(begin_at: float) -> dict[str, float]:
    """Pick until no order waits, beside others; return start, end, and the number of picked orders."""
    load_as_worker()
    time.sleep(max(0.0, begin_at - time.time()))
    begun = time.time()
    return {"ready": _pick(), "begun": begun, "ended": time.time()}


def steps_of(orders: int) -> dict[str, Callable[[], float]]:
    """Return the steps in order: each is a function that processes the orders and returns its seconds.

    A step raises AssertionError, if it did not reach every order.
    """
    from prefect import flow

    load_as_worker()

    from flows.order_import import order_import
    from flows.order_release import order_release
    from models.sync.records import Cycle
    from tasks.invoicing import draw_page, issue_page, open_invoicing
    from tasks.run.paging import each_page
    from tasks.run.work import work_on
    from tasks.sheets.tracking import import_tracking  # noqa: F401 - the import is not measured

    # The two parts of the cycle `invoicing`.
    @flow(name="issue", persist_result=False)
    def issue() -> dict[str, int]:
        with work_on(ACCOUNT, Cycle.invoicing, test=False) as work:
            first = open_invoicing(work.run_id)
            each_page(work, lambda page: issue_page(work.run_id, page or "0"), first)
        return work.counts.model_dump()

    @flow(name="draw", persist_result=False)
    def draw() -> dict[str, int]:
        with work_on(ACCOUNT, Cycle.invoicing, test=False) as work:
            each_page(work, lambda page: draw_page(work.run_id, page))
        return {"drawn": _count_files()}

    steps: dict[str, Callable[[], tuple[float, int]]] = {
        "import and allocate": lambda: _time_cycle("new", order_import, ACCOUNT),
        "release": lambda: _time_cycle("released", order_release, ACCOUNT),
        PICK: lambda: _time(_pick),
        "ship": lambda: _time(_ship),
        "invoice": lambda: _time_cycle("issued", issue),
        PAPERS: lambda: _time_cycle("drawn", draw),
    }

    def take(name: str) -> float:
        seconds, done = steps[name]()
        assert done == orders, f"{name}: {done} of {orders}"
        return seconds

    return {name: partial(take, name) for name in steps}


def _time_cycle(count: str, cycle: Any, *arguments: Any) -> tuple[float, int]:
    seconds, counts = time_flow(cycle, *arguments)
    return seconds, counts[count]


def _time(work: Callable[[], int]) -> tuple[float, int]:
    begin = time.perf_counter()
    done = work()
    return time.perf_counter() - begin, done


def _pick() -> int:
    """Scan lists of the next orders until none waits; return how many orders are completely picked."""
    from models.database.session import in_transaction, read_scope
    from models.errors import RuleError
    from models.tenants.tenant import get_tenant
    from models.warehouse.pick_lists import PickMode
    from models.warehouse.pick_sheets import read_sheet
    from models.warehouse.picking import close_list, start_next_list
    from models.warehouse.scanning import scan

    with read_scope() as session:
        tenant_id = get_tenant(session, ACCOUNT).row_id
    ready = 0
    while True:
        try:
            list_id = in_transaction(
                lambda session: start_next_list(session, tenant_id, PickMode.batch, BATCH).row_id
            )
        except RuleError:
            return ready
        with read_scope() as session:
            stops = read_sheet(session, list_id).stops
        for code in [stop.sku for stop in stops for _ in range(stop.quantity)]:
            in_transaction(partial(scan, list_id=list_id, code=code))
        ready += len(in_transaction(partial(close_list, list_id=list_id)).ready)


def _ship() -> int:
    """Import a carrier's file with one parcel for each picked order; return how many there were."""
    from tempfile import TemporaryDirectory

    from sqlmodel import col, select

    from models.database.session import read_scope
    from models.intake.sheet_results import SheetOutcome
    from models.orders.order import Order, OrderState
    from tasks.sheets.tracking import import_tracking

    with read_scope() as session:
        query = select(Order.external_id).where(Order.state == OrderState.released).order_by(col(Order.id))
        numbers = session.exec(query).all()
    with TemporaryDirectory() as folder:
        file = Path(folder, "parcels.csv")
        rows = "".join(f"{number};0034{number};DHL\n" for number in numbers)
        file.write_text(f"order;tracking_number;carrier\n{rows}")
        report = import_tracking(file, ACCOUNT, dry_run=False)
    return sum(row.outcome is SheetOutcome.new for row in report.rows)


def _count_files() -> int:
    from sqlmodel import func, select

    from models.accounting.issued import DocumentFile
    from models.database.session import read_scope

    with read_scope() as session:
        return session.exec(select(func.count()).select_from(DocumentFile)).one()


def copy(source: str) -> dict[str, float]:
    """Insert the rows of a database that this one lacks; return the seconds of writing, and their number."""
    from sqlalchemy import create_engine, insert, select
    from sqlmodel import Session, SQLModel

    import models
    from models.database.engine import get_engine

    for module in pkgutil.walk_packages(models.__path__, "models."):
        if not module.name.startswith("models.migrations"):
            import_module(module.name)
    count, seconds = 0, 0.0
    lived = create_engine(source)
    with lived.connect() as reader, Session(get_engine()) as session:
        for table in SQLModel.metadata.sorted_tables:
            if table.name == "document_file":
                continue
            key = select(*table.primary_key.columns)
            there = set(session.execute(key).tuples())
            rows = [
                dict(row._mapping)
                for row in reader.execute(select(table))
                if tuple(row._mapping[column] for column in table.primary_key.columns) not in there
            ]
            begin = time.perf_counter()
            for first in range(0, len(rows), ROWS_AT_ONCE):
                session.execute(insert(table), rows[first : first + ROWS_AT_ONCE])
                session.commit()
            seconds += time.perf_counter() - begin
            count += len(rows)
    lived.dispose()
    return {"seconds": seconds, "rows": count}
