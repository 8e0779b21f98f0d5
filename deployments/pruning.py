"""Forget what is over, little by little, so that nobody has to wait for it."""

import time
from datetime import timedelta

from models.columns import utc_now
from models.db import read_scope, session_scope
from models.prune import CALLS, HISTORY, forget
from models.settings import get_settings

BATCH = 500
"""Rows that one transaction deletes: some milliseconds."""
PAUSE_SECONDS = 0.05
"""Between two batches, in which others get the database."""
LONGEST_SECONDS = 10.0
"""The rest waits for the next time."""


def prune(*, longest_seconds: float = LONGEST_SECONDS) -> int:
    """Delete what is older than the settings keep; return how many rows. Safe in several processes."""
    settings = get_settings()
    end = time.monotonic() + longest_seconds
    now = utc_now()
    plan = [(CALLS, now - timedelta(days=settings.keep_calls_days))]
    plan += [(kind, now - timedelta(days=settings.keep_history_days)) for kind in HISTORY]
    count = 0
    for kind, before in plan:
        while time.monotonic() < end:
            # Looked for without a lock, which may take longer than the deletion.
            with read_scope() as session:
                ids = kind.find(session, before, BATCH)
            if ids:
                with session_scope() as session:
                    forget(session, kind, ids, before)
            count += len(ids)
            if len(ids) < BATCH:
                break
            time.sleep(PAUSE_SECONDS)
    return count
