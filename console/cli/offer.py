"""`warenfluss offer`: goods offered at prices that hold until a day."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import (
    OFFER_DAYS,
    STATES,
    AsJson,
    IntoOption,
    LanguageOption,
    LimitOption,
    TenantOption,
    most_rows,
)
from console.cli.output import counted, print_rows, say
from console.cli.parse import parse_day, parse_language, read_text
from models.clock import today
from models.database.session import Session, in_transaction, read_scope
from models.order_desk.manual_orders import pick_manual_account
from models.order_desk.manual_records import read_manual_order
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
from models.order_desk.views import offer_views
from models.orders.order import Order
from models.tenants.tenant import pick_tenant, tenant_id_of

app = new_app("Offers to buyers; no stock is allocated to an offer.")
apps = {"offer": app}

OfferNumber = Annotated[str, typer.Argument(help="The offer's number, e.g. AN-2026-00042.")]
COLUMNS = ("number", "tenant", "state", "made_at", "valid_until", "total", "currency", "order")


@app.command("make")
def make(
    file: Annotated[
        typer.FileText,
        typer.Argument(encoding="utf-8-sig", help="A JSON file as for `order take`; - reads standard input."),
    ],
    until: Annotated[
        str | None, typer.Option("--valid-until", help=f"The last day; default: in {OFFER_DAYS} days.")
    ] = None,
    into: IntoOption = None,
    tenant: TenantOption = None,
) -> None:
    """Offer goods at the prices in the file, or today's prices, until the end of a German day."""
    asked, day = read_manual_order(read_text(file)), parse_day(until) or today() + timedelta(days=OFFER_DAYS)
    need_database()

    def step(session: Session) -> Offer:
        owner = pick_manual_account(session, pick_tenant(session, tenant).row_id, into)
        return make_offer(session, owner, asked, day)

    offer = in_transaction(step)
    say(f"Offer {offer.number} was made: {offer.total} {offer.currency}, good until {offer.valid_until}.")


@app.command("accept")
def accept(
    number: OfferNumber,
    late: Annotated[bool, typer.Option("--late", help="Accept it although it has expired.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Create the order of an offer at the offered prices, once."""
    need_database()

    def step(session: Session) -> Order:
        offer = find_offer(session, number, tenant_id_of(session, tenant))
        return accept_offer(session, offer, late=late)

    order = in_transaction(step)
    say(f"Order {order.external_id} was taken: {order.total} {order.currency}.")


@app.command("decline")
def decline(number: OfferNumber, tenant: TenantOption = None) -> None:
    """Record that an offer was declined."""
    need_database()
    in_transaction(
        lambda session: decline_offer(session, find_offer(session, number, tenant_id_of(session, tenant)))
    )
    say(f"Offer {number} was declined.")


@app.command("draw")
def draw(
    number: OfferNumber,
    output: Annotated[Path, typer.Option(help="The PDF to write.")],
    language: LanguageOption = None,
    tenant: TenantOption = None,
) -> None:
    """Draw an offer as PDF."""
    wanted = parse_language(language)
    need_database()
    from documents.papers.join import write_pdf
    from documents.papers.render import render_paper
    from models.tenants.logo import find_logos

    with read_scope() as session:
        offer = find_offer(session, number, tenant_id_of(session, tenant))
        paper = offer_paper(session, offer, language=wanted)
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
        offers = list_offers(session, states or (), limit=most_rows(limit, as_json=as_json))
        rows = offer_views(session, offers)
    print_rows(rows, COLUMNS, as_json=as_json)
