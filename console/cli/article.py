"""`warenfluss article`: articles, and spreadsheets of them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson, DryRun, GermanSheet, LimitOption, TenantOption, most_rows
from console.cli.output import (
    as_plain,
    counted,
    print_columns,
    print_json,
    print_json_list,
    print_sheet_report,
    say,
    show_cell,
)
from models.catalog.article import get_article
from models.catalog.lists import count_articles, list_articles
from models.database.session import Session, in_transaction, read_scope
from models.tenants.account import account_data, list_accounts
from models.tenants.tenant import Tenant, pick_tenant
from models.warehouse.views import ArticleSummary, article_summaries, article_view

app = new_app("Articles: what is sold.")
apps = {"article": app}


@app.command("list")
def show_all(
    search: Annotated[str, typer.Argument(help="Part of a SKU or title, or a whole GTIN.")] = "",
    active: Annotated[bool, typer.Option("--active", help="Only active articles.")] = False,
    tenant: TenantOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List articles by SKU."""
    need_database()
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        found = _rows(session, owner, search, active, most_rows(limit, as_json=as_json))
        if as_json:
            print_json_list(found)
            return
        rows = list(found)
        count = count_articles(session, owner.row_id, search, only_active=active)
    columns = ("sku", "title", "kind", "gtin", "price", "currency", "on_hand", "available", "active")
    print_columns(rows, columns)
    if len(rows) < count:
        say(f"{len(rows)} of {counted(count, 'article')}; --limit 0 shows all.")


@app.command("show")
def show(sku: str, tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """Show one article with texts, prices, parts, variants, stock and listings."""
    need_database()
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        view = article_view(session, owner, get_article(session, owner.row_id, sku))
    if as_json:
        print_json(view)
        return
    for name, value in as_plain(view).items():
        if value not in (None, "", [], {}):
            lines = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
            for line in lines:
                typer.echo(f"{name}: {show_cell(line)}")


@app.command("import")
def import_sheet(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX file; its first row names the columns.")],
    tenant: TenantOption = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Save articles from a spreadsheet; if rows are refused, the others are saved; exit code 1."""
    need_database()
    from tasks.sheets.articles import import_articles

    report = import_articles(file, tenant, dry_run=dry_run)
    if not dry_run:
        _rematch(report.tenant_id)
    print_sheet_report(report.rows, report.ignored, dry_run=dry_run, as_json=as_json)


@app.command("export")
def export_sheet(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file.")],
    tenant: TenantOption = None,
    german: GermanSheet = False,
) -> None:
    """Write articles into a spreadsheet that `article import` reads."""
    need_database()
    from tasks.sheets.articles import export_articles

    count = export_articles(file, tenant, german=german)
    say(f"{counted(count, 'article')} written to {file}.")


def _rematch(tenant_id: int) -> None:
    """Match waiting lines with the articles that were just imported."""
    from models.order_desk.match_choices import rematch_lines
    from models.orders.match_rules import read_rules

    with read_scope() as session:
        rules = read_rules(session.get_one(Tenant, tenant_id).match_rules)
        accounts = [account for account in list_accounts(session) if account.tenant_id == tenant_id]
    for account in accounts:
        found = in_transaction(partial(rematch_lines, account=account_data(account), rules=rules))
        if found:
            say(f"{counted(found, 'waiting line')} of account {account.name!r} found an article.")


def _rows(
    session: Session, tenant: Tenant, search: str, active: bool, limit: int | None
) -> Iterator[ArticleSummary]:
    for batch in list_articles(session, tenant.row_id, search, only_active=active, limit=limit):
        yield from article_summaries(session, tenant, batch)
