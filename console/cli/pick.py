"""`warenfluss pick`: pick lists, and scanning along a walk."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from console.cli.advice import say_refused
from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, LanguageOption, LimitOption, TenantOption, most_rows
from console.cli.output import counted, print_json, print_rows, print_table, say
from console.cli.parse import parse_language
from documents.commands import explain
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.orders.queries import find_order
from models.tenants.account import account_id_of
from models.tenants.tenant import pick_tenant
from models.values import MAX_COUNT
from models.warehouse.missing_goods import report_short
from models.warehouse.pick_lists import PickMode
from models.warehouse.pick_sheets import PickSheet, list_lists, read_sheet
from models.warehouse.picking import (
    CloseResult,
    cancel_list,
    close_list,
    create_list,
    list_result,
    start_next_list,
)
from models.warehouse.scanning import ScanResult, scan, undo

app = new_app("Pick lists, and scanning along a walk.")
apps = {"pick": app}

LONGEST_LINE = 1000
"""Bytes of standard input that are read as one code."""

Number = Annotated[int, typer.Argument(metavar="LIST", help="The list's number.")]
Code = Annotated[str, typer.Argument(help="A SKU or GTIN.")]


@app.command("create")
def create(
    numbers: Annotated[
        list[str] | None, typer.Argument(help="Orders, by external id or number at the marketplace.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="The next orders, at most this many; sorted after the walk.")
    ] = None,
    boxes: Annotated[
        int | None, typer.Option(min=1, help="The next orders, at most this many; each has its own box.")
    ] = None,
    account: AccountOption = None,
    tenant: TenantOption = None,
) -> None:
    """Make a pick list for each named order, or one for many orders; without an order, for the next one.

    The list's number is printed. An order that cannot be picked now does not block the others.
    """
    need_database()
    if sum([bool(numbers), batch is not None, boxes is not None]) > 1:
        raise typer.BadParameter("Name orders, --batch or --boxes, not several of them.")
    if not numbers:
        mode = PickMode.batch if batch else PickMode.boxes if boxes else PickMode.single

        def begin(session: Session) -> int:
            tenant_id = pick_tenant(session, tenant).row_id
            return start_next_list(session, tenant_id, mode, batch or boxes or 1).row_id

        typer.echo(in_transaction(begin))
        return

    def single(number: str) -> Callable[[Session], int]:
        def step(session: Session) -> int:
            order = find_order(session, number, account_id_of(session, account))
            return create_list(session, order.tenant_id, PickMode.single, [order.row_id]).row_id

        return step

    refused = False
    for number in dict.fromkeys(numbers):
        try:
            typer.echo(in_transaction(single(number)))
        except RuleError as error:
            refused = True
            say_refused(error)
    if refused:
        raise typer.Exit(1)


@app.command("list")
def show_all(
    ended: Annotated[bool, typer.Option("--all", help="Include closed lists.")] = False,
    tenant: TenantOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List open pick lists, the latest first."""
    need_database()
    with read_scope() as session:
        tenant_id = pick_tenant(session, tenant).row_id
        found = list_lists(session, tenant_id, only_open=not ended, limit=most_rows(limit, as_json=as_json))
    columns = ("number", "mode", "state", "created_at", "ended_at", "orders", "quantity", "picked")
    print_rows(found, columns, as_json=as_json)


