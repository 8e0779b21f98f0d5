"""The frame of every run: one at a time, seen by people, and silent about buyers."""

import json
import threading
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.logging.handlers import APILogHandler
from sqlalchemy import text
from sqlmodel import select

import tasks.intake.orders
import tasks.run.work
from connectors.afterbuy.simulator import Fault
from models.database.engine import get_engine
from models.database.session import read_scope, session_scope
from models.intake.orders import save_orders
from models.mails.outbox import Mail
from models.orders.match_rules import read_rules
from models.sync.records import Cycle
from models.sync.runs import RunState, begin_run
from models.tenants.account import get_account
from tasks.run.artifacts import publish_overview
from tests.flows.conftest import Shop
from tests.support.steps import (
    FLOWS,
    add_mug,
    artifacts,
    attempt,
    cursor,
    expire_lease,
    last_run,
    numbers_here,
    numbers_there,
    place_named_order,
    sync,
    wait_for,
)

NAME = "Wunderlichkeit"
"""A buyer's name that occurs nowhere else."""


def _everything_in_prefect(flow_run_id: str) -> str:
    """Return all that Prefect keeps of a run and its tasks: names, parameters, states, logs, artifacts."""
    APILogHandler().flush()
    run_id = UUID(flow_run_id)
    with get_client(sync_client=True) as client:
        seen: list[Any] = [client.read_flow_run(run_id)]
        seen += client.read_flow_run_states(run_id)
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        logs = client.read_logs(log_filter=wanted)
        seen += logs
        for path in ("/task_runs/filter", "/artifacts/filter"):
            body = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
            seen.append(client.request("POST", path, json=body).text)
    assert logs
    return "\n".join(one if isinstance(one, str) else one.model_dump_json() for one in seen)


@pytest.mark.parametrize("cycle", list(FLOWS))
def test_a_second_run_does_nothing(shop: Shop, cycle: Cycle) -> None:
    """While a run holds the lease another ends as cancelled, asks the channel nothing and notes no run."""
    with session_scope() as session:
        account_id = get_account(session, shop.name).row_id
        first = begin_run(session, account_id, cycle)

    state = attempt(cycle, shop)

    assert state.is_cancelled()
    assert str(first.id) in (state.message or "")
    assert shop.simulator.requests == []
    assert last_run(shop, cycle).id == first.id
    expire_lease(shop)
    assert attempt(cycle, shop).is_completed()


