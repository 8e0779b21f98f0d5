"""`warenfluss reconcile`: differences between a channel and this database."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson
from console.cli.output import print_rows, say
from console.cli.sync import run_cycle
from documents.commands import command_of
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.reconciliation.differences import (
    Difference,
    force_reimport,
    get_differences,
    list_differences,
    republish,
)
from models.reconciliation.records import OUTBOUND_FOR, Remedy
from models.reconciliation.views import DifferenceView, difference_views
from models.sync.cycles import PUBLISHED_BY
from models.sync.records import Cycle
from models.tenants.account import account_id_of, list_accounts
from models.tenants.records import Mode

app = new_app("Differences between a channel and this database.")
apps = {"reconcile": app}


@app.command("list")
def show_all(
    account: AccountOption = None,
    settled: Annotated[bool, typer.Option("--settled", help="Differences that are gone.")] = False,
    as_json: AsJson = False,
) -> None:
    """List differences, the oldest first, each with the command that settles it."""
    need_database()
    with read_scope() as session:
        found = list_differences(session, account_id_of(session, account), settled=settled)
        rows = [_shown(view) for view in difference_views(session, found)]
    columns = ("id", "account", "kind", "subject", "field", "here", "there", "first_seen_at", "command")
    print_rows(rows, columns, as_json=as_json)


@app.command("mend")
def mend(
    ids: Annotated[list[int] | None, typer.Argument(help="Numbers from `reconcile list`.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that can be settled without a person.")
    ] = False,
    account: AccountOption = None,
) -> None:
    """Read orders again, or publish again; the exit code is 1 if a person must decide.

    Repeating it is harmless. The next reconcile run shows whether it helped.
    """
    if bool(ids) == everything:
        raise typer.BadParameter("Name the numbers of differences, or give --all.")
    need_database()
    with read_scope() as session:
        accounts = {row.row_id: row for row in list_accounts(session)}
        only = account_id_of(session, account)
        rows = get_differences(session, ids) if ids else list_differences(session, only)
    names = {account_id: row.name for account_id, row in accounts.items()}
    for row in rows:
        if row.remedy is not Remedy.decide and accounts[row.account_id].mode is not Mode.live:
            raise RuleError(
                f"Account {names[row.account_id]!r} is not live: nothing is read or published for it."
            )
    _publish_again([row for row in rows if row.remedy is Remedy.tell], names)
    _read_again([row for row in rows if row.remedy is Remedy.read], names)
    undecided = [row for row in rows if row.remedy is Remedy.decide]
    for row in undecided if ids else []:
        say(_what_to_decide(row, names[row.account_id]))
    if not ids:
        say(f"{len(rows) - len(undecided)} of {len(rows)} differences were settled without a person.")
    elif undecided:
        raise typer.Exit(1)


def _shown(view: DifferenceView) -> dict[str, Any]:
    row = dict(vars(view))
    row["command"] = command_of(row.pop("advice"))
    return row


def _publish_again(rows: Sequence[Difference], names: Mapping[int, str]) -> None:
    for row in rows:
        with session_scope() as session:
            known = republish(session, session.get_one(Difference, row.id))
        cycle = PUBLISHED_BY[OUTBOUND_FOR[row.kind]]
        say(
            f"{row.kind} of {row.subject} is published again with the next {cycle} of account "
            f"{names[row.account_id]!r}."
            if known
            else f"{row.subject} is not known here any more."
        )


def _read_again(rows: Sequence[Difference], names: Mapping[int, str]) -> None:
    for account_id in sorted({row.account_id for row in rows}):
        own = [row for row in rows if row.account_id == account_id]
        with session_scope() as session:
            for row in own:
                force_reimport(session, session.get_one(Difference, row.id))
        numbers = sorted({row.subject for row in own})
        run_cycle(names[account_id], Cycle.order_import, orders=numbers)
        say(f"Read again from account {names[account_id]!r}: order {', '.join(numbers)}.")


def _what_to_decide(row: Difference, account: str) -> str:
    number = f"{row.subject} --account {account}"
    return (
        f"Order {row.subject} ({row.kind}: here {row.here or 'nothing'}, there {row.there or 'nothing'}): "
        f"look at it at the channel and with `warenfluss order show {number}`. If it was cancelled there, "
        f"`warenfluss order cancel {number}`; if it stands there after all, `warenfluss sync order-import "
        f"--account {account} --order {row.subject}`. Nothing is changed by itself."
    )
