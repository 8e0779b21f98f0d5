"""For comparison: the same orders loaded by dlt into the same kind of database, merged by order number.

dlt (https://dlthub.com, Apache-2.0) only loads: it matches and allocates nothing and applies no changes. Both
sides read and map the same pages; they differ in how rows get into the database.
"""

import json
import os
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from benchmarks import child
from benchmarks.figure import MissingError, Plan, Row
from benchmarks.surroundings import database, stand_in
from models.orders.records import OrderData

NAME = "dlt"
SIZES = {"small": (60,), "default": (10_000,), "full": (10_000,)}


def measure(plan: Plan) -> Iterator[Row]:
    """Yield orders per second, for a first load and for merging the same orders again.

    Raises: MissingError, if dlt is not installed.
    """
    if find_spec("dlt") is None:
        raise MissingError("the package dlt is not installed; `make bench` installs it")
    for size in plan.sizes_of(SIZES["small"], SIZES["default"], SIZES["full"]):
        with stand_in(orders=size) as url:
            for kind in plan.kinds:
                floor: list[float] = []
                rates: dict[str, list[float]] = {"new": [], "unchanged": []}
                peak = 0.0
                for _ in range(plan.runs_at(size)):
                    with database(kind):
                        answer = child.run("benchmarks.floor:orders", url=f"{url}/bench")
                        floor.append(size / answer["seconds"])
                    with database(kind) as address:
                        for values in rates.values():
                            answer = child.run(
                                "benchmarks.dlt_load:load", url=f"{url}/bench", address=address, orders=size
                            )
                            values.append(size / answer["seconds"])
                            peak = max(peak, answer["peak_mb"])
                for case, values in rates.items():
                    yield Row(NAME, case, kind, size, "orders/s", values, floor, peak)


def _row(record: OrderData) -> dict[str, Any]:
    """Return an order for dlt; fields with different keys in each order become text instead of columns."""
    row = record.model_dump()
    for name in ("meta", "payment_details"):
        row[name] = json.dumps(row[name], default=str)
    for line in row["lines"]:
        line["attributes"] = json.dumps(line["attributes"])
    return row


def load(url: str, address: str, orders: int) -> dict[str, float]:
    """Return the seconds of one pipeline run that reads, normalises and merges all orders."""
    os.environ["DLT_DATA_DIR"] = os.environ["WARENFLUSS_DATA_DIR"]
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

    import dlt
    from sqlalchemy import create_engine, text

    from benchmarks.floor import read_orders
    from benchmarks.stand_in import read_pages

    def pages() -> Iterator[list[dict[str, Any]]]:
        for page in read_pages(url, "GetSoldItems"):
            yield [_row(record) for record in read_orders(page)]

    engine = create_engine(address)
    if engine.dialect.name == "postgresql":
        # dlt requires a host and a password; libpq accepts a socket's folder as host and this server any
        # password.
        socket = quote(str(engine.url.query["host"]), safe="")
        destination: Any = dlt.destinations.postgres(
            f"postgresql://postgres:any@{socket}/{engine.url.database}"
        )
    else:
        destination = dlt.destinations.sqlalchemy(engine)
    pipeline = dlt.pipeline(
        "orders",
        pipelines_dir=os.environ["WARENFLUSS_DATA_DIR"],
        destination=destination,
        # On SQLite another schema would be a separate file.
        dataset_name="main" if engine.dialect.name == "sqlite" else "dlt",
    )
    begin = time.perf_counter()
    pipeline.run(pages(), table_name="orders", primary_key="external_id", write_disposition="merge")
    seconds = time.perf_counter() - begin
    with engine.connect() as connection:
        schema = "main" if engine.dialect.name == "sqlite" else "dlt"
        found = connection.execute(text(f"SELECT count(*) FROM {schema}.orders")).scalar()
        assert found == orders, found
    return {"seconds": seconds}
