"""The fault machine: runs a story with its faults, and checks every law after each step."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from sqlalchemy.exc import OperationalError

from connectors.afterbuy.simulator import Fault
from connectors.afterbuy.simulator.faults import make_fault
from models.database.engine import get_engine
from models.sync.records import Cycle
from models.sync.runs import LEASE_SECONDS
from tasks.watch.mail_delivery import _ServerAwayError
from tests.faults import laws
from tests.faults.broken_law import BrokenLawError
from tests.faults.laws_privacy import buyers_known, check_due, check_forgotten, check_halfway
from tests.faults.moments import ADDRESSES, COMMIT, COMMITTED, Moments, watched
from tests.faults.proxy import Proxy
from tests.faults.schedule import Luck, Schedule, Step
from tests.faults.world import DESK, World, opened, start
from tests.support.killed_story import run_and_die
from tests.support.prefect_server import lean_runs
from tests.support.smtp import SmtpServer

CALM_ROUNDS = 12
"""More than the attempts after which an update is parked."""
SETTLING = (
    Cycle.article_import,
    Cycle.order_import,
    Cycle.payment_sync,
    Cycle.shipping_sync,
    Cycle.stock_export,
    Cycle.invoicing,
    Cycle.buyer_mail,
)
WORK = (Cycle.invoicing, Cycle.buyer_mail)
"""The cycles among them that only run on accounts that work orders off here."""
"""Every cycle, in the order in which a change passes through them."""


@dataclass
class Story:
    """The result of a schedule."""

    seed: int
    delivered: Counter[str] = field(default_factory=Counter)
    """Faults that occurred; a fault that was drawn but had no effect does not count."""
    checked: Counter[str] = field(default_factory=Counter)
    """How often each law was checked."""
    broken: BrokenLawError | None = None
    told: list[str] = field(default_factory=list)
    """The steps so far; if a law broke, it broke in the last one."""


def tell(schedule: Schedule, smtp: SmtpServer) -> Story:
    """Run a schedule on the database that the settings name; return the result."""
    story = Story(schedule.seed)
    with opened(smtp, schedule.start, switches=schedule.readings, quantity=schedule.quantity) as world:
        machine = Machine(world, story)
        try:
            for step in schedule.steps:
                story.told.append(str(step))
                machine.take(step)
                laws.check_always(world, story.checked)
            story.told.append("calm")
            machine.calm()
            laws.check_at_rest(world, story.checked)
            machine.look_back()
            laws.check_looked_back(world)
            machine.forget(schedule.forgetting)
        except BrokenLawError as error:
            story.broken = error
    story.delivered.update(world.delivered)
    return story


class Machine:
    """Runs steps with their faults."""

    def __init__(self, world: World, story: Story) -> None:
        self.world = world
        self.story = story

    def take(self, step: Step) -> None:
        """Take one step."""
        if step.luck is None:
            getattr(self.world, step.what)(**step.values)
            return
        if step.what != "run":
            self._give(step, step.luck)
            return
        side, cycle = int(step.values["side"]), Cycle(step.values["cycle"])
        run = getattr(self, f"_{step.luck.kind}", self._channel)
        if run(side, cycle, step.luck):
            self.world.delivered[step.luck.kind] += 1
            # The watcher of runs also sends mails to buyers.
            self.world.struck_mailing += cycle is Cycle.buyer_mail or step.luck.kind == "mail_lost"

    def _give(self, step: Step, luck: Luck) -> None:
        """Give a person's command, interrupt it, and give it again."""
        self.world.accident = lambda command: self._cut_off(command, luck)
        getattr(self.world, step.what)(**step.values)
        # If there was nothing to do, no command was given.
        self.world.accident = None

    def _cut_off(self, command: Callable[[], Any], luck: Luck) -> None:
        """Interrupt a command; the person only sees that it was interrupted."""

        def attempt() -> None:
            with suppress(Exception):
                command()

        match luck.kind:
            case "killed":
                struck = run_and_die(self.world.clocks.here, command, luck.moment, luck.number)
            case "connection_lost":
                struck = self._lose_connection(attempt, luck)
            case _:
                struck = self._fail_database(attempt, luck, "database or disk is full")
        self.world.delivered[f"{luck.kind}, a command"] += struck

    def calm(self) -> None:
        """Run all cycles without faults until nothing changes any more.

        Raises: BrokenLawError, if a run fails without a fault, or changes never end.
        """
        world = self.world
        for side in world.sides:
            side.simulator.faults.clear()
        world.be_patient()
        world.put_clock_right()
        # Longer than any lease.
        world.clocks.advance(hours=1)
        for number, side in enumerate(world.sides):
            world.check_out_all(number)
            if spoilt := world.spoilt(number):
                self._run_well(number, Cycle.order_import)
                laws.check_neighbours(side, spoilt, self.story.checked)
                world.heal(number)
        for round_number in range(CALM_ROUNDS):
            # Longer than any wait after a failed attempt, and than any claim of a mail.
            world.clocks.advance(hours=13)
            before = laws.picture(world)
            for cycle in SETTLING if round_number == 0 else SETTLING[1:]:
                for number, side in enumerate(world.sides):
                    if cycle not in WORK or side.works_here:
                        self._run_well(number, cycle)
                if cycle in WORK:
                    self._run_well(DESK, cycle)
            world.watch()
            laws.check_parked()
            if round_number == 0:
                world.retry_parked()
            trace = laws.moved(before, laws.picture(world))
            if round_number and not trace and not laws.is_trying():
                return
        raise BrokenLawError(2, f"all is well, and yet the cycles never come to rest: {trace}")

    def look_back(self) -> None:
        """Run `reconcile` and replay everything.

        Raises: BrokenLawError, if that changes anything.
        """
        before = laws.picture(self.world)
        for number in range(len(self.world.sides)):
            self._run_well(number, Cycle.reconcile)
            self._run_well(number, Cycle.replay)
        self.world.watch()
        if trace := laws.moved(before, laws.picture(self.world)):
            raise BrokenLawError(2, f"looking back changed {trace}")

    def forget(self, luck: Luck | None) -> None:
        """Delete buyers' data that is due, perhaps interrupted by `luck`, and read all orders again.

        Raises: BrokenLawError, if anything else changes, or buyers' data comes back.
        """
        world = self.world
        before, known = laws.picture(world), buyers_known()

        def cut_off(command: Callable[[], Any]) -> None:
            if luck is not None:
                self._cut_off(command, luck)
                check_halfway(known)

        world.accident = cut_off
        world.forget_buyers()
        after = laws.picture(world)
        # An erasure replaces the text of a reference.
        before["references"] = after["references"]
        if trace := laws.moved(before, after):
            raise BrokenLawError(9, f"forgetting buyers changed {trace}")
        check_forgotten()
        check_due(known)
        world.touch_all()
        for number in range(len(world.sides)):
            self._run_well(number, Cycle.order_import)
        check_forgotten()
        for number in range(len(world.sides)):
            self._run_well(number, Cycle.reconcile)
        laws.check_looked_back(world)

    def _run_well(self, side: int, cycle: Cycle) -> None:
        if self.world.run(side, cycle, plainly=True) != "COMPLETED":
            raise BrokenLawError(10, f"in calm {cycle} ended as {self.world.seen_states[-1]}")

    # --- faults of a run; each returns whether it had an effect --------------------------------------

    def _channel(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """The channel has a bad day, from one call of the run on."""
        simulator = self.world.sides[side].simulator
        # A page may be repeated within one read. A page of yesterday as the first one could not be detected.
        simulator.forget_answers()
        faults = simulator.faults
        before = faults.delivered.total()
        fault = _fault(luck)
        moments = Moments("request", luck.number, lambda: faults.add(fault, luck.call, luck.times))
        with watched(moments):
            self.world.run(side, cycle)
        struck = faults.delivered.total() > before
        faults.clear()
        return struck

    def _killed(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """The run's process dies; its lease blocks other runs for a minute."""
        work = partial(start, cycle, self.world.name_of(side))
        return run_and_die(self.world.clocks.here, work, luck.moment, luck.number)

    def _locked(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        return self._fail_database(self._work(side, cycle), luck, "database is locked")

    def _disk_full(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        return self._fail_database(self._work(side, cycle), luck, "database or disk is full")

    def _connection_lost(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        return self._lose_connection(self._work(side, cycle), luck)

    def _addresses_refused(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """Addresses are refused while they are inserted: PostgreSQL ends the connection, SQLite fails."""
        return self._lose_connection(self._work(side, cycle), luck)

    def _work(self, side: int, cycle: Cycle) -> Callable[[], Any]:
        return lambda: self.world.run(side, cycle)

    def _lose_connection(self, work: Callable[[], Any], luck: Luck) -> bool:
        """The connection is lost; on PostgreSQL the server ends it; after a commit its reply is lost."""
        if get_engine().dialect.name == "postgresql" and luck.moment != COMMITTED:
            return _interrupted(work, luck, _terminate_connections)
        return self._fail_database(work, luck, "the connection was lost")

    def _fail_database(self, work: Callable[[], Any], luck: Luck, message: str) -> bool:
        dialect = get_engine().dialect
        error = dialect.loaded_dbapi.OperationalError(message)

        def strike() -> None:
            if luck.moment in (COMMIT, COMMITTED, ADDRESSES):
                # Raised by the driver: the error that leaves SQLAlchemy has the statement's values.
                raise error
            raise OperationalError("", {}, error, hide_parameters=True)

        return _interrupted(work, luck, strike)

    def _overtaken(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """The run hangs until its lease has expired and another run has done the work; then it continues."""

        def strike() -> None:
            self.world.clocks.advance(seconds=LEASE_SECONDS + 1)
            _elsewhere(lambda: self.world.run(side, cycle))

        return _interrupted(self._work(side, cycle), luck, strike)

    def _twice(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """A second worker starts the same cycle; it must end as cancelled."""
        ended: list[str] = []

        def strike() -> None:
            _elsewhere(lambda: ended.append(self.world.run(side, cycle)))

        struck = _interrupted(self._work(side, cycle), luck, strike)
        if struck and ended != ["CANCELLED"]:
            raise BrokenLawError(2, f"two runs of {cycle} worked at once: the second ended as {ended}")
        return struck

    def _changed_meanwhile(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """While pages are read, buyers buy, pay and change addresses, and orders are merged."""
        world, number = self.world, luck.number

        def strike() -> None:
            world.clocks.advance(seconds=2)
            world.buy(side, [(number, 1)], paid=False, done=True)
            world.merge(side, number, number + 1)
            world.pay_there(side, number + 2, 1)
            world.move(side, number + 3)

        return _interrupted(self._work(side, cycle), luck, strike)

    def _test(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """A test run: nothing is sent, and nothing changes here except the record of the run."""
        before = laws.picture(self.world)
        writes = [len(one.simulator.writes) for one in self.world.sides]
        self.world.run(side, cycle, test=True)
        if [len(one.simulator.writes) for one in self.world.sides] != writes:
            raise BrokenLawError(5, f"a test run of {cycle} wrote to the channel")
        if cycle is not Cycle.article_import:
            laws.check_test_left_no_trace(self.world, before)
        self.story.checked["5"] += 1
        return True

    def _prefect_gone(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """Prefect's server is down from one moment of the run on."""
        proxy = Proxy(os.environ["PREFECT_API_URL"])
        settings: dict[Any, Any] = {PREFECT_API_URL: proxy.url, PREFECT_CLIENT_MAX_RETRIES: 0}
        with temporary_settings(settings):
            struck = _interrupted(self._work(side, cycle), luck, proxy.cut)
        proxy.close()
        return struck

    def _mail_gone(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """The run fails permanently while the mail server is down."""
        self.world.smtp.stop()
        try:
            return self._channel(side, cycle, Luck("refuse_login", number=1, times=1))
        finally:
            self.world.smtp.start()

    def _mail_lost(self, side: int, cycle: Cycle, luck: Luck) -> bool:
        """The connection to the mail server breaks before or after the server accepted the mail."""

        def strike() -> None:
            raise _ServerAwayError("the connection was reset")

        faults = self.world.sides[side].simulator.faults
        faults.add(Fault.refuse_login())
        moments = Moments(luck.moment, luck.number, strike)
        with watched(moments):
            self.world.run(side, cycle)
            self.world.watch()
        faults.clear()
        return moments.struck > 0


def _interrupted(work: Callable[[], Any], luck: Luck, strike: Callable[[], None]) -> bool:
    """Do some work and call `strike` at its chosen moments; return whether it was called."""
    moments = Moments(luck.moment, luck.number, strike, times=luck.times)
    with watched(moments):
        work()
    return moments.struck > 0


def _fault(luck: Luck) -> Fault:
    return make_fault(luck.kind.partition("-")[0], **luck.fault)


def _elsewhere(work: Callable[[], Any]) -> None:
    """Do something in a separate thread, outside the context of the run that waits for it."""
    raised: list[BaseException] = []

    def catch() -> None:
        try:
            with lean_runs():
                work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=catch)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _terminate_connections() -> None:
    """Make PostgreSQL end every connection to this database except the one that asks."""
    address = get_engine().url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
