"""`warenfluss up`, `worker`, `demo` and `simulator`: what keeps running."""

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
    """Start everything on this machine: migrations, Prefect's server, deployments and schedules."""
    from console.machine.up import run_up

    raise typer.Exit(run_up())


def worker(
    name: Annotated[str, typer.Option(help="How Prefect shows it; each worker needs its own.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Most runs at once.")] = RUNS_AT_ONCE,
) -> None:
    """Run cycles here for the Prefect server that PREFECT_API_URL names; `up` has a worker of its own."""
    from console.machine.prefect_env import use_prefect

    if not use_prefect():
        raise RuleError("There is no Prefect server: set PREFECT_API_URL to the address of the one to serve.")
    # Reads the environment when it is first imported.
    from deployments.worker import run_worker

    run_worker(name=name or f"warenfluss at {platform.node()} {os.getpid()}", limit=limit)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Run every cycle once and end.")] = False,
) -> None:
    """Run every cycle against the simulator with sample data, in a folder of its own."""
    from console.demo.run import run_demo

    raise typer.Exit(run_demo(once=once))


def simulator(
    system: Annotated[str, typer.Argument(help="Which outside system, e.g. afterbuy.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = DEFAULT_PORT,
    sample: Annotated[
        bool, typer.Option("--sample/--empty", help="With sample data, or an empty account.")
    ] = True,
    arrivals: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds after which a new order arrives, again and again.")
    ] = None,
    switches: Annotated[
        list[str] | None,
        typer.Option("--switch", help="NAME=VALUE, a reading of an unknown fact; repeatable."),
    ] = None,
) -> None:
    """Serve a stand-in for an outside system on this machine; prints its address, Ctrl-C ends it."""
    from connectors.registry import spec_of

    module = spec_of(system).simulator
    if not module:
        raise RuleError(f"There is no stand-in for {system}.")
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
    """Return switches as their types: true, false, numbers, null and lists as JSON spells them, else text."""
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
    "demo": new_command(demo),
    "simulator": new_command(simulator),
}
