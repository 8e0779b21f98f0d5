"""`warenfluss sync`: run one cycle of an account in this process."""

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from console.cli.frame import need_database, new_command
from console.cli.options import AsJson
from console.cli.output import fail, print_json
from console.cli.parse import parse_time
from models.database.session import read_scope
from models.sync.cycles import check_has_cycle
from models.sync.records import Counts, Cycle
from models.tenants.account import account_options, check_is_opened, get_account
from models.tenants.account_kinds import kind_of
from models.tenants.tenant import Tenant
from tasks.run.prefect_env import use_prefect

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def sync(
    cycle: Annotated[Cycle, typer.Argument(help="The cycle.")],
    account: Annotated[str, typer.Option(help="The account.")],
    test: Annotated[
        bool,
        typer.Option("--test", help="Change nothing outside; imported orders are marked as test orders."),
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="order-import, reconcile: read what changed since then; German time.")
    ] = None,
    orders: Annotated[
        list[str] | None, typer.Option("--order", help="order-import: only this order, by external id.")
    ] = None,
    articles: Annotated[
        list[str] | None, typer.Option("--article", help="article-import: only this article, by external id.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="article-import: read all articles, not only changed ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run one cycle of an account in this process and print what it did; exit code 0 only on success."""
    parameters: dict[str, Any] = {}
    if cycle is Cycle.replay:
        raise typer.BadParameter(f"`warenfluss replay --account {account}` runs orders again.")
    if cycle is Cycle.order_import:
        parameters = {"since": parse_time(since) if since else None, "orders": orders or None}
    elif cycle is Cycle.reconcile:
        parameters = {"since": parse_time(since) if since else None}
    elif since:
        raise typer.BadParameter("--since belongs to order-import and reconcile.")
    if orders and cycle is not Cycle.order_import:
        raise typer.BadParameter("--order belongs to order-import.")
    if cycle is Cycle.article_import:
        parameters = {"full": full, "articles": articles or None}
    elif full or articles:
        raise typer.BadParameter("--full and --article belong to article-import.")
    need_database(create=True)
    counts = run_cycle(account, cycle, test=test, **parameters)
    if as_json:
        print_json(counts.model_dump())
    else:
        typer.echo(counts.text())


def run_cycle(account: str, cycle: Cycle, *, test: bool = False, **parameters: Any) -> Counts:
    """Run a cycle in this process; return its counts. Raises: typer.Exit, after printing what failed."""
    state = run_flow(account, cycle, test=test, **parameters)
    from models.sync.alarms import list_attempts

    with read_scope() as session:
        runs = list_attempts(session, str(state.state_details.flow_run_id))
        return Counts.model_validate(runs[-1].counts) if runs else Counts()


def run_flow(account: str, cycle: Cycle, *, test: bool = False, **parameters: Any) -> "State[Any]":
    """Run a cycle in this process; return its completed state. Raises: typer.Exit, as `run_cycle`."""
    with read_scope() as session:
        row = get_account(session, account)
        tenant = session.get_one(Tenant, row.tenant_id).name
        # Refused here already: starting Prefect first would take many seconds.
        check_is_opened(row)
        check_has_cycle(account, kind_of(row.kind), cycle)
        account_options(row)
    use_prefect()
    from prefect import tags

    from deployments.deploy import find_flow, tags_of

    flow = find_flow(cycle)
    try:
        with tags(*tags_of(tenant, account, cycle)):
            state = cast("State[Any]", flow(account=account, test=test, **parameters, return_state=True))
    except Exception as error:
        # An error of the cycle itself is in the state: this one is Prefect's.
        raise fail(
            f"Prefect could not run {cycle} ({type(error).__name__}); `warenfluss doctor` says more."
        ) from None
    from tasks.run.artifacts import publish_overview

    publish_overview()
    if not state.is_completed():
        raise fail(f"{cycle} of account {account!r} failed: {_reason(state)}")
    return state


def _reason(state: "State[Any]") -> str:
    """Return why a run ended; for an unknown error only its class: its text may hold buyers' data."""
    from tasks.watch.alarms import find_exception, safe_error

    if error := find_exception(state):
        return safe_error(error)
    return str(state.message if state.is_cancelled() else state.name)


apps = {"sync": new_command(sync)}
