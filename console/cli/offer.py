"""`warenfluss offer`: goods at prices that hold until a day."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from console.cli.options import IntoOption, read_text
from console.cli.output import (
    STATES,
    AsJson,
    LimitOption,
    TenantOption,
    counted,
    most_rows,
    need_database,
    new_app,
    parse_day,
    print_rows,
    say,
)
from console.cli.paper import OFFER_DAYS, write_pdf
from models.clock import today
from models.database.columns import need_id
from models.database.session import Session, in_transaction, read_scope
from models.order_desk.manual_orders import pick_own_account
from models.order_desk.manual_records import read_own_order
from models.order_desk.offers import (
    Offer,
    OfferState,
    accept_offer,
    decline_offer,
    find_offer,
    list_offers,
    make_offer,
    offer_paper,
)
from models.orders.order import Order
from models.tenants.tenant import get_tenant, list_tenants, pick_tenant
from models.values import LANGUAGES

app = new_app("Goods that were offered to buyers; nothing is promised to an offer.")
apps = {"offer": app}

OfferNumber = Annotated[str, typer.Argument(help="The offer's number, e.g. AN-2026-00042.")]
COLUMNS = ("number", "tenant", "state", "made_at", "valid_until", "total", "currency", "order")


@app.command("make")
def make(
    file: Annotated[
        typer.FileText,
        typer.Argument(encoding="utf-8-sig", help="A JSON file as of `order take`; - is standard input."),
    ],
    until: Annotated[
        str | None, typer.Option("--valid-until", help=f"A day; by default in {OFFER_DAYS} days.")
    ] = None,
    into: IntoOption = None,
    tenant: TenantOption = None,
) -> None:
    """Offer goods at the prices in the file, or those of today, until the end of a German day."""
    asked, day = read_own_order(read_text(file)), parse_day(until) or today() + timedelta(days=OFFER_DAYS)
    need_database()

    def step(session: Session) -> Offer:
        owner = pick_own_account(session, need_id(pick_tenant(session, tenant).id), into)
        return make_offer(session, owner, asked, day)

    offer = in_transaction(step)
    say(f"Offer {offer.number} was made: {offer.total} {offer.currency}, good until {offer.valid_until}.")


@app.command("accept")
def accept(
    number: OfferNumber,
    late: Annotated[bool, typer.Option("--late", help="Although its day is over.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Make the order of an offer, at its prices; once."""
    need_database()
    order = in_transaction(lambda session: accept_offer(session, _find(session, number, tenant), late=late))
    say(f"Order {order.external_id} was taken: {order.total} {order.currency}.")


@app.command("decline")
def decline(number: OfferNumber, tenant: TenantOption = None) -> None:
    """Note that an offer was turned down."""
    need_database()
    in_transaction(lambda session: decline_offer(session, _find(session, number, tenant)))
    say(f"Offer {number} was declined.")


@app.command("draw")
def draw(
    number: OfferNumber,
    output: Annotated[Path, typer.Option(help="The PDF to write.")],
    language: Annotated[str | None, typer.Option(help="de or en; by default the tenant's.")] = None,
    tenant: TenantOption = None,
) -> None:
    """Draw an offer as PDF."""
    if language is not None and language not in LANGUAGES:
        raise typer.BadParameter(f"--language is {' or '.join(LANGUAGES)}.")
    need_database()
    from documents.papers.render import render_paper
    from models.tenants.logo import find_logos

    with read_scope() as session:
        paper = offer_paper(session, _find(session, number, tenant), language=language or "")
        logos = find_logos(session, [paper.seller.logo])
    pages = write_pdf(output, [render_paper(paper, logos)])
    say(f"{counted(pages, 'page')} written to {output}.")


@app.command("list")
def show_all(
    states: Annotated[list[OfferState] | None, STATES] = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List offers, the latest first."""
    need_database()
    with read_scope() as session:
        tenants = {row.id: row.name for row in list_tenants(session)}
        rows = []
        for offer in list_offers(session, states or (), limit=most_rows(limit, as_json=as_json)):
            order = session.get(Order, offer.order_id) if offer.order_id else None
            shown = offer.model_dump(exclude={"id", "tenant_id", "account_id", "content", "order_id"})
            number = order.external_id if order else None
            rows.append({**shown, "tenant": tenants[offer.tenant_id], "order": number})
    print_rows(rows, COLUMNS, as_json=as_json)


def _find(session: Session, number: str, tenant: str | None) -> Offer:
    return find_offer(session, number, get_tenant(session, tenant).id if tenant else None)
