"""The frame of every cycle: it opens a run and its connection, and closes them with figures and reports."""

import gc
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NoReturn

from prefect.runtime import flow_run as runtime

from connectors.errors import AccountError
from connectors.protocols.articles import ReadsArticles
from connectors.protocols.connection import Connection
from connectors.protocols.methods import ListsMethods
from connectors.protocols.order_updates import (
    PublishesCancellations,
    PublishesPayments,
    PublishesShipments,
)
from connectors.protocols.orders import ReadsOrders
from connectors.protocols.stock import PublishesStock
from connectors.registry import open_connection
from models.database.provenance import acting_as
from models.database.session import Session, read_scope, session_scope
from models.errors import LeaseLostError
from models.orders.match_rules import MatchRule, read_rules
from models.orders.records import OrderData
from models.reconciliation.records import RunFindings
from models.sync.cursors import cursor_name_in_test
from models.sync.cycles import check_has_cycle, leases_of
from models.sync.records import Counts, Cycle, RejectedData
from models.sync.runs import LEASE_SECONDS, Run, RunState, begin_run, finish_run, keep_lease
from models.tenants.account import account_data, check_is_opened, get_account, options_as
from models.tenants.account_kinds import Capability, kind_of
from models.tenants.locks import lock_tenants
from models.tenants.options import ChannelOptions
from models.tenants.records import AccountData, Mode
from models.tenants.tenant import Tenant
from tasks.run.artifacts import publish_report
from tasks.run.call_log import CallLog
from tasks.run.read_ahead import ReadAhead
from tasks.run.secrets import load_secrets
from tasks.watch.alarms import note_run_succeeded, report_parked, safe_error

logger = logging.getLogger(__name__)


