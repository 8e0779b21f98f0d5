"""Stock export: 1,000 changes among many listings whose stock is already published."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from sqlalchemy import Integer, String, cast, column

from benchmarks import child
from benchmarks.figure import Plan, Row
from benchmarks.surroundings import ACCOUNT, database, generate, open_account, settle, stand_in, time_flow

NAME = "stock-export"
SIZES = {"small": (1_000, 2_000), "default": (10_000, 1_000_000), "full": (10_000, 100_000, 1_000_000)}
BUDGET = 1.2
CHANGES = 1_000


def measure(plan: Plan) -> Iterator[Row]:
    """Yield the export and the queueing of changes for each size, then the largest size against the smallest.

    The sizes are measured alternately, so that noise on the machine affects all of them.
    """
    sizes = plan.sizes_of(SIZES["small"], SIZES["default"], SIZES["full"])
    changes = min(CHANGES, sizes[0] // 2)
    with stand_in() as url:
        for kind in plan.kinds:
            yield from _measure(plan, kind, f"{url}/idle", sizes, changes)


def _measure(plan: Plan, kind: str, url: str, sizes: Sequence[int], changes: int) -> Iterator[Row]:
    with ExitStack() as stack:
        addresses = {}
        for size in sizes:
            addresses[size] = stack.enter_context(database(kind))
            child.run("benchmarks.stock_export:fill", url=url, listings=size)
        exports: dict[int, list[float]] = {size: [] for size in sizes}
        notings: dict[int, list[float]] = {size: [] for size in sizes}
        floors: dict[int, list[float]] = {size: [] for size in sizes}
        peaks = dict.fromkeys(sizes, 0.0)
        for number in range(1 if plan.extent == "small" else plan.runs + 2):
            for size in sizes:
                answer = child.run(
                    "benchmarks.stock_export:cycle",
                    database_url=addresses[size],
                    listings=size,
                    changes=changes,
                    quantity=100 + number,
                )
                exports[size].append(answer["export"])
                notings[size].append(answer["noting"])
                floors[size].append(answer["floor"])
                peaks[size] = max(peaks[size], answer["peak_mb"])
    rows = []
    for size in sizes:
        case = f"{changes:,} changes"
        rows.append(Row(NAME, case, kind, size, "s", exports[size], floors[size], peaks[size]))
        yield rows[-1]
        yield Row(NAME, f"noting {case}", kind, size, "s", notings[size])
    times = rows[-1].value / rows[0].value
    yield Row(
        NAME,
        f"time among {sizes[-1]:,} by {sizes[0]:,}",
        kind,
        sizes[-1],
        "times",
        [times],
        budget="within 20 %",
        reached=times <= BUDGET,
    )


def fill(url: str, listings: int) -> None:
    """Add the account and articles with stock, each listed and published; the database creates the rows."""
    from models.catalog.article import Article
    from models.catalog.listing import Listing
    from models.clock import utc_now
    from models.database.session import session_scope
    from models.sync.outbound import Outbound, OutboundState
    from models.sync.records import OutboundKind
    from models.tenants.account import get_account
    from models.warehouse.levels import MovementReason, StockLevel, StockMovement
    from models.warehouse.warehouses import main_warehouse

    open_account(url)
    with session_scope() as session:
        account = get_account(session, ACCOUNT)
        warehouse_id = main_warehouse(session, account.tenant_id).row_id
        connection = session.connection()
        number = column("number", Integer)
        name = cast(number, String)
        now = utc_now()
        generate(
            connection, Article, listings, id=number, tenant_id=account.tenant_id, sku=name, changed_at=now
        )
        generate(
            connection,
            Listing,
            listings,
            id=number,
            account_id=account.id,
            external_id=name,
            article_id=number,
            title=name,
            content_hash="0" * 64,
            channel_quantity=10,
            published_quantity=10,
            published_at=now,
            seen_at=now,
        )
        generate(
            connection,
            StockLevel,
            listings,
            id=number,
            warehouse_id=warehouse_id,
            article_id=number,
            on_hand=10,
        )
        generate(
            connection,
            StockMovement,
            listings,
            id=number,
            level_id=number,
            quantity=10,
            reason=MovementReason.opening,
            at=now,
        )
        generate(
            connection,
            Outbound,
            listings,
            id=number,
            account_id=account.id,
            kind=OutboundKind.stock,
            key=name,
            state=OutboundState.sent,
            changed_at=now,
            next_try_at=now,
            sent_at=now,
            sent_values={"external_id": "71000001", "quantity": "10", "version": 1},
        )
    settle()


def cycle(database_url: str, listings: int, changes: int, quantity: int) -> dict[str, float]:
    """Return the seconds of queueing evenly spread changes, of the flow, and of its floor."""
    import os

    from models.settings import get_settings

    os.environ["WARENFLUSS_DATABASE_URL"] = database_url
    get_settings.cache_clear()

    from flows.stock_export import stock_export
    from models.database.session import session_scope
    from models.tenants.account import get_account
    from models.warehouse.ledger import set_on_hand
    from models.warehouse.warehouses import main_warehouse

    step = listings // changes
    ids = list(range(1, changes * step, step))[:changes]
    floor = _time_floor(ids, quantity)
    begin = time.perf_counter()
    with session_scope() as session:
        warehouse = main_warehouse(session, get_account(session, ACCOUNT).tenant_id)
        set_on_hand(session, warehouse.row_id, dict.fromkeys(ids, quantity))
    noting = time.perf_counter() - begin
    export, counts = time_flow(stock_export, ACCOUNT)
    assert counts["sent"] == changes, counts
    return {"export": export, "noting": noting, "floor": floor}


def _time_floor(ids: list[int], quantity: int) -> float:
    """Return the seconds for building the same requests and updating the same rows, and nothing else."""
    from sqlalchemy import bindparam, update

    from connectors.afterbuy import xml
    from connectors.afterbuy.mapping_updates import stock_to_wire
    from connectors.afterbuy.settings import AfterbuySettings
    from connectors.protocols.stock import StockItem
    from models.catalog.listing import Listing
    from models.clock import utc_now
    from models.database.bulk import table_of
    from models.database.engine import get_engine
    from models.sync.outbound import Outbound

    settings = AfterbuySettings()
    begin = time.perf_counter()
    for start in range(0, len(ids), 250):
        batch = ids[start : start + 250]
        items = [StockItem(str(one), str(one), quantity) for one in batch]
        xml.build("Request", [("Products", [("Product", stock_to_wire(item, settings)) for item in items])])
        with get_engine().begin() as connection:
            for table, values in (
                (table_of(Listing), {"published_at": utc_now()}),
                (table_of(Outbound), {"sent_at": utc_now()}),
            ):
                connection.execute(
                    update(table).where(table.c.id == bindparam("row")).values(**values),
                    [{"row": one} for one in batch],
                )
    return time.perf_counter() - begin
