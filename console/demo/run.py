"""`warenfluss demo`: every cycle against a simulated channel, in its own folder."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from console.demo.channel import Channel, compare_channel
from console.demo.merchant import (
    Day,
    Figures,
    count_stock,
    draw_papers,
    map_methods,
    pick_and_ship,
    read_figures,
    record_payments,
    return_order,
    set_up_seller,
)
from console.machine.processes import Child
from console.machine.up import LOCK_FILE, StoppedError, Up, UpError, begin_log, taken
from models.clock import today
from models.database.engine import dispose
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.intake.activation import set_mode
from models.settings import PREFIX, get_settings
from models.sync.records import Counts, Cycle
from models.sync.runs import Run, RunState, list_runs
from models.tenants.account import add_account
from models.tenants.options import Release, Role
from models.tenants.records import Mode, Side
from models.tenants.tenant import add_tenant
from tasks.run.prefect_env import find_password

ACCOUNT = "afterbuy-demo"
SECRETS = {"partner_token": "demo-partner-token", "account_token": "demo-account-token"}
START_DAYS = 30
SIMULATOR_SECONDS = 30
CYCLE_SECONDS = 180
"""How long one cycle may take, from the request to its end."""
ARRIVAL_SECONDS = 8
MINUTES = {
    Cycle.article_import: 10,
    Cycle.order_import: 1,
    Cycle.stock_export: 1,
    Cycle.payment_sync: 2,
    Cycle.shipping_sync: 2,
    Cycle.order_release: 1,
    Cycle.invoicing: 2,
    Cycle.reconcile: 5,
}
PAYMENTS, SHIPMENTS, COUNTS = 12, 15, 20
PAYMENTS_MEANWHILE, SHIPMENTS_MEANWHILE = 1, 2
MEANWHILE_SECONDS = 60
KEPT_VARIABLES = {f"{PREFIX}LANGUAGE"}
SIMULATE = "import sys; from connectors.afterbuy.simulator import serve; serve(int(sys.argv[1]))"


class DemoError(Exception):
    """The demo failed; the message says why in one sentence."""


def run_demo(once: bool = False) -> int:
    """Run every cycle and print the results; return 0, or 1 after printing what failed.

    Without `once`, orders keep arriving and schedules run until SIGINT or SIGTERM.
    """
    began = time.monotonic()
    begin_log()
    try:
        folder = get_settings().data_dir / "demo"
        clear_folder(folder)
        use_folder(folder)
        simulator_port = _find_port()
        command = [sys.executable, "-c", SIMULATE, str(simulator_port)]
        simulator = Child("The simulator", command, os.environ, folder / "logs" / "simulator.log")
        simulator.start()
        try:
            up = Up(query_seconds=1)
            with up.running(), Channel(simulator_port) as channel:
                _wait_for(up, channel)
                _show_whole_round(up, channel)
                print(f"\nAll of it took {time.monotonic() - began:.0f} s.")
                if once:
                    print("It worked; everything is stopped again.", flush=True)
                    return 0
                _keep_running(up, channel)
        finally:
            simulator.stop(SIMULATOR_SECONDS)
    except StoppedError:
        print("The demo has stopped.", flush=True)
        return 1 if once else 0
    except httpx.HTTPError as error:
        print(f"The simulator does not answer as it should ({type(error).__name__}).", file=sys.stderr)
    except (DemoError, UpError, RuleError) as error:
        print(error, file=sys.stderr, flush=True)
    return 1


def clear_folder(folder: Path) -> None:
    """Delete the data of an earlier demo.

    Raises: UpError, if a demo is running; DemoError, if a file has the folder's name.
    """
    if folder.exists() and not folder.is_dir():
        raise DemoError(f"{folder} is in the way: it has to be a folder.")
    with taken(folder):
        old = [path for path in folder.iterdir() if path.name != LOCK_FILE]
        if old:
            print(f"The data of the last demo in {folder} is removed.", flush=True)
        for path in old:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def use_folder(folder: Path) -> None:
    """Point this process and its children to the demo's folder alone, with a free port for the pages."""
    wanted = get_settings().prefect_port
    port = wanted if _is_free(wanted) else _find_port()
    if port != wanted:
        print(f"Port {wanted} is taken; the demo's pages are at port {port}.", flush=True)
    for name in list(os.environ):
        if name.startswith((PREFIX, "PREFECT_")) and name not in KEPT_VARIABLES:
            del os.environ[name]
    os.environ[f"{PREFIX}DATA_DIR"] = str(folder)
    os.environ[f"{PREFIX}DATABASE_URL"] = f"sqlite:///{folder / 'warenfluss.db'}"
    # Not the settings of the real installation: its mail server must not send mails of the demo.
    os.environ[f"{PREFIX}ENV_FILE"] = str(folder / "none.env")
    os.environ[f"{PREFIX}PREFECT_PORT"] = str(port)
    get_settings.cache_clear()
    dispose()


