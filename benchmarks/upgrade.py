"""An upgrade from the first revision to the newest with a million orders, while others use the database.

Two processes work like cycles, in short transactions: one saves pages of orders, with run, lease and outbound
rows; the other reads. They use only the tables of the first revision, like workers that still run the
previous release.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Integer, MetaData, String, Table, cast, column, func, insert, select

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import ACCOUNT, database, generate, settle

NAME = "upgrade"
FIRST = "0001"
ORDERS = {"small": (300,), "default": (1_000_000,), "full": (100_000, 1_000_000)}
QUIET_SECONDS = {"small": 1.0, "default": 10.0, "full": 10.0}
"""How long both processes are watched before and after the upgrade."""
BUDGET_SECONDS = 5.0
ORDERS_OF_AN_ARTICLE = 10
PAGE = 25
PAUSE_SECONDS = 0.01
COPIED = ("sales_order", "order_line", "order_event", "run", "lease", "outbound")


def measure(plan: Plan) -> Iterator[Row]:
    """Yield for each database the duration of the upgrade, and the longest wait of writer and reader.

    The floor is the longest wait before the upgrade began.
    """
    for orders in plan.sizes_of(ORDERS["small"], ORDERS["default"], ORDERS["full"]):
        for kind in plan.kinds:
            seconds: list[float] = []
            waits: dict[str, list[float]] = {"write": [], "read": []}
            floors: dict[str, list[float]] = {"write": [], "read": []}
            for _ in range(plan.runs_at(orders)):
                with database(kind, FIRST) as url, TemporaryDirectory(prefix="warenfluss-bench-") as folder:
                    child.run("benchmarks.upgrade:fill", orders=orders)
                    parts = [
                        {"part": part, "url": url, "folder": folder, "quiet": QUIET_SECONDS[plan.extent]}
                        for part in ("upgrade", *waits)
                    ]
                    upgrade, *others = child.run_together("benchmarks.upgrade:take_part", parts)
                    seconds.append(upgrade["end"] - upgrade["begin"])
                    for part, other in zip(waits, others, strict=True):
                        before = [took for begin, took in other["done"] if begin + took < upgrade["begin"]]
                        meanwhile = [
                            took
                            for begin, took in other["done"]
                            if begin < upgrade["end"] and begin + took > upgrade["begin"]
                        ]
                        floors[part].append(max(before))
                        waits[part].append(max(meanwhile))
                    child.run("benchmarks.upgrade:check", orders=orders, written=len(others[0]["done"]))
            yield Row(NAME, "whole upgrade", kind, orders, "s", seconds)
            for part in waits:
                row = Row(NAME, f"longest {part}", kind, orders, "s", waits[part], floors[part])
                row.budget, row.reached = f"at most {BUDGET_SECONDS:.0f} s", row.value <= BUDGET_SECONDS
                yield row


def fill(orders: int) -> None:
    """Let the database create orders of two lines with related rows, nearly all of them finished."""
    from datetime import timedelta
    from decimal import Decimal

    from models.catalog.article import Article
    from models.catalog.listing import Listing
    from models.clock import utc_now
    from models.database.engine import get_engine
    from models.orders.history import OrderEvent
    from models.orders.holds import Hold, HoldReason
    from models.orders.order import (
        AddressRole,
        LinePart,
        Order,
        OrderAddress,
        OrderLine,
        OrderState,
        PaymentState,
    )
    from models.payments.payment import Payment
    from models.sync.outbound import Outbound, OutboundState
    from models.sync.records import Cycle, OutboundKind
    from models.sync.runs import Lease, Run, RunState
    from models.tenants.account import Account
    from models.tenants.records import Mode, Side
    from models.tenants.tenant import Tenant

    now = utc_now()
    number = column("number", Integer)
    name = cast(number, String)
    articles = orders // ORDERS_OF_AN_ARTICLE
    order_of_line = (number + 1) // 2
    article = number % articles + 1
    with get_engine().begin() as connection:
        generate(connection, Tenant, 1, id=number, name=ACCOUNT)
        account: dict[str, Any] = {"name": ACCOUNT, "kind": "afterbuy", "mode": Mode.live}
        generate(connection, Account, 1, id=number, tenant_id=1, **account)
        generate(connection, Article, articles, id=number, tenant_id=1, sku=name, changed_at=now)
        generate(connection, Listing, articles, id=number, account_id=1, external_id=name, article_id=number)
        generate(
            connection,
            Order,
            orders,
            id=number,
            tenant_id=1,
            account_id=1,
            external_id=name,
            channel_number=name,
            state=OrderState.shipped,
            payment_state=PaymentState.paid,
            placed_at=now - timedelta(days=30),
            currency="EUR",
            total=Decimal("25.80"),
            content_hash="0" * 64,
            details={"invoice_number": "RE-2026-0815", "tags": ["Weihnachten"]},
        )
        generate(
            connection,
            OrderAddress,
            orders,
            order_id=number,
            role=AddressRole.billing,
            last_name="Muster",
            street="Musterweg 1",
            postcode="12345",
            city="Musterstadt",
            country="DE",
        )
        generate(
            connection,
            OrderLine,
            2 * orders,
            id=number,
            order_id=order_of_line,
            account_id=1,
            external_id=name,
            position=number % 2,
            title="Becher aus Steingut, 300 ml",
            quantity=1,
            shipped=1,
            price=Decimal("12.90"),
            article_id=article,
            codes={"sku": "BECHER-300"},
        )
        generate(connection, LinePart, 2 * orders, order_line_id=number, article_id=article, quantity=1)
        generate(connection, OrderEvent, 2 * orders, id=number, order_id=order_of_line, kind="imported")
        paid: dict[str, Any] = {"told_by": Side.channel, "amount": Decimal("25.80"), "currency": "EUR"}
        generate(connection, Payment, orders, id=number, order_id=number, paid_at=now, **paid)
        held: dict[str, Any] = {"reason": HoldReason.stock_short, "released_at": now}
        generate(connection, Hold, orders // 10, id=number, order_id=number, **held)
        told: dict[str, Any] = {
            "state": OutboundState.sent,
            "sent_at": now,
            "sent_values": {"total": "25.80"},
        }
        generate(
            connection, Outbound, orders, id=number, account_id=1, kind=OutboundKind.payment, key=name, **told
        )
        run: dict[str, Any] = {"cycle": Cycle.order_import, "state": RunState.completed}
        generate(connection, Run, max(1, orders // 10), id=number, account_id=1, finished_at=now, **run)
        generate(connection, Lease, 1, account_id=1, cycle=Cycle.order_import, run_id=1, expires_at=now)
    settle()


def take_part(part: str, url: str, folder: str, quiet: float) -> dict[str, Any]:
    """Upgrade and return when it began and ended; or write or read until then and return the transactions.

    In `folder` each process reports its progress. A transaction is (time of its start, seconds).
    """
    if part == "upgrade":
        return _upgrade(url, Path(folder), quiet)
    return {"done": _go_on(part, Path(folder))}


def _upgrade(url: str, folder: Path, quiet: float) -> dict[str, float]:
    from models.database import schema

    while not (folder / "write").exists() or not (folder / "read").exists():
        time.sleep(0.05)
    time.sleep(quiet)
    begin = time.time()
    try:
        schema.upgrade(url)
        end = time.time()
        time.sleep(quiet)
    finally:
        (folder / "done").touch()
    return {"begin": begin, "end": end}


def _go_on(part: str, folder: Path) -> list[tuple[float, float]]:
    from models.database.engine import get_engine

    engine = get_engine()
    tables = MetaData()
    with engine.connect().execution_options(reads_only=True) as connection:
        tables.reflect(connection, only=COPIED)
        samples = {
            table.name: dict(connection.execute(select(table).limit(1)).mappings().one())
            for table in tables.sorted_tables
            if table.name in COPIED
        }
    done: list[tuple[float, float]] = []
    while not (folder / "done").exists():
        begin, clock = time.time(), time.perf_counter()
        if part == "write":
            with engine.begin() as connection:
                _save_page(connection, tables.tables, samples, len(done))
        else:
            with engine.connect().execution_options(reads_only=True) as connection:
                _read(connection, tables.tables)
        done.append((begin, time.perf_counter() - clock))
        (folder / part).touch()
        time.sleep(PAUSE_SECONDS)
    return done


def _save_page(connection: Connection, tables: Any, samples: Any, page: int) -> None:
    """Save some orders like the existing ones, with their run, and queue an update of an older one."""
    numbers = range(page * PAGE, (page + 1) * PAGE)
    run_id = _insert_like(connection, tables["run"], samples["run"], [{}])[0]
    lease, outbound = tables["lease"], tables["outbound"]
    connection.execute(lease.update().values(run_id=run_id))
    orders = [{"external_id": f"N-{number}"} for number in numbers]
    ids = _insert_like(connection, tables["sales_order"], samples["sales_order"], orders)
    lines = [{"order_id": one, "external_id": f"{one}-{part}"} for one in ids for part in range(2)]
    _insert_like(connection, tables["order_line"], samples["order_line"], lines)
    events = [{"order_id": one} for one in ids]
    _insert_like(connection, tables["order_event"], samples["order_event"], events)
    keys = [{"kind": "shipment", "key": f"N-{number}"} for number in numbers]
    _insert_like(connection, outbound, samples["outbound"], keys)
    connection.execute(outbound.update().where(outbound.c.id == 1).values(version=outbound.c.version + 1))


def _insert_like(
    connection: Connection, table: Table, sample: dict[str, Any], rows: Sequence[dict[str, Any]]
) -> list[int]:
    values = [{name: each for name, each in sample.items() if name != "id"} | row for row in rows]
    return list(connection.execute(insert(table).returning(table.c.id), values).scalars())


def _read(connection: Connection, tables: Any) -> None:
    """Query what a cycle queries: the newest orders with lines, due rows, the last run."""
    order, line, outbound, run = (tables[name] for name in ("sales_order", "order_line", "outbound", "run"))
    ids = list(
        connection.execute(
            select(order.c.id).where(order.c.state == "shipped").order_by(order.c.placed_at.desc()).limit(20)
        ).scalars()
    )
    connection.execute(select(order).where(order.c.id.in_(ids))).all()
    connection.execute(select(line).where(line.c.order_id.in_(ids))).all()
    connection.execute(
        select(outbound).where(
            outbound.c.account_id == 1, outbound.c.kind == "stock", outbound.c.state == "pending"
        )
    ).all()
    connection.execute(select(func.max(run.c.id))).one()


def check(orders: int, written: int) -> None:
    """Raises: AssertionError, unless the schema is the newest and every order is there."""
    from models.database.schema import Schema, find_schema
    from models.database.session import read_scope
    from models.orders.order import Order

    assert find_schema() is Schema.current
    with read_scope() as session:
        there = session.execute(select(func.count()).select_from(Order)).scalar_one()
    assert there == orders + written * PAGE, (there, orders, written)
