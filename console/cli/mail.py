"""`warenfluss mail`: mails to buyers and operators."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, LimitOption, most_rows
from console.cli.output import print_json, print_rows, say
from models.database.session import in_transaction, read_scope
from models.files import write_private
from models.mails.outbox import MailState, list_mails, retry_mails
from models.mails.records import MailContent, logo_id
from models.mails.views import mail_summaries, mail_view
from models.order_desk.steps import find_scope
from models.orders.queries import find_order
from models.tenants.account import account_id_of
from models.tenants.logo import find_logos
from models.tenants.records import BuyerEvent

app = new_app("Mails to buyers and operators.")
apps = {"mail": app}


@app.command("list")
def show_all(
    order: Annotated[str | None, typer.Option(help="Only mails about this order.")] = None,
    state: Annotated[
        MailState | None,
        typer.Option(help="Only in this state; given_up: the mail server did not accept the mail."),
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Mails to operators instead of buyers.")
    ] = False,
    account: AccountOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List buyer mails, the latest first, with the mail server's reply for unsent ones."""
    need_database()
    with read_scope() as session:
        scope = find_scope(session, account, order)
        mails = list_mails(
            session,
            state=state,
            order_id=scope.order_id,
            account_id=scope.account_id,
            to_buyers=not operators,
            limit=most_rows(limit, as_json=as_json),
        )
        rows = mail_summaries(session, mails)
    columns = ("id", "created_at", "order", "subject", "state", "sent_at", "attempts", "error")
    print_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(mail_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one mail as it was written: recipient, text and files."""
    need_database()
    with read_scope() as session:
        mail = mail_view(session, mail_id)
    head = {
        **vars(mail.summary),
        "to": mail.recipients,
        "from": mail.sender,
        "reply_to": mail.reply_to,
        "next_try_at": mail.next_try_at,
        "message_id": mail.message_id,
    }
    if as_json:
        files = [
            {"name": file.name, "media_type": file.media_type, "bytes": file.size} for file in mail.files
        ]
        print_json({**head, "files": files, "text": mail.text, "html": mail.html})
        return
    for name, value in head.items():
        if value not in (None, "", []):
            typer.echo(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    for file in mail.files:
        typer.echo(f"file: {file.name} ({file.media_type}, {file.size} bytes)")
    typer.echo(f"\n{mail.text}")


@app.command("retry")
def retry(
    ids: Annotated[list[int], typer.Argument(help="Numbers from `mail list --state given_up`.")],
) -> None:
    """Retry mails that were given up; a mail that had arrived after all is sent a second time."""
    need_database()
    count = in_transaction(lambda session: retry_mails(session, ids))
    say(f"{count} of {len(set(ids))} named mails had been given up and are tried again.")
    if count < len(set(ids)):
        raise typer.Exit(1)


@app.command("preview")
def preview(
    event: Annotated[BuyerEvent, typer.Argument(help="The event, e.g. shipped.")],
    number: Annotated[str, typer.Argument(help="The order, by the channel's or the marketplace's number.")],
    language: Annotated[
        Literal["de", "en"] | None, typer.Option(help="Default: the tenant's language.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the HTML into this file, for a browser.")] = None,
    account: AccountOption = None,
) -> None:
    """Print a mail as a buyer would get it now; nothing is sent or recorded."""
    from documents.mails.buyer import render_buyer_mail
    from models.papers.buyer_mail import compose_buyer_mail, find_subject, skip_reason

    need_database()
    with read_scope() as session:
        order = find_order(session, number, account_id_of(session, account))
        subject = find_subject(session, order, event)
        letter = compose_buyer_mail(session, order, event, subject, language=language or "")
        drop = skip_reason(session, order, event, subject)
        logos = find_logos(session, [letter.seller.logo])
    content = render_buyer_mail(letter)
    if html is not None:
        write_private(html, shown_alone(content, logos).encode())
    typer.echo(f"To: {letter.recipient or '-'}\nSubject: {content.subject}\n\n{content.text}")
    if drop is not None:
        say(f"It would not be sent: {drop.replace('_', ' ')}.")


def shown_alone(content: MailContent, logos: Mapping[str, bytes]) -> str:
    """Return the HTML of a mail with its pictures inside, so that a browser can show it alone."""
    pictures = {part.content_id: part.content for part in content.parts if part.content_id}
    pictures |= {logo_id(sha256): png for sha256, png in logos.items()}
    html = content.html
    for content_id, png in pictures.items():
        html = html.replace(f"cid:{content_id}", f"data:image/png;base64,{b64encode(png).decode('ascii')}")
    return html
