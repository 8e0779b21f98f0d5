"""Delete old rows in small batches, so that other work on the database need not wait."""

import time
from datetime import timedelta

from models.clock import utc_now
from models.database.erased_text import empty_log
from models.database.session import read_scope, session_scope
from models.settings import get_settings
from models.tenants.tenant import list_tenants
from models.upkeep.pruning import list_prune_steps

PAUSE_SECONDS = 0.05
"""Between two batches; meanwhile others use the database."""
LONGEST_SECONDS = 10.0
"""What is left then waits for the next call."""


def prune(*, longest_seconds: float = LONGEST_SECONDS) -> int:
    """Delete or blank the rows that are older than settings and the tenants' terms allow; return how many.

    Stops after `longest_seconds`. Safe in several processes.
    """
    settings = get_settings()
    end = time.monotonic() + longest_seconds
    now = utc_now()
    with read_scope() as session:
        tenants = list_tenants(session)
    count = 0
    for step in list_prune_steps(
        tenants,
        calls_before=now - timedelta(days=settings.keep_calls_days),
        history_before=now - timedelta(days=settings.keep_history_days),
    ):
        while time.monotonic() < end:
            # Searched without a lock: the search may take longer than the deletion.
            with read_scope() as session:
                ids = step.find(session, step.at_once)
            if ids:
                with session_scope() as session:
                    step.take(session, ids)
            count += len(ids)
            if len(ids) < step.at_once:
                break
            time.sleep(PAUSE_SECONDS)
    # Every time: when a buyer's data was erased, readers may have kept the log in use.
    empty_log()
    return count
