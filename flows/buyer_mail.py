"""The cycle `buyer-mail`: mails to buyers about their orders, and to operators about new orders."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.buyer_mails import deliver, find_due, notify_operators, write_page
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.buyer_mail)
def buyer_mail(account: str, test: bool = False) -> State:
    """Write the mails that are due, each one once, and send them.

    Args:
        account: Name of the account whose buyers are mailed.
        test: Send no mail; the report shows which mails would be written.
    """
    with work_on(account, Cycle.buyer_mail, test=test) as work:
        run_id = work.run_id
        due = find_due(run_id)
        if due.buyers:
            each_page(work, lambda page: write_page(run_id, page))
        if due.operators:
            notify_operators(run_id)
        if work.counts.sent or due.written:
            deliver()
    return finished(work.counts)
