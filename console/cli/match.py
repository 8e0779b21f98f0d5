"""`warenfluss match`: order lines without an article."""

from functools import partial
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson
from console.cli.output import counted, print_json_list, print_table, say
from console.cli.parse import parse_parts
from models.catalog.article import get_article
from models.catalog.records import ArticleKind
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.order_desk.lists import CHANNEL_CODES
from models.order_desk.match_choices import rematch_lines, resolve_line
from models.order_desk.views import unmatched_views
from models.orders.holds import open_holds
from models.orders.match_rules import read_rules
from models.orders.queries import find_order
from models.tenants.account import Account, account_data, account_id_of, get_account, list_accounts
from models.tenants.tenant import Tenant

app = new_app("Order lines without an article.")
apps = {"match": app}


@app.command("list")
def show_all(account: AccountOption = None, as_json: AsJson = False) -> None:
    """List held lines, each with how the channel names the article and the SKUs to choose from."""
    need_database()
    with read_scope() as session:
        rows = unmatched_views(session, account_id_of(session, account))
    if as_json:
        print_json_list(rows)
        return
    print_table(
        ("order", "line", "quantity", "title", "codes there", "candidates"),
        [
            (
                row.order,
                row.line,
                row.quantity,
                row.title,
                [row.codes[name] for name in CHANNEL_CODES if row.codes.get(name)],
                row.candidates,
            )
            for row in rows
        ],
    )


@app.command("resolve")
def resolve(
    order: Annotated[str, typer.Argument(help="The order's external id, or its number at the marketplace.")],
    line: Annotated[str, typer.Argument(help="The line's external id.")],
    skus: Annotated[
        list[str], typer.Option("--sku", help="SKU, or SKU=QUANTITY for one unit of the line; repeatable.")
    ],
    remember: Annotated[
        bool, typer.Option("--remember", help="Match every line with this code like this from now on.")
    ] = False,
    account: AccountOption = None,
) -> None:
    """Choose the articles of a line; its hold ends and stock is allocated to it."""
    need_database()
    wanted = parse_parts(skus, "--sku")

    def step(session: Session) -> tuple[str, int, set[str]]:
        row = find_order(session, order, account_id_of(session, account))
        owner = session.get_one(Account, row.account_id)
        parts = []
        for sku, quantity in wanted.items():
            article = get_article(session, row.tenant_id, sku)
            if article.kind is ArticleKind.parent:
                raise RuleError(
                    f"{sku} groups variants and is never sold itself; choose one of its variants."
                )
            parts.append((article.row_id, quantity))
        resolve_line(session, owner, row, line, parts, remember=remember)
        others = 0
        if remember:
            rules = read_rules(session.get_one(Tenant, row.tenant_id).match_rules)
            others = rematch_lines(session, account_data(owner), rules)
        holds = open_holds(session, [row.row_id]).get(row.row_id, [])
        return row.external_id, others, {str(hold.reason) for hold in holds}

    number, others, reasons = in_transaction(step)
    say(
        f"Line {line} of order {number} is {', '.join(skus)}."
        + (f" {counted(others, 'other line')} matched." if others else "")
        + (f" The order is still held: {', '.join(sorted(reasons))}." if reasons else "")
    )


@app.command("retry")
def retry(account: AccountOption = None) -> None:
    """Apply the matching rules again to all unmatched lines, e.g. after an article import."""
    need_database()
    with read_scope() as session:
        accounts = [get_account(session, account)] if account else list_accounts(session)
        rules = {row.id: read_rules(session.get_one(Tenant, row.tenant_id).match_rules) for row in accounts}
    found = sum(
        in_transaction(partial(rematch_lines, account=account_data(row), rules=rules[row.id]))
        for row in accounts
    )
    say(f"{counted(found, 'line')} matched.")