def test_two_at_the_same_moment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs that begin at once one works and the other steps aside; each order exists once."""
    mug = add_mug(shop, 10)
    for _ in range(3):
        shop.channel.place_order([mug])
    shop.simulator.faults.add(Fault.slow(3), "GetAfterbuyTime")
    ends: list[str] = []
    together = threading.Barrier(2)
    load = read_rules

    def wait(rules: Any) -> Any:
        together.wait(60)
        return load(rules)

    monkeypatch.setattr(tasks.run.work, "read_rules", wait)

    def run() -> None:
        ends.append(str(attempt(Cycle.order_import, shop).type.value))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ends) == ["CANCELLED", "COMPLETED"]
    assert numbers_here(shop) == numbers_there(shop)


def test_a_run_that_lost_its_lease_saves_nothing_more(shop: Shop) -> None:
    """A run believed dead that still works cannot mix with its successor: its next page is refused."""
    shop.configure(page_size=2)
    mug = add_mug(shop, 10)
    for _ in range(5):
        shop.channel.place_order([mug])
    shop.simulator.faults.add(Fault.slow(0), "GetSoldItems")
    shop.simulator.faults.add(Fault.slow(6), "GetSoldItems")
    ends = []
    old = threading.Thread(target=lambda: ends.append(attempt(Cycle.order_import, shop)))
    old.start()
    # The second page is being read while the first is saved.
    wait_for(lambda: len(numbers_here(shop)) == 2)
    old_run = last_run(shop, Cycle.order_import)

    expire_lease(shop)
    counts = sync(Cycle.order_import, shop)
    after, page = numbers_here(shop), cursor(shop, "orders").get("page")
    old.join()

    assert (counts.new, page) == (3, None)
    assert ends[0].is_failed()
    with read_scope() as session:
        dead = session.get_one(type(old_run), old_run.id)
        assert dead.state is not RunState.completed
        assert dead.counts.get("new", 0) in (0, 2)
    assert numbers_here(shop) == after == numbers_there(shop)
    assert cursor(shop, "orders").get("page") is None


def test_people_see_what_happened(sqlite_shop: Shop) -> None:
    """Run name, figures with links and message say what a run did, the overview how the account stands."""
    shop = sqlite_shop
    mug = add_mug(shop, 1)
    sync(Cycle.article_import, shop)
    for _ in range(2):
        shop.channel.place_order([mug])

    state = attempt(Cycle.order_import, shop)

    run = last_run(shop, Cycle.order_import)
    found = artifacts(shop, Cycle.order_import)
    row = {line["figure"]: line["value"] for line in json.loads(found[f"order-import-{shop.name}"])}
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(run.flow_run_id))
    assert flow_run.name == f"order-import {shop.name}"
    assert state.message == "2 read, 2 new, 1 held"
    assert (row["account"], row["cycle"], row["test"]) == (shop.name, "order-import", False)
    assert (row["read"], row["new"], row["held"], row["failed"]) == (2, 2, 1, 0)
    assert row["see held"] == f"warenfluss match list --account {shop.name}"
    assert row["run"].endswith(f"/runs/flow-run/{run.flow_run_id})")
    assert (run.state, run.counts["new"], run.error) == (RunState.completed, 2, "")
    assert run.finished_at is not None
    publish_overview()
    with get_client(sync_client=True) as client:
        latest = client.request("GET", "/artifacts/{key}/latest", path_params={"key": "status"}).json()
    assert f"| {shop.name} | live |" in latest["data"]
    assert f"/runs/flow-run/{run.flow_run_id})" in latest["data"]
    assert standing_in(latest["data"], "orders")["shipments"] == "never"
    assert "ago" in standing_in(latest["data"], "orders")["orders"]
    assert "releases" not in latest["data"]

    shop.configure(release="automatic")
    publish_overview()
    with get_client(sync_client=True) as client:
        latest = client.request("GET", "/artifacts/{key}/latest", path_params={"key": "status"}).json()
    assert standing_in(latest["data"], "releases")["releases"] == "never"
    assert standing_in(latest["data"], "releases")["invoices"] == "-"


def standing_in(overview: str, area: str) -> dict[str, str]:
    """Return the first row of the table that has this area, by the names of its columns."""
    lines = overview.splitlines()
    place = next(place for place, line in enumerate(lines) if f"| {area} |" in line)
    head, row = ([cell.strip() for cell in lines[at].split("|")[1:-1]] for at in (place, place + 2))
    return dict(zip(head, row, strict=True))


def test_long_work_shows_progress(sqlite_shop: Shop) -> None:
    """Several pages or batches move a progress bar to its end; a single page shows none."""
    shop = sqlite_shop
    shop.configure(page_size=2, stock_batch_size=2)
    mugs = [add_mug(shop, 5, f"M-{number}") for number in range(5)]
    sync(Cycle.article_import, shop)
    short = artifacts(shop, Cycle.article_import)
    for mug in mugs:
        shop.channel.place_order([mug])
    sync(Cycle.order_import, shop)
    sync(Cycle.stock_export, shop)

    assert f"progress-article-import-{shop.name}" not in short
    for cycle in (Cycle.order_import, Cycle.stock_export):
        assert float(artifacts(shop, cycle)[f"progress-{cycle}-{shop.name}"]) == 100


def test_prefect_without_artifacts_costs_only_the_picture(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose reports cannot be shown has done its work all the same."""
    import tasks.run.artifacts

    def refuse(**_: Any) -> None:
        raise ConnectionError("no")

    for name in ("create_table_artifact", "create_progress_artifact"):
        monkeypatch.setattr(tasks.run.artifacts, name, refuse)
    shop = sqlite_shop
    shop.configure(page_size=2)
    mug = add_mug(shop)
    for _ in range(3):
        shop.channel.place_order([mug])

    assert sync(Cycle.order_import, shop).new == 3


