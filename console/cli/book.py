"""`warenfluss book`: booking records of documents and payments, for an accounting program."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson, GermanSheet, LimitOption, TenantOption, most_rows
from console.cli.output import counted, print_rows, print_table, say
from console.cli.parse import parse_day
from models.accounting.bookings import sums_of
from models.database.session import read_scope
from models.tenants.tenant import pick_tenant

app = new_app("Booking records of documents and payments, which never change.")
apps = {"book": app}

From = Annotated[str | None, typer.Option("--from", help="The first German day, e.g. 2026-11-01.")]
Until = Annotated[str | None, typer.Option("--until", help="The last German day, included.")]
COLUMNS = (
    "booking",
    "booked_on",
    "kind",
    "label",
    "reference",
    "order_number",
    "tax_rate",
    "net",
    "tax",
    "gross",
    "currency",
    "tax_case",
    "country",
)
SUMS = ("currency", "kind", "tax_case", "country", "tax_rate", "rows", "net", "tax", "gross")


@app.command("list")
def show_all(
    since: From = None,
    until: Until = None,
    tenant: TenantOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List booking records by day, one row for each tax rate."""
    from tasks.sheets.bookings import read_books

    need_database()
    rows = read_books(
        _tenant_id(tenant), parse_day(since), parse_day(until), most_rows(limit, as_json=as_json)
    )
    print_rows(rows, COLUMNS, as_json=as_json)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file; one row for each tax rate.")],
    since: From = None,
    until: Until = None,
    tenant: TenantOption = None,
    german: GermanSheet = False,
) -> None:
    """Write booking records into a spreadsheet and print their sums; missing records are created first."""
    from tasks.sheets.bookings import export_books

    need_database()
    rows = export_books(file, _tenant_id(tenant), parse_day(since), parse_day(until), german=german)
    print_table(SUMS, [[row[name] for name in SUMS] for row in sums_of(rows)])
    say(f"{counted(len(rows), 'row')} of bookings written to {file}.")


@app.command("fill")
def fill() -> None:
    """Create missing booking records for documents and payments of all tenants.

    Only documents and payments from before there were booking records have none.
    """
    from tasks.sheets.bookings import fill_books

    need_database()
    say(f"Documents and payments booked: {fill_books()}.")


def _tenant_id(name: str | None) -> int:
    with read_scope() as session:
        return pick_tenant(session, name).row_id
