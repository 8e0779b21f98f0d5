"""What we take from Prefect's private parts is there, and only one file names it."""

import re
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessJobConfiguration

from deployments.prefect_private import (
    handle_of,
    has_own_command,
    parameter_schema_of,
    settings_in,
)
from flows.stock_export import stock_export

ROOT = Path(__file__).parents[2]
PRIVATE = re.compile(
    r"from prefect(\.\w+)*\._|prefect(\.\w+)*\._\w|PREFECT__|\._parameter_openapi_schema|\._limiter"
)


@dataclass
class Sleeper:
    """A process that is no one's child."""

    pid: int = 4711
    returncode: int | None = None


def test_one_file_names_private_parts_of_prefect() -> None:
    """A release of Prefect that renames them changes that file alone."""
    rooms = ("models", "documents", "connectors", "tasks", "flows", "deployments", "console")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    naming = {file.name for file in files if PRIVATE.search(file.read_text("utf-8"))}
    assert naming == {"prefect_private.py"}


def test_a_process_has_a_handle() -> None:
    """Its id and its exit code are those of the process, also when it ends later."""
    process = Sleeper()
    handle = handle_of(process)
    assert (handle.pid, handle.returncode) == (4711, None)
    process.returncode = 3
    assert handle.returncode == 3


def test_an_operators_command_is_seen() -> None:
    """Such a run is not forked: it is started as the operator says."""
    run = FlowRun(flow_id=uuid4())
    usual, own = ProcessJobConfiguration(), ProcessJobConfiguration(command="python -m prefect.engine")
    for configuration in (usual, own):
        configuration.prepare_for_flow_run(run)
    assert (has_own_command(usual), has_own_command(own)) == (False, True)


def test_a_deployment_has_the_schema_of_its_parameters() -> None:
    """It is compared with what Prefect's server keeps."""
    schema = parameter_schema_of(stock_export.to_deployment("shop"))  # type: ignore[arg-type]
    assert {"account", "test"} <= set(schema["properties"])


def test_settings_are_told_from_what_describes_a_run() -> None:
    """Variables with two underscores name a run; those with one are settings."""
    environment = {"PREFECT_HOME": "/x", "PREFECT__FLOW_RUN_ID": "1", "PATH": "/bin"}
    assert settings_in(environment) == {"PREFECT_HOME": "/x"}
