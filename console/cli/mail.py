"""`warenfluss mail`: what buyers and operators are mailed."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from console.cli.output import (
    AccountOption,
    AsJson,
    LimitOption,
    most_rows,
    need_database,
    new_app,
    print_json,
    print_rows,
    say,
)
from models.database.session import in_transaction, read_scope
from models.errors import NotFoundError, RuleError
from models.mails.outbox import Mail, MailState, files_of, list_mails, retry_mails, state_of
from models.mails.records import MailContent, logo_id
from models.orders.order import Order
from models.orders.queries import find_order
from models.tenants.account import get_account
from models.tenants.logo import find_logos
from models.tenants.records import BuyerEvent

app = new_app("Mails to buyers and operators.")
apps = {"mail": app}


@app.command("list")
def show_all(
    order: Annotated[str | None, typer.Option(help="Only about this order.")] = None,
    state: Annotated[
        MailState | None, typer.Option(help="Only these; given_up: refused for good by the mail server.")
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Those to operators instead of buyers.")
    ] = False,
    account: AccountOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List mails to buyers, the latest first, with what the mail server said of those that are not sent."""
    need_database()
    with read_scope() as session:
        account_id = get_account(session, account).id if account else None
        mails = list_mails(
            session,
            state=state,
            order_id=find_order(session, order, account_id).id if order else None,
            account_id=account_id,
            to_buyers=not operators,
            limit=most_rows(limit, as_json=as_json),
        )
        rows = [_describe(mail, session.get(Order, mail.order_id or 0)) for mail in mails]
    columns = ("id", "created_at", "order", "subject", "state", "sent_at", "attempts", "error")
    print_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(mail_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one mail as it was written: who gets it, its text, and the files in it."""
    need_database()
    with read_scope() as session:
        mail = session.get(Mail, mail_id)
        if mail is None:
            raise NotFoundError(f"There is no mail {mail_id}; `warenfluss mail list` shows those there are.")
        files = [
            {"name": file.name, "media_type": file.media_type, "bytes": len(file.content)}
            for file in files_of(session, mail_id)
        ]
        row = {
            **_describe(mail, session.get(Order, mail.order_id or 0)),
            "to": mail.recipients,
            "from": " ".join(part for part in (mail.sender_name, mail.sender_address) if part),
            "reply_to": mail.reply_to,
            "next_try_at": mail.next_try_at,
            "message_id": mail.message_id,
            "files": files,
            "text": mail.text,
        }
    if as_json:
        print_json({**row, "html": mail.html})
        return
    for name, value in row.items():
        if name not in ("text", "files") and value not in (None, "", []):
            typer.echo(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    for file in files:
        typer.echo(f"file: {file['name']} ({file['media_type']}, {file['bytes']} bytes)")
    typer.echo(f"\n{mail.text}")


@app.command("retry")
def retry(
    ids: Annotated[list[int], typer.Argument(help="Numbers from `mail list --state given_up`.")],
) -> None:
    """Let mails that were given up be tried anew; a mail that arrived after all comes a second time."""
    need_database()
    count = in_transaction(lambda session: retry_mails(session, ids))
    say(f"{count} of {len(set(ids))} named mails had been given up and are tried again.")
    if count < len(set(ids)):
        raise typer.Exit(1)


@app.command("preview")
def preview(
    event: Annotated[BuyerEvent, typer.Argument(help="What the mail is about.")],
    number: Annotated[str, typer.Argument(help="The order, by the channel's or the marketplace's number.")],
    language: Annotated[
        Literal["de", "en"] | None, typer.Option(help="Default: the tenant's language.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the HTML into this file, for a browser to show.")
    ] = None,
    account: AccountOption = None,
) -> None:
    """Print a mail as a buyer would get it now; nothing is sent or noted."""
    from documents.mails.buyer import render_buyer_mail
    from models.papers.buyer_mail import find_subject, why_not, write_letter

    need_database()
    with read_scope() as session:
        account_id = get_account(session, account).id if account else None
        order = find_order(session, number, account_id)
        subject = find_subject(session, order, event)
        letter = write_letter(session, order, event, subject, language=language or "")
        drop = why_not(session, order, event, subject)
        logos = find_logos(session, [letter.seller.logo])
    content = render_buyer_mail(letter)
    if html is not None:
        try:
            html.write_text(shown_alone(content, logos), "utf-8")
        except OSError as error:
            raise RuleError(f"{html} cannot be written ({error.strerror}).") from None
    typer.echo(f"To: {letter.recipient or '-'}\nSubject: {content.subject}\n\n{content.text}")
    if drop is not None:
        say(f"It would not be sent: {drop.replace('_', ' ')}.")


def shown_alone(content: MailContent, logos: Mapping[str, bytes]) -> str:
    """Return the HTML of a mail with its pictures inside, as a browser shows it without the mail."""
    pictures = {part.content_id: part.content for part in content.parts if part.content_id}
    pictures |= {logo_id(sha256): png for sha256, png in logos.items()}
    html = content.html
    for content_id, png in pictures.items():
        html = html.replace(f"cid:{content_id}", f"data:image/png;base64,{b64encode(png).decode('ascii')}")
    return html


def _describe(mail: Mail, order: Order | None) -> dict[str, Any]:
    return {
        "id": mail.id,
        "created_at": mail.created_at,
        "order": order.external_id if order is not None and mail.order_id is not None else None,
        "subject": mail.subject,
        "state": state_of(mail),
        "sent_at": mail.sent_at,
        "attempts": mail.attempts,
        "error": mail.error,
    }
