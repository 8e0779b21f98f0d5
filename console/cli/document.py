"""`warenfluss document`: what was issued under a number."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.output import (
    AccountOption,
    AsJson,
    LimitOption,
    TenantOption,
    most_rows,
    need_database,
    new_app,
    print_json,
    print_rows,
    print_table,
    say,
)
from models.accounting.issued import Document, corrections_of, find_document, find_pdf, list_documents
from models.accounting.numbers import resume_numbers
from models.accounting.records import DocumentKind
from models.database.columns import need_id
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.orders.order import Order
from models.orders.queries import find_order
from models.tenants.account import get_account, list_accounts
from models.tenants.tenant import get_tenant

app = new_app("Invoices and credit notes, which never change.")
apps = {"document": app}

Label = Annotated[str, typer.Argument(help="As it is printed, e.g. RE-2026-00042.")]


@app.command("list")
def show_all(
    account: AccountOption = None,
    order: Annotated[str | None, typer.Option(help="Only of this order.")] = None,
    kind: Annotated[DocumentKind | None, typer.Option(help="Only of this kind.")] = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List documents, the latest first."""
    need_database()
    with read_scope() as session:
        account_id = get_account(session, account).id if account else None
        documents = list_documents(
            session,
            account_id=account_id,
            order_id=find_order(session, order, account_id).id if order else None,
            kind=kind,
            limit=most_rows(limit, as_json=as_json),
        )
        rows = _describe(session, documents)
    columns = ("label", "kind", "issued_on", "account", "order", "gross", "tax", "currency", "corrected_by")
    print_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(label: Label, tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """Show one document with everything that is printed on it, as it was issued."""
    need_database()
    with read_scope() as session:
        document = _find(session, label, tenant)
        (row,) = _describe(session, [document])
        drawn = find_pdf(session, need_id(document.id)) is not None
        shown = {**row, "drawn": drawn, "sha256": document.sha256, "content": document.content}
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        if name != "content" and value not in (None, ""):
            typer.echo(f"{name}: {value}")
    content = shown["content"]
    typer.echo("buyer: " + ", ".join(content["buyer"]))
    for name, columns in (
        ("lines", ("number", "title", "quantity", "price", "amount", "tax_rate")),
        ("taxes", ("rate", "net", "tax", "gross")),
    ):
        if content[name]:
            typer.echo(f"\n{name}")
            print_table(columns, [[row[column] for column in columns] for row in content[name]])


@app.command("save")
def save(
    label: Label,
    file: Annotated[Path, typer.Argument(help="Where to write the PDF.")],
    tenant: TenantOption = None,
) -> None:
    """Write the PDF of a document into a file, as it was first drawn."""
    from tasks.drawing import draw_and_keep

    need_database()
    with read_scope() as session:
        document = _find(session, label, tenant)
    (pdf,) = draw_and_keep([document])
    try:
        file.write_bytes(pdf)
    except OSError as error:
        raise RuleError(f"{file} cannot be written ({error.strerror}).") from None
    say(f"{document.label} was written to {file}.")


@app.command("correct")
def correct(
    label: Label,
    reason: Annotated[str, typer.Option(help="Why; it is printed on the credit note.")],
    tenant: TenantOption = None,
) -> None:
    """Take an invoice back whole by a credit note; the next invoicing invoices its goods anew."""
    from models.invoicing.credit_notes import correct_invoice
    from tasks.drawing import draw_and_keep

    need_database()
    note = in_transaction(lambda session: correct_invoice(session, _find(session, label, tenant), reason))
    draw_and_keep([note])
    say(f"{label} was taken back by {note.label}.")


@app.command("resume")
def resume(
    tenant: Annotated[str, typer.Argument(help="The tenant's name.")],
    last: Annotated[
        list[str] | None,
        typer.Option(
            help="The last number of a series, e.g. RE-2026-00042; repeatable. None: as known here."
        ),
    ] = None,
) -> None:
    """After a restore: say which numbers were given last, so that none is given twice."""
    need_database()
    in_transaction(lambda session: resume_numbers(session, get_tenant(session, tenant), last or []))
    say(f"Documents of tenant {tenant!r} are issued again.")


def _find(session: Session, label: str, tenant: str | None) -> Document:
    return find_document(session, label, get_tenant(session, tenant).id if tenant else None)


def _describe(session: Session, documents: Sequence[Document]) -> list[dict[str, Any]]:
    accounts = {row.id: row.name for row in list_accounts(session)}
    corrected = corrections_of(session, [need_id(document.id) for document in documents])
    return [
        {
            "label": document.label,
            "kind": document.kind,
            "issued_on": document.issued_on,
            "issued_at": document.issued_at,
            "account": accounts[document.account_id],
            "order": session.get_one(Order, document.order_id).external_id,
            "net": document.net,
            "tax": document.tax,
            "gross": document.gross,
            "currency": document.currency,
            "tax_case": document.content.get("tax_case"),
            "country": document.content.get("goes_to"),
            "corrects": document.content["corrects"] or None,
            "corrected_by": corrected.get(need_id(document.id)),
        }
        for document in documents
    ]