def _wait_for(up: Up, channel: Channel) -> None:
    end = time.monotonic() + SIMULATOR_SECONDS
    while not channel.is_there():
        if time.monotonic() > end:
            raise DemoError("The simulator did not start; demo/logs/simulator.log says why.")
        up.wait()


def _show_whole_round(up: Up, channel: Channel) -> None:
    """Run all cycles and print their results. Raises: DemoError, StoppedError, httpx.HTTPError."""
    from tasks.run.artifacts import publish_overview

    _open_account(up, channel)
    runs = _run_cycles(up, [Cycle.article_import])
    runs += _run_cycles(up, [Cycle.order_import])
    map_methods(ACCOUNT)
    day = Day(paid=record_payments(ACCOUNT, PAYMENTS), counted=count_stock(ACCOUNT, COUNTS))
    runs += _run_cycles(up, [Cycle.order_release])
    pick_and_ship(ACCOUNT, SHIPMENTS, day)
    runs += _run_cycles(up, [Cycle.invoicing])
    return_order(ACCOUNT, day)
    runs += _run_cycles(up, [Cycle.stock_export, Cycle.payment_sync, Cycle.shipping_sync])
    runs += _run_cycles(up, [Cycle.reconcile])
    publish_overview()
    _print_runs(runs)
    _print_figures(read_figures(ACCOUNT), day, {run.cycle: Counts.model_validate(run.counts) for run in runs})
    for run in runs:
        if run.state is not RunState.completed or Counts.model_validate(run.counts).failed:
            raise DemoError(
                f"The cycle {run.cycle} did not end well: {run.state} ({run.error or 'see above'})."
            )
    wrong = compare_channel(ACCOUNT, day, channel)
    if wrong:
        raise DemoError(f"{len(wrong)} things differ at the channel; the first: {wrong[0]}")
    compared = Counts.model_validate(runs[-1].counts)
    if compared.different:
        raise DemoError(f"Reconciliation found {compared.different} differences.")
    print(f"Reconciliation compared {compared.read} orders and listings with the channel: nothing differs.")
    print("The channel holds what was published: stock, payments, deliveries and tracking numbers.")


def _open_account(up: Up, channel: Channel) -> None:
    from deployments.deploy import deploy_account
    from tasks.run.secrets import save_secrets

    settings = settings_of(channel.url)
    save_secrets(ACCOUNT, SECRETS)
    # Schedules start after the first round: their runs would interfere with it.
    with up.chores.deploying:
        with session_scope() as session:
            tenant = add_tenant(session, "Sonnenhof", "Sonnenhof Haus & Garten")
            set_up_seller(session, tenant.name)
            account = add_account(session, tenant.row_id, ACCOUNT, "afterbuy", settings)
            set_mode(session, account, Mode.live)
        deploy_account(ACCOUNT, active=False)


def settings_of(url: str) -> dict[str, Any]:
    """Return the settings of the demo's account; `url` is the channel's address."""
    start = (today() - timedelta(days=START_DAYS)).isoformat()
    return {
        "base_url": url,
        "role": Role.articles,
        "payments": Side.warenfluss,
        "release": Release.automatic,
        "invoices": Side.warenfluss,
        "invoices_from": start,
        "start": start,
    }


