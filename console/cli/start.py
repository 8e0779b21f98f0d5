"""`warenfluss up`, `worker`, `demo` and `simulator`: commands that keep running."""

import json
import os
import platform
from importlib import import_module
from typing import Annotated, Any

import typer

from console.cli.frame import new_command
from console.cli.parse import parse_pairs
from console.machine.processes import RUNS_AT_ONCE
from models.errors import RuleError

DEFAULT_PORT = 8765


def up() -> None:
    """Start everything on this machine: migrations, Prefect's server, a worker, deployments and schedules."""
    from console.machine.up import run_up

    raise typer.Exit(run_up())


def worker(
    name: Annotated[str, typer.Option(help="The name that Prefect shows; it must be unique.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The most runs at once.")] = RUNS_AT_ONCE,
) -> None:
    """Run cycles on this machine for the Prefect server that PREFECT_API_URL names, until Ctrl-C or SIGTERM.

    Runs then get 20 seconds to end; a second signal ends them at once. `up` already includes a worker.
    """
    from tasks.run.prefect_env import use_prefect

    if not use_prefect():
        raise RuleError("There is no Prefect server: set PREFECT_API_URL to the address of the one to serve.")
    # Prefect reads the environment when it is first imported.
    from deployments.worker import run_worker

    run_worker(name=name or f"warenfluss at {platform.node()} {os.getpid()}", limit=limit)


def password() -> None:
    """Print the password of the Prefect server that `up` starts, for its pages and for other machines.

    The pages ask each browser once. A worker on another machine needs it as PREFECT_API_AUTH_STRING.
    """
    from models.settings import get_settings
    from tasks.run.prefect_env import find_password, find_server, use_prefect

    url = use_prefect()
    if url and url != find_server(get_settings().data_dir):
        raise RuleError(f"PREFECT_API_URL names the server at {url}: ask those who run it.")
    typer.echo(find_password(get_settings().data_dir))


def demo(
    once: Annotated[bool, typer.Option("--once", help="Run every cycle once and end.")] = False,
) -> None:
    """Run every cycle against the simulator with sample data, in its own folder.

    The folder is `demo` below WARENFLUSS_DATA_DIR; the papers are in `papers` there.
    """
    from console.demo.run import run_demo

    raise typer.Exit(run_demo(once=once))


def simulator(
    system: Annotated[str, typer.Argument(help="The outside system, e.g. afterbuy.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = DEFAULT_PORT,
    sample: Annotated[
        bool, typer.Option("--sample/--empty", help="Start with sample data, or with an empty account.")
    ] = True,
    arrivals: Annotated[float | None, typer.Option(min=0.1, help="Seconds between new orders.")] = None,
    switches: Annotated[
        list[str] | None,
        typer.Option(
            "--switch", help="NAME=VALUE, an assumption about unknown behaviour of the system; repeatable."
        ),
    ] = None,
) -> None:
    """Run the simulator of an outside system on this machine; prints its address, Ctrl-C ends it."""
    from connectors.registry import spec_of

    module = spec_of(system).simulator
    if not module:
        raise RuleError(f"There is no simulator of {system}.")
    stand_in = import_module(module)
    chosen = stand_in.Switches()
    try:
        chosen.change(**_read_switches(switches or []))
    except ValueError as error:
        raise typer.BadParameter(f"--switch: {error}.") from None
    try:
        stand_in.serve(port, sample=sample, switches=chosen, arrivals_every_seconds=arrivals)
    except OSError as error:
        raise RuleError(f"{system} cannot be served at port {port}: {error.strerror}.") from None


def _read_switches(values: list[str]) -> dict[str, Any]:
    """Return the value of each switch: JSON where it is JSON, as in 5, true or null, else text."""
    read: dict[str, Any] = {}
    for name, value in parse_pairs(values, "--switch").items():
        try:
            read[name] = json.loads(value)
        except ValueError:
            read[name] = value
    return read


apps = {
    "up": new_command(up),
    "worker": new_command(worker),
    "password": new_command(password),
    "demo": new_command(demo),
    "simulator": new_command(simulator),
}
