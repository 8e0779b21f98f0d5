"""`warenfluss run`: the last runs of cycles."""

from models.database.session import session_scope
from models.sync.records import Counts, Cycle
from models.sync.runs import RunState, begin_run, finish_run
from tests.support.cli_steps import call, open_shop, read


def test_the_last_runs_say_what_they_did(database: str) -> None:
    """As JSON for programs, and with their counts in words for people."""
    open_shop()
    with session_scope() as session:
        run = begin_run(session, 1, Cycle.order_import)
        finish_run(session, run.id or 0, RunState.completed, Counts(read=3, new=2))

    (shown,) = read("run", "list", "--account", "shop", "--cycle", "order-import")

    assert (shown["state"], shown["counts"]["new"]) == ("completed", 2)
    assert "read 3, new 2" in call("run", "list").stdout