@dataclass
class Work:
    """One run of a cycle for one account, while it works.

    Tasks get its `run_id` and find it with `work_of`: a connection must not be an argument of a task, because
    Prefect hashes arguments.
    """

    run_id: int
    account: AccountData
    cycle: Cycle
    test: bool
    rules: tuple[MatchRule, ...]
    connection: Connection
    calls: CallLog
    pages: ReadAhead = field(default_factory=ReadAhead)
    """Reads pages of the channel: the next one while the current one is saved."""
    counts: Counts = field(default_factory=Counts)
    oldest_news_at: datetime | None = None
    slowest_seconds: int | None = None
    would_send: list[dict[str, str]] = field(default_factory=list)
    """What test mode held back, one entry for each field."""
    known_at_channel: set[str] = field(default_factory=set)
    """The external ids of named orders that the channel knows."""
    seen: RunFindings = field(default_factory=RunFindings)
    """What reconciliation remembers from one page to the next."""

    @property
    def options(self) -> ChannelOptions:
        """The options of a channel's account. Raises: RuleError, for an account of another family."""
        return options_as(self.account, ChannelOptions)

    @property
    def articles(self) -> ReadsArticles:
        """The articles of the account's system. Raises: AccountError, if they cannot be read."""
        return self.connection.articles or self._cannot(Capability.articles)

    @property
    def orders(self) -> ReadsOrders:
        """The orders of the account's system. Raises: AccountError, if they cannot be read."""
        return self.connection.orders or self._cannot(Capability.orders)

    @property
    def stock(self) -> PublishesStock:
        """Where quantities are published. Raises: AccountError, if the account's system takes none."""
        return self.connection.stock or self._cannot(Capability.stock)

    @property
    def payments(self) -> PublishesPayments:
        """Where payments are published. Raises: AccountError, if the account's system takes none."""
        return self.connection.payments or self._cannot(Capability.payments)

    @property
    def shipments(self) -> PublishesShipments:
        """Where shipments are published. Raises: AccountError, if the account's system takes none."""
        return self.connection.shipments or self._cannot(Capability.shipments)

    @property
    def cancellations(self) -> PublishesCancellations:
        """Where cancellations are published. Raises: AccountError, if the account's system takes none."""
        return self.connection.cancellations or self._cannot(Capability.cancellations)

    @property
    def methods(self) -> ListsMethods:
        """The methods of the account's system. Raises: AccountError, if it lists none."""
        return self.connection.methods or self._cannot(Capability.methods)

    @property
    def is_inspection(self) -> bool:
        """Whether this is a test run of a live account: it moves no cursor."""
        return self.test and self.account.mode is Mode.live

    def cursor(self, name: str) -> str:
        """Return the name of a cursor; an account in test has cursors of its own."""
        return cursor_name_in_test(name) if self.account.mode is Mode.test else name

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session that holds the run's leases and the tenant's lock.

        No other transaction changes the tenant's goods meanwhile. Raises: LeaseLostError, if another run took
        a lease.
        """
        with acting_as(self.run_id), session_scope() as session:
            keep_lease(session, self.run_id, len(leases_of(self.cycle)))
            lock_tenants(session, [self.account.tenant_id])
            yield session

    def _cannot(self, capability: Capability) -> NoReturn:
        raise AccountError(
            f"Account {self.account.name!r} cannot {_DOES[capability]}: no system of the kind "
            f"{self.account.kind!r} offers that."
        )

    def note_known(self, records: Sequence[OrderData], rejected: Sequence[RejectedData]) -> None:
        """Note that the channel knows these orders, whether they could be used or not."""
        self.known_at_channel.update(data.external_id for data in records)
        self.known_at_channel.update(one.external_id for one in rejected)

    def note_age(self, oldest_news_at: datetime | None, seconds: int | None) -> None:
        """Keep the time of the oldest change and the longest time that any change took to arrive."""
        if oldest_news_at is not None:
            self.oldest_news_at = min(self.oldest_news_at or oldest_news_at, oldest_news_at)
        if seconds is not None:
            self.slowest_seconds = max(self.slowest_seconds or 0, seconds)


_DOES = {
    Capability.articles: "read articles",
    Capability.orders: "read orders",
    Capability.stock: "publish stock",
    Capability.payments: "publish payments",
    Capability.shipments: "publish shipments",
    Capability.cancellations: "publish cancellations",
    Capability.methods: "list payment and shipping methods",
}

_working: dict[int, Work] = {}


def work_of(run_id: int) -> Work:
    """Return the work of a run that is open in this process."""
    return _working[run_id]


@contextmanager
def work_on(account: str, cycle: Cycle, *, test: bool) -> Iterator[Work]:
    """Open a run of a cycle for an account, yield its work, and close it with its figures and reports.

    Raises: RuleError, for an account in draft or without the cycle; LeaseHeldError, if another run works on
    the same; AccountError, if a setting or secret is missing; and any error of the work, after the run is
    closed as failed.
    """
    with read_scope() as session:
        row = get_account(session, account)
        data = account_data(row)
        rules = read_rules(session.get_one(Tenant, row.tenant_id).match_rules)
    check_is_opened(data)
    check_has_cycle(account, kind_of(data.kind), cycle)
    _freeze_loaded()
    test = test or data.mode is Mode.test
    with session_scope() as session:
        run = begin_run(session, data.id, cycle, test=test, flow_run_id=str(runtime.id or ""))
        run_id = run.row_id
    counts = Counts()
    try:
        with (
            CallLog(data.id, run_id, len(leases_of(cycle))) as calls,
            _heartbeat(run_id, cycle, calls),
            open_connection(data, load_secrets(account), test=test, record=calls) as connection,
        ):
            work = Work(
                run_id=run_id,
                account=data,
                cycle=cycle,
                test=test,
                rules=rules,
                connection=connection,
                calls=calls,
                counts=counts,
            )
            _working[run_id] = work
            try:
                yield work
            finally:
                del _working[run_id]
                work.pages.close()
    except BaseException as error:
        _close_failed(run_id, counts, safe_error(error))
        raise
    with session_scope() as session:
        finish_run(
            session,
            run_id,
            RunState.completed,
            counts,
            oldest_news_at=work.oldest_news_at,
            slowest_seconds=work.slowest_seconds,
        )
        note_run_succeeded(session, session.get_one(Run, run_id))
        report_parked(session)
    publish_report(run_id, work.would_send)


@cache
def _freeze_loaded() -> None:
    """Exclude everything that is loaded by now from garbage collection; once for each process.

    Prefect and SQLAlchemy create some hundred thousand objects that live as long as the process. Otherwise
    garbage collection visits them again and again, which took a quarter of an import's time.
    """
    gc.collect()
    gc.freeze()


def _close_failed(run_id: int, counts: Counts, error: str) -> None:
    try:
        with session_scope() as session:
            finish_run(session, run_id, RunState.failed, counts, error=error)
            report_parked(session)
    except Exception as trouble:
        # The watcher finds the run by its lease; this error must not hide the one that made the run fail.
        logger.error("Run %s: its failure could not be noted (%s)", run_id, safe_error(trouble))


@contextmanager
def _heartbeat(run_id: int, cycle: Cycle, calls: CallLog) -> Iterator[None]:
    """Extend the leases of a run and save its calls regularly, from a thread of its own."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE_SECONDS / 4):
            try:
                with session_scope() as session:
                    keep_lease(session, run_id, len(leases_of(cycle)))
            except LeaseLostError:
                return
            except Exception as trouble:
                logger.warning("Run %s: a heartbeat failed (%s)", run_id, safe_error(trouble))
            calls.flush()

    thread = threading.Thread(target=beat, name=f"heartbeat-{run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