def _run_cycles(up: Up, cycles: Sequence[Cycle]) -> list[Run]:
    """Run cycles through their deployments, at the same time; return their runs. Raises: DemoError."""
    from deployments.deployed import request_run

    requested = {request_run(ACCOUNT, cycle): cycle for cycle in cycles}
    return [_wait_for_run(up, run_id, cycle) for run_id, cycle in requested.items()]


def _wait_for_run(up: Up, run_id: UUID, cycle: Cycle) -> Run:
    from prefect.client.orchestration import get_client

    end = time.monotonic() + CYCLE_SECONDS
    with get_client(sync_client=True) as client:
        while (state := client.read_flow_run(run_id).state) is None or not state.is_final():
            if time.monotonic() > end:
                raise DemoError(f"The cycle {cycle} did not end within {CYCLE_SECONDS} s.")
            up.wait()
    with read_scope() as session:
        runs = [run for run in list_runs(session, cycle=cycle) if run.flow_run_id == str(run_id)]
    if not runs:
        raise DemoError(f"The cycle {cycle} ended as {state.name} before it began to work.")
    if not state.is_completed():
        reason = runs[0].error.rstrip(".") or "no reason is known"
        raise DemoError(f"The cycle {cycle} ended as {state.name}: {reason}.")
    return runs[0]


def _keep_running(up: Up, channel: Channel) -> None:
    """Keep orders arriving and schedules running. Raises: StoppedError."""
    from deployments.schedules import resume, set_interval

    for cycle, minutes in MINUTES.items():
        set_interval(ACCOUNT, cycle, minutes)
        resume(ACCOUNT, cycle)
    print(f"\nPrefect's pages: {up.ui_url} (runs, artifacts, schedules). The simulator: {channel.url}")
    # The demo's data is invented, so its password is no secret.
    print(f"The pages ask for a password once: {find_password(get_settings().data_dir)}")
    print("Orders keep arriving, and cycles run by their schedules. Ctrl-C stops the demo.", flush=True)
    next_play = time.monotonic() + MEANWHILE_SECONDS
    while True:
        up.wait(ARRIVAL_SECONDS)
        channel.arrive(1)
        if time.monotonic() > next_play:
            record_payments(ACCOUNT, PAYMENTS_MEANWHILE)
            pick_and_ship(ACCOUNT, SHIPMENTS_MEANWHILE, Day())
            next_play = time.monotonic() + MEANWHILE_SECONDS


def _print_runs(runs: Sequence[Run]) -> None:
    figures = ("read", "new", "unchanged", "released", "issued", "held", "sent", "rejected", "failed")
    rows = [("cycle", "state", *(name.replace("_", " ") for name in figures), "seconds")]
    for run in runs:
        counts = Counts.model_validate(run.counts)
        seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0.0
        rows.append(
            (run.cycle, run.state, *(str(getattr(counts, name)) for name in figures), f"{seconds:.1f}")
        )
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        texts = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join([*texts, *numbers]))


def _print_figures(figures: Figures, day: Day, counts: Mapping[Cycle, Counts]) -> None:
    print(f"\nOrders: {figures.orders}")
    for reason, count in figures.held.items():
        print(f"  held because {reason.replace('_', ' ')}: {count}")
    print(f"Lines that match no article: {figures.unmatched_lines}")
    print(
        f"Released automatically: {counts[Cycle.order_release].released} orders. Picked by scanning: "
        f"{day.picked_units} units. Shipped: {len(day.shipped)} orders."
    )
    issued = counts[Cycle.invoicing].issued
    print(f"Invoices issued: {issued}. Returned, credited and refunded: order {day.returned}")
    print(f"Articles whose stock was published: {counts[Cycle.stock_export].sent}")
    print(
        f"Recorded here and published: {len(day.paid)} payments, {len(day.shipped)} shipments, "
        f"{day.counted} counts of stock"
    )
    folder = get_settings().data_dir / "papers"
    files = [f"{name} ({pages})" for name, pages in draw_papers(ACCOUNT, day, folder).items()]
    print(f"Papers in {folder}, with their pages: {', '.join(files)}", flush=True)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