def _order_of_someone(shop: Shop) -> None:
    mug = add_mug(shop, 10)
    sync(Cycle.article_import, shop)
    place_named_order(shop, mug, NAME)


def _silent(shop: Shop, cycle: Cycle) -> None:
    run = last_run(shop, cycle)
    assert NAME not in _everything_in_prefect(run.flow_run_id)
    assert NAME not in run.error
    with read_scope() as session:
        assert not any(NAME in mail.text + mail.html + mail.subject for mail in session.exec(select(Mail)))


@pytest.mark.usefixtures("told_runs")
def test_a_good_run_names_no_buyer(sqlite_shop: Shop) -> None:
    """Nothing that Prefect keeps of an order's import or of a test run holds the buyer's data."""
    shop = sqlite_shop
    _order_of_someone(shop)
    sync(Cycle.order_import, shop, test=True)
    _silent(shop, Cycle.order_import)
    sync(Cycle.order_import, shop)
    _silent(shop, Cycle.order_import)


@pytest.mark.usefixtures("told_runs")
def test_an_error_of_the_database_names_no_buyer(shop: Shop) -> None:
    """A refused row is not quoted in states, logs, run or mail."""
    _order_of_someone(shop)
    with get_engine().begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(
                text(
                    "CREATE TRIGGER refuse BEFORE INSERT ON order_address "
                    "BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
            )
        else:
            connection.execute(text("ALTER TABLE order_address ADD CONSTRAINT no CHECK (last_name = 'x')"))

    state = attempt(Cycle.order_import, shop)

    assert state.is_failed()
    run = last_run(shop, Cycle.order_import)
    assert run.state is RunState.failed
    assert run.error.startswith("DatabaseError: IntegrityError ")
    assert NAME not in str(state)
    _silent(shop, Cycle.order_import)
    assert numbers_here(shop) == []


@pytest.mark.usefixtures("told_runs")
def test_a_bug_that_quotes_a_record_is_not_repeated_by_us(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an unknown error our tables, our mails and Prefect keep its kind and place alone."""
    shop = sqlite_shop
    _order_of_someone(shop)

    def save(*_: Any, **__: Any) -> Any:
        raise ValueError(NAME)

    monkeypatch.setattr(tasks.intake.orders, "save_orders", save)
    attempt(Cycle.order_import, shop)

    run = last_run(shop, Cycle.order_import)
    assert run.state is RunState.failed
    assert run.error.startswith("UnexpectedError: ValueError at scenarios/test_frame.py:")
    assert NAME not in _everything_in_prefect(run.flow_run_id)
    with read_scope() as session:
        assert not any(NAME in mail.text + mail.html for mail in session.exec(select(Mail)))


@pytest.mark.usefixtures("told_runs")
def test_a_rejected_record_names_no_buyer(sqlite_shop: Shop) -> None:
    """The raw form is kept in our database; logs and reports hold the reason's kind alone."""
    shop = sqlite_shop
    _order_of_someone(shop)
    order = next(iter(shop.channel.orders.values()))
    order.items[0].quantity = -1

    assert sync(Cycle.order_import, shop).rejected == 1
    _silent(shop, Cycle.order_import)


def test_a_failed_look_at_the_database_is_tried_again(
    sqlite_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that was not granted in time costs a further try."""
    from sqlalchemy.exc import OperationalError

    shop = sqlite_shop
    mug = add_mug(shop, 10)
    shop.channel.place_order([mug])
    calls: list[int] = []

    def save(*arguments: Any, **values: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return save_orders(*arguments, **values)

    monkeypatch.setattr(tasks.intake.orders, "save_orders", save)

    assert sync(Cycle.order_import, shop).new == 1
    assert len(calls) == 2
