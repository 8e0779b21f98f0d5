"""`make bench`: order import as a whole cycle against a floor measured in the same run.

The floor parses and validates the same bytes and bulk-inserts one row for each order and each line,
without HTTP, Prefect, matching, allocation, addresses, history or cursors. These machines are noisy, so
the two alternate and medians and ratios are what counts.
"""

import argparse
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert
from sqlalchemy.orm import Session

from tests.support import prefect_server, session

PAGE_SIZE = 250


def main() -> int:
    """Measure, print a table, and write the figures as JSON if a file is named."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    session.begin()
    prefect_server.prepare_environment()
    os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
    logging.disable(logging.INFO)
    try:
        prefect_server.get_prefect()
        kinds = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
        with _stand_in(options.orders) as url:
            rows = [figure for kind in kinds for figure in _measure(kind, url, options.orders, options.runs)]
    finally:
        session.end()
    _print(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


@contextmanager
def _stand_in(orders: int) -> Iterator[str]:
    """Serve orders of two lines each from a process of its own; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stand_in", str(orders)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _measure(kind: str, url: str, orders: int, runs: int) -> list[dict[str, Any]]:
    pages = _read_pages(url)
    size = sum(map(len, pages)) / orders / 1000
    print(f"{kind}: {orders} orders of {size:.1f} kB in {len(pages)} pages, {runs} runs", file=sys.stderr)
    figures: dict[str, list[float]] = {"floor": [], "new": [], "unchanged": []}
    for _ in range(runs):
        with _database(kind):
            figures["floor"].append(orders / _time_floor(pages))
        with _database(kind):
            account = _open_account(url)
            _import_articles(account)
            figures["new"].append(orders / _time_cycle(account, orders, "new"))
            figures["unchanged"].append(orders / _time_cycle(account, orders, "unchanged"))
    floor = statistics.median(figures["floor"])
    return [
        {
            "database": kind,
            "figure": name,
            "orders_per_second": round(statistics.median(values)),
            "lowest": round(min(values)),
            "highest": round(max(values)),
            "ratio_to_floor": round(statistics.median(values) / floor, 2),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        for name, values in figures.items()
    ]


@contextmanager
def _database(kind: str) -> Iterator[None]:
    from models import db
    from models.settings import get_settings

    with tempfile.TemporaryDirectory() as folder:
        if kind == "sqlite":
            url = f"sqlite:///{folder}/bench.db"
        else:
            from tests.support.postgres import get_postgres

            server = get_postgres()
            name = f"bench_{time.time_ns()}"
            server.execute(f"CREATE DATABASE {name}")
            url = server.url(name)
        os.environ["WARENFLUSS_DATABASE_URL"] = url
        os.environ["WARENFLUSS_DATA_DIR"] = folder
        get_settings.cache_clear()
        db.upgrade(url)
        yield
        db.dispose()


def _credentials() -> dict[str, str]:
    from connectors.afterbuy.simulator import Switches

    switches = Switches()
    return {"partner_token": switches.partner_token, "account_token": switches.account_token}


def _open_account(url: str) -> str:
    from models.account import Mode, add_account
    from models.activation import set_mode
    from models.db import session_scope
    from models.tenant import add_tenant
    from tasks.secrets import save_secrets

    with session_scope() as session:
        tenant = add_tenant(session, "bench")
        account = add_account(
            session, tenant.id or 0, "bench", "afterbuy", {"base_url": url, "start": "2020-01-01"}
        )
        set_mode(session, account, Mode.live)
    save_secrets("bench", _credentials())
    return "bench"


def _import_articles(account: str) -> None:
    from flows.article_import import article_import

    article_import(account)


def _time_cycle(account: str, orders: int, expected: str) -> float:
    """Time one run of the flow, without the second for which a `def` flow waits at its end."""
    from datetime import UTC, datetime

    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from flows.order_import import order_import

    since = None if expected == "new" else datetime(2020, 1, 1, tzinfo=UTC)
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        begin = time.perf_counter()
        state = order_import(account, since=since, return_state=True)
        seconds = time.perf_counter() - begin
    counts: Any = state.result()
    assert counts[expected] == orders, counts
    return seconds


def _read_pages(url: str) -> list[bytes]:
    """Return the raw answers that the cycle reads, page by page."""
    credentials = _credentials()
    pages: list[bytes] = []
    last = "0"
    while True:
        body = (
            '<?xml version="1.0" encoding="utf-8"?><Request><AfterbuyGlobal>'
            f"<PartnerToken>{credentials['partner_token']}</PartnerToken>"
            f"<AccountToken>{credentials['account_token']}</AccountToken>"
            "<CallName>GetSoldItems</CallName><DetailLevel>62</DetailLevel></AfterbuyGlobal>"
            f"<MaxSoldItems>{PAGE_SIZE}</MaxSoldItems><OrderDirection>0</OrderDirection>"
            "<DataFilter><Filter><FilterName>RangeID</FilterName><FilterValues>"
            f"<ValueFrom>{last}</ValueFrom></FilterValues></Filter></DataFilter></Request>"
        )
        answer = httpx.post(url, content=body.encode(), timeout=60).content
        pages.append(answer)
        if b"<HasMoreItems>1</HasMoreItems>" not in answer.replace(b"<![CDATA[1]]>", b"1"):
            return pages
        last = answer.partition(b"<LastOrderID>")[2].partition(b"</LastOrderID>")[0].decode()


def _time_floor(pages: list[bytes]) -> float:
    from connectors.afterbuy import xml
    from connectors.afterbuy.mapping_orders import order_from_wire
    from connectors.afterbuy.settings import AfterbuySettings
    from connectors.afterbuy.wire import OrderWire
    from models.db import get_engine
    from models.order import Order, OrderLine, OrderState, PaymentState
    from models.tenant import Tenant

    settings = AfterbuySettings()
    with Session(get_engine()) as session:
        session.add(Tenant(id=1, name="floor"))
        session.flush()
        session.execute(
            insert(_account_table()),
            [{"id": 1, "tenant_id": 1, "name": "floor", "kind": "afterbuy", "settings": {}}],
        )
        session.commit()
    begin = time.perf_counter()
    for page in pages:
        elements = xml.find_all(xml.parse(page), "Result", "Orders", "Order")
        orders = [order_from_wire(OrderWire.model_validate(xml.values_of(one)), settings) for one in elements]
        with Session(get_engine()) as session:
            statement = insert(Order).returning(Order.id, sort_by_parameter_order=True)  # type: ignore[call-overload]
            ids = session.scalars(
                statement,
                [
                    {
                        "tenant_id": 1,
                        "account_id": 1,
                        "external_id": order.external_id,
                        "state": OrderState.open,
                        "payment_state": PaymentState.open,
                        "placed_at": order.placed_at,
                        "currency": order.currency,
                        "total": order.total,
                        "details": {},
                    }
                    for order in orders
                ],
            ).all()
            session.execute(
                insert(OrderLine),
                [
                    {
                        "order_id": order_id,
                        "account_id": 1,
                        "external_id": line.external_id,
                        "position": position,
                        "title": line.title,
                        "quantity": line.quantity,
                        "price": line.price,
                        "codes": {},
                        "details": {},
                    }
                    for order_id, order in zip(ids, orders, strict=True)
                    for position, line in enumerate(order.lines)
                ],
            )
            session.commit()
    return time.perf_counter() - begin


def _account_table() -> Any:
    from models.account import Account

    return Account


def _print(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    print("".join(f"{name:<20}" for name in names))
    for row in rows:
        print("".join(f"{row[name]!s:<20}" for name in names))


if __name__ == "__main__":
    sys.exit(main())
