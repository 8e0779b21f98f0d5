"""`warenfluss bin`: bins in warehouses, and the order in which pickers walk along them."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson, DryRun, TenantOption
from console.cli.output import print_rows, print_sheet_report, say
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.tenants.tenant import pick_tenant
from models.values import MAX_COUNT
from models.warehouse.bins import get_bin, list_bins, place_articles, remove_articles, rename_bin, save_bin
from models.warehouse.lists import stockable_articles
from models.warehouse.views import bin_views
from models.warehouse.warehouses import pick_warehouse

app = new_app("Bins in warehouses, in the order in which pickers walk along them.")
apps = {"bin": app}

Name = Annotated[str, typer.Argument(help="The bin's name, e.g. A-03-2.")]
Place = Annotated[
    int | None,
    typer.Option(help="The position in the walking order; the lowest comes first.", min=0, max=MAX_COUNT),
]
WarehouseOption = Annotated[str | None, typer.Option("--warehouse", help="Default: the first one.")]


@app.command("add")
def add(
    name: Name, place: Place = None, warehouse: WarehouseOption = None, tenant: TenantOption = None
) -> None:
    """Add a bin, after the last one if no place is given."""
    need_database()

    def step(session: Session) -> None:
        where = pick_warehouse(session, pick_tenant(session, tenant).row_id, warehouse)
        if name in [row.name for _, row, _ in list_bins(session, where.tenant_id, where.name)]:
            raise RuleError(f"Warehouse {where.name!r} has a bin {name!r} already.")
        save_bin(session, where, name, place)

    in_transaction(step)
    say(f"Bin {name} was added.")


@app.command("list")
def show_all(warehouse: WarehouseOption = None, tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """List bins in walking order, with their articles."""
    need_database()
    with read_scope() as session:
        rows = bin_views(session, pick_tenant(session, tenant).row_id, warehouse)
    print_rows(rows, ("warehouse", "bin", "place", "skus"), as_json=as_json)


@app.command("set")
def change(
    name: Name,
    place: Place = None,
    new_name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    skus: Annotated[
        list[str] | None, typer.Option("--sku", help="An article to put into the bin; repeatable.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="An article to take out of the bin; repeatable.")
    ] = None,
    warehouse: WarehouseOption = None,
    tenant: TenantOption = None,
) -> None:
    """Change a bin's place, name or articles; an article has one bin in each warehouse."""
    need_database()

    def step(session: Session) -> None:
        where = pick_warehouse(session, pick_tenant(session, tenant).row_id, warehouse)
        row = get_bin(session, where, name)
        found = stockable_articles(session, where.tenant_id, [*(skus or []), *(without or [])])
        wrong = [reason for reason in found.values() if isinstance(reason, str)]
        if wrong:
            raise RuleError(wrong[0])
        if place is not None:
            save_bin(session, where, name, place)
        remove_articles(session, where, row, [int(found[sku]) for sku in without or []])
        place_articles(session, where, row, [int(found[sku]) for sku in skus or []])
        if new_name is not None and new_name != name:
            rename_bin(session, where, row, new_name)

    in_transaction(step)
    say(f"Bin {new_name or name} was changed.")


@app.command("import")
def import_sheet(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX file with bin, warehouse, place and sku.")],
    tenant: TenantOption = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set bins from a spreadsheet; if rows are refused, the others are saved; exit code 1."""
    need_database()
    from tasks.sheets.bins import import_bins

    report = import_bins(file, tenant, dry_run=dry_run)
    print_sheet_report(report.rows, report.ignored, dry_run=dry_run, as_json=as_json)
