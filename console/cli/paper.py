"""`warenfluss paper`: papers of one or many orders in one PDF."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from console.cli.advice import say_refused
from console.cli.frame import need_database, new_command
from console.cli.options import OFFER_DAYS, AccountOption, LanguageOption, Numbers
from console.cli.output import counted, fail, say
from console.cli.parse import parse_day
from models.clock import today
from models.database.session import read_scope
from models.errors import RuleError
from models.orders.queries import find_order
from models.papers.records import ISSUED, PaperFormat, PaperKind
from models.tenants.account import account_id_of
from models.values import LANGUAGES


def paper(
    kind: Annotated[
        PaperKind, typer.Argument(help="The kind of paper; invoices and credit notes as issued.")
    ],
    numbers: Numbers,
    output: Annotated[Path, typer.Option(help="The PDF to write, with the papers of all these orders.")],
    form: Annotated[
        PaperFormat, typer.Option("--format", help="thermal: a roll of 80 mm, for slip, receipt and label.")
    ] = PaperFormat.a4,
    language: LanguageOption = None,
    valid_until: Annotated[
        str | None, typer.Option(help=f"The last day of an offer; default: in {OFFER_DAYS} days.")
    ] = None,
    account: AccountOption = None,
) -> None:
    """Draw a paper for one or many orders into one PDF, and list the orders that have none.

    There is one pick list for all of these orders, or one for each warehouse. On A4, eight address labels are
    on a sheet. The exit code is 1 if any order has no such paper.
    """
    if language is not None and (language not in LANGUAGES or kind in ISSUED):
        raise typer.BadParameter(f"--language is {' or '.join(LANGUAGES)}; what was issued keeps its own.")
    if valid_until is not None and kind is not PaperKind.offer:
        raise typer.BadParameter("--valid-until belongs to offer.")
    until = parse_day(valid_until) or today() + timedelta(days=OFFER_DAYS)
    need_database()
    from documents.papers.join import write_pdf
    from documents.papers.render import ON_A_ROLL
    from tasks.drawing import Drawing

    if form is PaperFormat.thermal and kind not in ON_A_ROLL:
        raise typer.BadParameter(f"--format thermal is for {', '.join(ON_A_ROLL)}.")
    drawing = Drawing(kind, form, language or "", until)
    order_ids = list(_find_orders(numbers, account, drawing.refused))
    pages = write_pdf(output, drawing.draw(order_ids))
    for refusal in drawing.refused:
        say_refused(refusal)
    for number in drawing.replaced:
        say(f"{number}: signs that the font lacks are printed as “?”.")
    if pages == 0:
        raise fail("Nothing was drawn.")
    say(f"{counted(pages, 'page')} written to {output}.")
    if drawing.refused:
        raise typer.Exit(1)


def _find_orders(numbers: list[str], account: str | None, refused: list[RuleError]) -> Iterator[int]:
    with read_scope() as session:
        account_id = account_id_of(session, account)
        for number in dict.fromkeys(numbers):
            try:
                yield find_order(session, number, account_id).row_id
            except RuleError as error:
                refused.append(error)


apps = {"paper": new_command(paper)}
