"""Runs, schedules, calls, queued updates and rejected records as records that every face can show."""

from models.database.session import session_scope
from models.sync.calls import list_calls, save_calls
from models.sync.delivery import list_outbound
from models.sync.outbound import OutboundState, queue_outbound
from models.sync.records import OK, CallData, Counts, Cycle, OutboundKind, RejectedData
from models.sync.rejected import list_rejected, save_rejected
from models.sync.runs import RunState, begin_run, finish_run, list_runs
from models.sync.schedules import save_schedule
from models.sync.views import (
    RejectedView,
    call_views,
    outbound_views,
    rejected_summaries,
    rejected_view,
    run_views,
    schedule_views,
)
from tests.support.builders import make_shop


def test_a_run_names_its_account_and_has_its_figures(database: str) -> None:
    with session_scope() as session:
        account = make_shop(session).account
        run = begin_run(session, account.id, Cycle.order_import)
        finish_run(session, run.row_id, RunState.failed, Counts(read=3), error="no answer")

        (view,) = run_views(session, list_runs(session))

    assert (view.id, view.account, view.cycle, view.state) == (
        run.row_id,
        account.name,
        Cycle.order_import,
        RunState.failed,
    )
    assert (view.counts["read"], view.error) == (3, "no answer")


def test_a_schedule_is_in_minutes_and_knows_the_last_success(database: str) -> None:
    with session_scope() as session:
        account = make_shop(session).account
        save_schedule(session, account.id, Cycle.order_import, 100, active=False)
        run = begin_run(session, account.id, Cycle.order_import)
        finish_run(session, run.row_id, RunState.completed, Counts())

        (view,) = schedule_views(session)

    assert (view.account, view.cycle, view.minutes) == (account.name, Cycle.order_import, 1.67)
    assert (view.active, view.last_success_at) == (False, run.finished_at)


def test_a_call_says_whether_it_reads_and_which_orders_it_named(database: str) -> None:
    """The caller hands in the orders: the machinery knows no trade."""
    with session_scope() as session:
        account = make_shop(session).account
        calls = [CallData("GetSoldItems", reads=True, ending=OK), CallData("CancelOrders", reads=False)]
        save_calls(session, account.id, None, calls, {})
        write, read = list_calls(session)

        views = call_views(session, [write, read], {write.row_id: ["4711"]})

    assert [(view.account, view.call, view.kind, view.orders) for view in views] == [
        (account.name, "CancelOrders", "write", ["4711"]),
        (account.name, "GetSoldItems", "read", []),
    ]


def test_a_queued_update_has_its_state(database: str) -> None:
    with session_scope() as session:
        account = make_shop(session).account
        queue_outbound(session, account.id, OutboundKind.stock, ["5"])

        (view,) = outbound_views(session, list_outbound(session, [OutboundState.pending]))

    assert (view.account, view.kind, view.key, view.state) == (
        account.name,
        OutboundKind.stock,
        "5",
        OutboundState.pending,
    )


def test_a_rejected_record_has_its_raw_form_only_where_one_is_shown(database: str) -> None:
    with session_scope() as session:
        account = make_shop(session).account
        record = RejectedData(kind="order", external_id="77", reason="no lines", raw="<x/>")
        save_rejected(session, account.id, [record])
        (row,) = list_rejected(session)

        (summary,) = rejected_summaries(session, [row])

        assert (summary.account, summary.external_id, summary.times) == (account.name, "77", 1)
        assert rejected_view(session, row) == RejectedView(summary, "<x/>")
