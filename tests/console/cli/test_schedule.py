"""`warenfluss schedule`: how often cycles run."""

from models.database.session import session_scope
from models.sync.records import Cycle
from models.sync.schedules import save_schedule
from tests.support.cli_steps import open_shop, read


def test_a_schedule_is_listed_in_minutes(database: str) -> None:
    """As it was last read from Prefect."""
    open_shop()
    with session_scope() as session:
        save_schedule(session, 1, Cycle.order_import, 300, active=True)

    (rhythm,) = read("schedule", "list")

    assert (rhythm["cycle"], rhythm["minutes"], rhythm["active"]) == ("order-import", 5.0, True)