@app.command("show")
def show(
    number: Number,
    by_order: Annotated[
        bool,
        typer.Option("--by-order", help="Show what goes to which order, to sort a batch after the walk."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a list in walking order, and the state of its orders."""
    need_database()
    with read_scope() as session:
        sheet, result = read_sheet(session, number), list_result(session, number)
    if as_json:
        print_json(vars(sheet) | {"outcome": result})
        return
    say(f"Pick list {number}, {sheet.mode}, {sheet.state}: {counted(len(sheet.orders), 'order')}.")
    if by_order:
        print_table(("order", "box", "sku", "title", "quantity", "picked"), _by_order(sheet))
    else:
        columns = ("warehouse", "bin", "sku", "title", "quantity", "picked", "put_back")
        print_table(
            [*columns, "goes_to"],
            [
                [
                    *(getattr(stop, column) for column in columns),
                    [f"{part.quantity} × {_target(part.order, part.box)}" for part in stop.parts],
                ]
                for stop in sheet.stops
            ],
        )
    _print_stopped(result)


@app.command("print")
def print_list(
    number: Number,
    output: Annotated[Path, typer.Option(help="The PDF to write.")],
    language: LanguageOption = None,
) -> None:
    """Write the units that are not picked yet as a PDF; each warehouse starts a new page."""
    from documents.papers.join import write_pdf
    from documents.papers.render import render_paper
    from models.papers.pick_papers import pick_list_papers

    wanted = parse_language(language)
    need_database()
    with read_scope() as session:
        papers = pick_list_papers(session, number, language=wanted)
    pages = write_pdf(output, (render_paper(paper) for paper in papers))
    say(f"{counted(pages, 'page')} written to {output}.")


def _by_order(sheet: PickSheet) -> list[list[object]]:
    rank = {order: position for position, order in enumerate(sheet.orders)}
    rows = [(stop, part) for stop in sheet.stops for part in stop.parts]
    rows.sort(key=lambda row: rank[row[1].order])
    return [
        [part.order, part.box or None, stop.sku, stop.title, part.quantity, part.picked]
        for stop, part in rows
    ]


@app.command("scan")
def scan_codes(
    number: Number,
    codes: Annotated[
        list[str] | None,
        typer.Argument(help="SKUs or GTINs; without any, one on each line of standard input."),
    ] = None,
    quantity: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, help="The number of units for each scan.")
    ] = 1,
) -> None:
    """Count scanned units, each scan separately; the exit code is 1 if one was refused.

    Each answer is a line that begins with `OK` or `NO`; lines with `!!` before it say which orders of the
    list have changed in the meantime.
    """
    need_database()
    refused = False
    for code in codes if codes else _read_codes():
        try:
            _answer(in_transaction(_scanning(number, code, quantity)))
        except RuleError as error:
            refused = True
            typer.echo(f"NO  {explain(error)}")
        sys.stdout.flush()
    if refused:
        raise typer.Exit(1)


def _scanning(number: int, code: str, quantity: int) -> Callable[[Session], ScanResult]:
    return lambda session: scan(session, number, code, quantity)


def _read_codes() -> Iterable[str]:
    """Yield the lines of standard input as they arrive. A line that is not UTF-8 matches no code."""
    lines: Iterator[bytes] = iter(lambda: sys.stdin.buffer.readline(LONGEST_LINE), b"")
    return (code for code in (line.decode("utf-8", "replace").strip() for line in lines) if code)


@app.command("undo")
def take_back(
    number: Number,
    code: Annotated[str, typer.Argument(help="A SKU or GTIN, if it is not the last scan of all.")] = "",
) -> None:
    """Take the last scan back, or the last one of an article."""
    need_database()
    result = in_transaction(lambda session: undo(session, number, code=code))
    back = ", ".join(f"{part.quantity} from {_target(part.order, part.box)}" for part in result.portions)
    say(f"{result.sku}: {back} taken back, {result.picked} of {result.asked} are picked.")


@app.command("short")
def short(
    number: Number,
    code: Code,
    missing: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_COUNT, help="The missing units; default: all that are not picked there yet."
        ),
    ] = None,
) -> None:
    """Report that an article is missing at its place; stock is corrected, orders get it from elsewhere."""
    need_database()
    result = in_transaction(lambda session: report_short(session, number, code, missing))
    for notice in result.notices:
        say(f"!!  {notice}")
    say(f"{result.sku}: {result.missing} missing, stock was corrected by {-result.written_off}.")
    if result.elsewhere:
        say(f"{counted(result.elsewhere, 'unit')} to be taken elsewhere: `warenfluss pick show {number}`.")
    if result.short:
        say(f"These orders wait for stock: {', '.join(result.short)}.")


@app.command("close")
def close(
    number: Number,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Leave units that are not picked yet to a later list.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Close a list and show the result for its orders, each checked again."""
    need_database()
    result = in_transaction(lambda session: close_list(session, number, unfinished=unfinished))
    _report(result, as_json=as_json)


@app.command("cancel")
def cancel(number: Number, as_json: AsJson = False) -> None:
    """Cancel a list: taken units are put back, and its orders can come onto other lists."""
    need_database()
    _report(in_transaction(lambda session: cancel_list(session, number)), as_json=as_json)


def _report(result: CloseResult, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for name, text in (("ready", "Ready to ship"), ("partly", "Partly picked"), ("unpicked", "Not picked")):
        orders = getattr(result, name)
        if orders:
            typer.echo(f"{text}: {', '.join(orders)}")
    _print_stopped(result)


def _print_stopped(result: CloseResult) -> None:
    """Print which orders were stopped, and which units are to be put back."""
    for each in result.stopped:
        typer.echo(f"Order {each.order} {each.reason}.")
    for goods in result.put_back:
        typer.echo(f"Put back {goods.quantity} × {goods.sku} from {_target(goods.order, goods.box)}.")


def _answer(result: ScanResult) -> None:
    for notice in result.notices:
        typer.echo(f"!!  {notice}")
    parts = ", ".join(f"{part.quantity} for {_target(part.order, part.box)}" for part in result.portions)
    end = "; the list is complete" if result.is_complete else ""
    typer.echo(f"OK  {result.sku}: {parts}; {result.picked} of {result.asked}{end}")


def _target(order: str, box: int) -> str:
    return f"box {box} (order {order})" if box else f"order {order}"
