"""Problems of an installation are found as data, before any face words them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.machine.health import Problem, ProblemKind, advice_on, check_service, find_problems
from deployments.work_pool import PoolService
from models.database.session import session_scope
from models.errors import Action, Advice
from models.sync.delivery import list_outbound, mark_failed
from models.sync.outbound import OutboundState, queue_outbound
from models.sync.records import Cycle, OutboundKind
from models.tenants.records import Mode
from tests.support.cli_steps import open_shop

SEEN_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("service", "problems"),
    [
        (None, [Problem(ProblemKind.no_work_pool, urgent=True)]),
        (PoolService(online=1, last_seen_at=SEEN_AT), []),
        (PoolService(last_seen_at=SEEN_AT), [Problem(ProblemKind.no_worker, urgent=True, at=SEEN_AT)]),
        (
            PoolService(is_paused=True),
            [
                Problem(ProblemKind.work_pool_paused, urgent=True),
                Problem(ProblemKind.no_worker, urgent=True),
            ],
        ),
    ],
)
def test_who_takes_runs(service: PoolService | None, problems: list[Problem]) -> None:
    """A pool without a worker, or a paused one, is urgent; a worker that is online is enough."""
    assert list(check_service(service)) == problems


def test_without_tables_nothing_further_is_checked(data_dir: Path) -> None:
    """The database is the only problem."""
    assert list(find_problems(logins=False)) == [Problem(ProblemKind.database_empty, urgent=True)]


def test_files_that_others_can_read_come_first(data_dir: Path) -> None:
    """Buyers' data and secrets are in them."""
    data_dir.chmod(0o755)
    (data_dir / "up.json").touch()
    (data_dir / "up.json").chmod(0o644)

    first, second = find_problems(logins=False)

    assert first == Problem(ProblemKind.open_files, urgent=True, count=2, text=str(data_dir))
    assert second.kind is ProblemKind.database_empty


def test_an_account_that_needs_a_person(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parked change counts at its account; a draft needs no server."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    open_shop(Mode.draft)
    with session_scope() as session:
        queue_outbound(session, 1, OutboundKind.stock, ["5"])
        (row,) = list_outbound(session, [OutboundState.pending])
        mark_failed(session, row, "refused", final=True)

    found = {problem.kind: problem for problem in find_problems(logins=False)}

    assert set(found) == {
        ProblemKind.mail_not_set_up,
        ProblemKind.no_prefect,
        ProblemKind.draft,
        ProblemKind.parked,
    }
    assert found[ProblemKind.parked] == Problem(ProblemKind.parked, urgent=True, account="shop", count=1)
    assert not found[ProblemKind.no_prefect].urgent


@pytest.mark.parametrize(
    ("problem", "advice"),
    [
        (
            Problem(ProblemKind.parked, urgent=True, account="shop", count=1),
            (
                Advice(Action.outbound_list, values={"state": "parked", "account": "shop"}),
                Advice(Action.outbound_retry),
            ),
        ),
        (
            Problem(ProblemKind.failing, urgent=True, account="shop", cycle=Cycle.order_import),
            (
                Advice(Action.account_check, "shop"),
                Advice(Action.cycle_run, "order-import", {"account": "shop"}),
            ),
        ),
        (
            Problem(ProblemKind.vanished, urgent=True, account="shop", cycle=Cycle.replay, run_id=7),
            (Advice(Action.replay, "shop", {"run": "7"}),),
        ),
        (
            Problem(ProblemKind.vanished, urgent=True, account="shop", cycle=Cycle.stock_export, run_id=7),
            (Advice(Action.start),),
        ),
        (Problem(ProblemKind.mails_waiting, urgent=True, text="421 try again later"), ()),
    ],
)
def test_what_to_do_is_data(problem: Problem, advice: tuple[Advice, ...]) -> None:
    """A replay is not started again by its cycle; what the mail server says is done outside."""
    assert advice_on(problem) == advice
