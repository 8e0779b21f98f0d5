"""`warenfluss stock`: stock on hand, allocated and available."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson, DryRun, GermanSheet, LimitOption, TenantOption, most_rows
from console.cli.output import counted, print_columns, print_json_list, print_rows, print_sheet_report, say
from models.catalog.article import get_article
from models.catalog.listing import LimitScope
from models.catalog.lists import list_articles
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.tenants.account import get_account
from models.tenants.tenant import Tenant, pick_tenant
from models.values import MAX_COUNT
from models.warehouse.ledger import set_on_hand
from models.warehouse.lists import delete_limit, set_limit, stockable_articles
from models.warehouse.views import LimitView, StockView, limit_views, stock_views
from models.warehouse.warehouses import list_warehouses, pick_warehouse, save_warehouse

app = new_app("Stock on hand, allocated to orders and available.")
apps = {"stock": app}


@app.command("list")
def show_all(
    search: Annotated[str, typer.Argument(help="Part of a SKU or title, or a whole GTIN.")] = "",
    tenant: TenantOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List stock by SKU; a bundle's figures come from its parts."""
    need_database()
    with read_scope() as session:
        rows = _rows(session, pick_tenant(session, tenant), search)
        first = islice(rows, most_rows(limit, as_json=as_json))
        if as_json:
            print_json_list(first)
            return
        shown = list(first)
        is_cut = next(rows, None) is not None
    print_columns(shown, ("sku", "title", "kind", "on_hand", "allocated", "available"))
    if is_cut:
        say(f"The first {len(shown)} only; --limit 0 shows all.")


@app.command("set")
def change(
    sku: str,
    quantity: Annotated[int, typer.Argument(help="The counted stock on hand.", min=0, max=MAX_COUNT)],
    tenant: TenantOption = None,
    warehouse: Annotated[str | None, typer.Option(help="Default: the first one.")] = None,
    reference: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "command line",
) -> None:
    """Set the stock on hand of an article; the next stock-export publishes it to channels."""
    need_database()

    def step(session: Session) -> int:
        owner = pick_tenant(session, tenant)
        found = stockable_articles(session, owner.row_id, [sku])[sku]
        if isinstance(found, str):
            raise RuleError(found)
        place = pick_warehouse(session, owner.row_id, warehouse)
        return set_on_hand(session, place.row_id, {found: quantity}, reference=reference).get(found, 0)

    change_of = in_transaction(step)
    say(
        f"Stock of {sku} is {quantity} ({change_of:+d})."
        if change_of
        else f"Stock of {sku} is {quantity} already."
    )


@app.command("limit")
def limit_stock(
    account: Annotated[str, typer.Argument(help="The account of the channel.")],
    buffer: Annotated[int | None, typer.Option(min=0, help="The quantity to hold back.")] = None,
    maximum: Annotated[int | None, typer.Option(min=0, help="The highest quantity to publish.")] = None,
    sku: Annotated[str | None, typer.Option(help="For one article; overrides other limits.")] = None,
    category: Annotated[str | None, typer.Option(help="For a category, by the channel's id.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove this limit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold back stock from a channel; without a buffer and a maximum, list the limits."""
    need_database()
    if sku and category:
        raise typer.BadParameter("Give --sku or --category, not both.")
    if remove and (buffer is not None or maximum is not None):
        raise typer.BadParameter("--remove goes without figures.")

    def step(session: Session) -> list[LimitView]:
        row = get_account(session, account)
        account_id = row.row_id
        scope, key = LimitScope.account, ""
        if category:
            scope, key = LimitScope.category, category
        elif sku:
            scope, key = LimitScope.article, str(get_article(session, row.tenant_id, sku).id)
        if remove:
            delete_limit(session, account_id, scope, key)
        elif buffer is not None or maximum is not None:
            set_limit(session, account_id, scope, key, buffer or 0, maximum)
        return limit_views(session, row)

    rows = in_transaction(step)
    print_rows(rows, ("account", "scope", "of", "buffer", "maximum"), as_json=as_json)


@app.command("warehouse")
def warehouse(
    name: Annotated[str | None, typer.Argument(help="A warehouse to add or change.")] = None,
    priority: Annotated[
        int, typer.Option(help="Stock is allocated from the lowest priority first.", min=0, max=1000)
    ] = 0,
    tenant: TenantOption = None,
    as_json: AsJson = False,
) -> None:
    """Add a warehouse or change its priority; without a name, list the warehouses."""
    need_database()

    def step(session: Session) -> list[dict[str, Any]]:
        tenant_id = pick_tenant(session, tenant).row_id
        if name:
            save_warehouse(session, tenant_id, name, priority)
        return [{"name": row.name, "priority": row.priority} for row in list_warehouses(session, tenant_id)]

    rows = in_transaction(step)
    print_rows(rows, ("name", "priority"), as_json=as_json)


@app.command("import")
def import_sheet(
    file: Annotated[
        Path, typer.Argument(help="A CSV or XLSX file with sku, on_hand and optionally warehouse.")
    ],
    tenant: TenantOption = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set stock on hand from a spreadsheet; if rows are refused, the others are saved; exit code 1."""
    need_database()
    from tasks.sheets.stock import import_stock

    report = import_stock(file, tenant, dry_run=dry_run)
    print_sheet_report(report.rows, report.ignored, dry_run=dry_run, as_json=as_json)


@app.command("export")
def export_sheet(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file.")],
    tenant: TenantOption = None,
    german: GermanSheet = False,
) -> None:
    """Write stock by article and warehouse into a spreadsheet that `stock import` reads."""
    need_database()
    from tasks.sheets.stock import export_stock

    count = export_stock(file, tenant, german=german)
    say(f"{counted(count, 'row')} of stock written to {file}.")


def _rows(session: Session, tenant: Tenant, search: str) -> Iterator[StockView]:
    for batch in list_articles(session, tenant.row_id, search):
        yield from stock_views(session, tenant, batch)
