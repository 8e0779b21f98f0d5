"""What the server of `tests.support.forks` imports before it forks."""

from importlib import import_module

from deployments.prefect_private import IMPORTED_BY_RUNS
from models.database.engine import load_driver

for name in (
    *IMPORTED_BY_RUNS,
    "psycopg",
    "tests.support.killed_story",
    "tests.faults.world",
    "tests.support.killed_cycle",
    "tests.support.races",
):
    import_module(name)
load_driver()
