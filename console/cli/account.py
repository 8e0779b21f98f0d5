"""`warenfluss account`: connections to outside systems."""

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson
from console.cli.output import counted, fail, print_json, print_rows, say
from console.cli.parse import parse_pairs
from models.database.session import in_transaction, read_scope, session_scope
from models.errors import Action, Advice, RuleError
from models.intake.activation import set_mode
from models.tenants.account import account_data, add_account, get_account, list_accounts, name_taken
from models.tenants.account_kinds import MANUAL, kind_of
from models.tenants.records import Mode
from models.tenants.tenant import get_tenant, list_tenants
from models.tenants.views import account_views
from tasks.run.prefect_env import use_prefect

OLD_KINDS = {"own": MANUAL.name}
"""Names that kinds had before, as `--kind` still takes them."""

app = new_app("Connections of a tenant to outside systems.")
apps = {"account": app}

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE, e.g. base_url=http://…; an empty value restores the default."),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option(
        "--secret", help="NAME=VALUE; NAME=- asks for the value, or reads a line of standard input."
    ),
]


@app.command("add")
def add(
    name: str,
    kind: Annotated[
        str, typer.Option(help="The outside system, e.g. afterbuy, or manual for orders taken by hand.")
    ],
    tenant: Annotated[str, typer.Option(help="The tenant that owns the account.")],
    settings: Settings = None,
    secrets: Secrets = None,
) -> None:
    """Add an account as a draft; `account mode` starts its cycles."""
    need_database(create=True)
    kind = OLD_KINDS.get(kind, kind)
    given, wanted = _read_secrets(secrets), parse_pairs(settings, "--set")
    with read_scope() as session:
        known = [row.name for row in list_tenants(session)]
        names = [row.name for row in list_accounts(session)]
    if tenant not in known:
        raise RuleError(f"There is no tenant {tenant!r}.", Advice(Action.tenant_add, tenant))
    if name in names:
        raise name_taken(name)
    from connectors.registry import first_settings

    begun = first_settings(kind) | {key: value for key, value in wanted.items() if value}
    values = _check(kind, begun, given)
    with session_scope() as session:
        owner = get_tenant(session, tenant)
        add_account(session, owner.row_id, name, kind, values)
    if given:
        _save_secrets(name, given)
    say(f"Account {name!r} was added as a draft; `warenfluss account mode {name} live` starts its cycles.")
    _deploy(name)


@app.command("set")
def change(name: str, settings: Settings = None, secrets: Secrets = None) -> None:
    """Change settings and secrets of an account; others stay unchanged."""
    need_database()
    given = _read_secrets(secrets)
    changes = parse_pairs(settings, "--set")
    with read_scope() as session:
        account = get_account(session, name)
    values = {key: value for key, value in {**account.settings, **changes}.items() if value != ""}
    stored = _load_secrets(name)
    kept = {key: value for key, value in {**stored, **given}.items() if value}
    values = _check(account.kind, values, kept)
    with session_scope() as session:
        row = get_account(session, name)
        row.settings = values
        session.add(row)
    if given:
        _save_secrets(name, kept)
    say(f"Account {name!r} was changed.")
    _deploy(name)


@app.command("list")
def show_all(as_json: AsJson = False) -> None:
    """List the accounts; secrets are never shown."""
    need_database()
    with read_scope() as session:
        rows = account_views(session)
    print_rows(rows, ("name", "tenant", "kind", "mode", "activated_at"), as_json=as_json)


@app.command("mode")
def mode(name: str, new_mode: Annotated[Mode, typer.Argument(metavar="MODE")]) -> None:
    """Set the mode: draft runs nothing, test reads for inspection, live also writes to the channel."""
    need_database()
    removed = in_transaction(lambda session: set_mode(session, get_account(session, name), new_mode))
    say(
        f"Account {name!r} is {new_mode.value}."
        + (f" {counted(removed, 'test order')} removed." if removed else "")
    )
    _deploy(name)


@app.command("check")
def check(name: str, as_json: AsJson = False) -> None:
    """Try the login of an account; if it fails, print the reason and exit with code 1."""
    need_database()
    with read_scope() as session:
        account = get_account(session, name)
    manual = kind_of(account.kind).takes_manual_orders
    secrets = {} if manual else _load_secrets(name)
    from connectors.errors import ConnectorError
    from connectors.registry import open_connection
    from tasks.run.call_log import CallLog

    problem, clock = "", None
    try:
        _check(account.kind, account.settings, secrets)
        if not manual:
            data = account_data(account)
            with (
                CallLog(data.id) as calls,
                open_connection(data, secrets, test=True, record=calls) as connection,
            ):
                clock = connection.clock.check()
    except ConnectorError as error:
        problem = str(error)
    if as_json:
        shown = {"account": name, "ok": not problem, "problem": problem, "clock": clock}
        print_json(shown)
        if problem:
            raise typer.Exit(1)
    elif problem:
        raise fail(problem)
    elif manual:
        say(f"Account {name!r} takes orders by hand: there is nothing to log in to.")
    else:
        say(f"The login of account {name!r} works; the clock there says {_local(clock)}.")


def _local(clock: datetime | None) -> str:
    return clock.strftime("%Y-%m-%d %H:%M:%S UTC") if clock else "nothing"


def _read_secrets(values: list[str] | None) -> dict[str, str]:
    secrets = parse_pairs(values, "--secret")
    for name, value in secrets.items():
        if value != "-":
            continue
        if sys.stdin.isatty():
            secrets[name] = typer.prompt(name, hide_input=True, err=True)
        else:
            secrets[name] = sys.stdin.readline().rstrip("\r\n")
    return secrets


def _check(kind: str, settings: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """Return the settings as the connector reads them. Raises: AccountError, naming each fault."""
    from connectors.registry import check_settings

    return check_settings(kind, settings, [name for name, value in secrets.items() if value])


def _load_secrets(name: str) -> dict[str, str]:
    use_prefect()
    from tasks.run.secrets import load_secrets

    return load_secrets(name)


def _save_secrets(name: str, secrets: dict[str, str]) -> None:
    use_prefect()
    from tasks.run.secrets import save_secrets

    save_secrets(name, secrets)


def _deploy(name: str) -> None:
    """Bring the account's schedules up to date if a Prefect server runs; otherwise `up` does it later."""
    if not use_prefect():
        say("No Prefect server runs: `warenfluss up` starts one and schedules the cycles.")
        return
    from deployments.deploy import deploy_account

    try:
        names = deploy_account(name)
    except RuleError:
        raise
    except Exception as error:
        # The account itself is saved: the command has not failed because a server is away.
        say(f"Prefect's server could not be reached ({type(error).__name__}); `warenfluss up` does it later.")
        return
    if names:
        say(f"Scheduled: {', '.join(names)}.")
