"""The log of every exchange with outside systems: which run asked what and when, and how it ended."""

import logging
import threading
from collections.abc import Sequence
from typing import Self

from models.database.session import Session, session_scope
from models.orders.queries import ids_by_number
from models.sync.calls import save_calls
from models.sync.records import OPEN, CallData
from models.sync.runs import keep_lease
from tasks.watch.alarms import safe_error

logger = logging.getLogger(__name__)

KEPT_CALLS = 1000
"""The most calls that wait while the database cannot be reached; older ones are dropped."""


class CallLog:
    """Records the calls of one connection; safe for several threads.

    Calls are saved in their own transactions, so that they outlive a step that is rolled back: now and then,
    and at the end of the context. A write is saved before it is sent, in one transaction that renews the
    lease of its run. So a run that was taken for dead and wakes up sends nothing more.
    """

    def __init__(self, account_id: int, run_id: int | None = None, leases: int = 1) -> None:
        """Prepare for an account. Without a run there is no lease to renew; a run may hold several."""
        self._account_id = account_id
        self._run_id = run_id
        self._leases = leases
        self._waiting: dict[int, CallData] = {}
        self._lock = threading.Lock()
        self._saving = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def __call__(self, call: CallData) -> None:
        """Record a call, or what became of it.

        Raises: LeaseLostError and errors of the database, for a write that is about to be sent.
        """
        with self._lock:
            self._waiting[id(call)] = call
        if call.ending == OPEN:
            self._save()

    def flush(self) -> None:
        """Save the calls that wait. If the database cannot be reached, they wait on and the run continues."""
        try:
            self._save()
        except Exception as error:
            logger.warning("Calls could not be recorded yet (%s)", safe_error(error))

    def _save(self) -> None:
        with self._saving:
            with self._lock:
                calls, self._waiting = self._waiting, {}
            if not calls:
                return
            try:
                with session_scope() as session:
                    if self._run_id is not None and any(call.ending == OPEN for call in calls.values()):
                        keep_lease(session, self._run_id, self._leases)
                    ids = _save_linked(session, self._account_id, self._run_id, list(calls.values()))
            except BaseException:
                with self._lock:
                    kept = [*calls.items(), *self._waiting.items()][-KEPT_CALLS:]
                    self._waiting = dict(kept)
                raise
            for call, row_id in ids.items():
                call.row_id = row_id


def _save_linked(
    session: Session, account_id: int, run_id: int | None, calls: Sequence[CallData]
) -> dict[CallData, int]:
    """Save calls and link the new ones to the orders they name. Return the ids of the new ones."""
    numbers = {number for call in calls if call.row_id is None for number in call.order_numbers}
    return save_calls(session, account_id, run_id, calls, ids_by_number(session, account_id, numbers))
