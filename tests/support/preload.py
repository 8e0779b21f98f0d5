"""What the server of `tests.support.forks` imports before it forks."""

from importlib import import_module

from deployments.worker import ON_THE_WAY
from models.database.engine import prepare

for name in (
    *ON_THE_WAY,
    "psycopg",
    "tests.support.killed_story",
    "tests.faults.world",
    "tests.support.killed_cycle",
    "tests.support.races",
):
    import_module(name)
prepare()
