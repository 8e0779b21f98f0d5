"""Read the payment and shipping methods that a channel lists."""

from datetime import datetime, timedelta

from models.clock import utc_now
from models.database.session import read_scope
from models.sync.cursors import find_cursor, save_cursor
from models.tenants.methods import save_channel_methods
from tasks.run.steps import step
from tasks.run.work import work_of

CURSOR = "services"
EVERY = timedelta(hours=24)


@step
def refresh_methods(run_id: int) -> None:
    """Read the channel's lists of methods once a day. People map them to our methods from these lists.

    A test run of a live account reads nothing, and a channel that lists no methods is not asked.
    """
    work = work_of(run_id)
    if work.is_inspection or work.connection.methods is None:
        return
    with read_scope() as session:
        read_at = find_cursor(session, work.account.id, CURSOR).get("at")
    if read_at is not None and utc_now() - datetime.fromisoformat(read_at) < EVERY:
        return
    methods = work.methods.fetch_methods()
    with work.transaction() as session:
        save_channel_methods(session, work.account.id, methods)
        save_cursor(session, work.account.id, CURSOR, {"at": utc_now().isoformat()})
