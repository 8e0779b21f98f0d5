"""`warenfluss document`: invoices and credit notes."""

from pathlib import Path
from typing import Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import AccountOption, AsJson, LimitOption, TenantOption, most_rows
from console.cli.output import print_columns, print_json, print_rows, say
from models.accounting.issued import Document, find_document, list_documents
from models.accounting.numbers import resume_numbers
from models.accounting.records import DocumentKind
from models.accounting.views import document_summaries, document_view
from models.database.session import Session, in_transaction, read_scope
from models.files import write_private
from models.order_desk.steps import find_scope
from models.tenants.tenant import get_tenant, tenant_id_of

app = new_app("Invoices and credit notes; an issued one never changes.")
apps = {"document": app}

Label = Annotated[str, typer.Argument(help="The document number, e.g. RE-2026-00042.")]


@app.command("list")
def show_all(
    account: AccountOption = None,
    order: Annotated[str | None, typer.Option(help="Only documents of this order.")] = None,
    kind: Annotated[DocumentKind | None, typer.Option(help="Only documents of this kind.")] = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List documents, the latest first."""
    need_database()
    with read_scope() as session:
        scope = find_scope(session, account, order)
        documents = list_documents(
            session,
            account_id=scope.account_id,
            order_id=scope.order_id,
            kind=kind,
            limit=most_rows(limit, as_json=as_json),
        )
        rows = document_summaries(session, documents)
    columns = ("label", "kind", "issued_on", "account", "order", "gross", "tax", "currency", "corrected_by")
    print_rows(rows, columns, as_json=as_json)


@app.command("show")
def show(label: Label, tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """Show one document with everything that is printed on it, as it was issued."""
    need_database()
    with read_scope() as session:
        view = document_view(session, _find(session, label, tenant))
    shown = {**vars(view.summary), "drawn": view.is_drawn, "sha256": view.sha256}
    content = view.content
    if as_json:
        print_json({**shown, "content": content})
        return
    for name, value in shown.items():
        if value not in (None, ""):
            typer.echo(f"{name}: {value}")
    typer.echo("buyer: " + ", ".join(content["buyer"]))
    for name, columns in (
        ("lines", ("number", "title", "quantity", "price", "amount", "tax_rate")),
        ("taxes", ("rate", "net", "tax", "gross")),
    ):
        if content[name]:
            typer.echo(f"\n{name}")
            print_columns(content[name], columns)


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
    write_private(file, pdf)
    say(f"{document.label} was written to {file}.")


@app.command("correct")
def correct(
    label: Label,
    reason: Annotated[str, typer.Option(help="The reason; it is printed on the credit note.")],
    tenant: TenantOption = None,
) -> None:
    """Cancel a whole invoice by a credit note; the next invoicing invoices its goods again."""
    from models.invoicing.credit_notes import cancel_invoice
    from tasks.drawing import draw_and_keep

    need_database()
    note = in_transaction(lambda session: cancel_invoice(session, _find(session, label, tenant), reason))
    draw_and_keep([note])
    say(f"{label} was cancelled by {note.label}.")


@app.command("resume")
def resume(
    tenant: Annotated[str, typer.Argument(help="The tenant's name.")],
    last: Annotated[
        list[str] | None,
        typer.Option(
            help="Last number of a series, e.g. RE-2026-00042; repeatable. Without it: as in the database."
        ),
    ] = None,
) -> None:
    """After a restore: enter the last numbers given out, so that none is given twice."""
    need_database()
    in_transaction(lambda session: resume_numbers(session, get_tenant(session, tenant), last or []))
    say(f"Documents of tenant {tenant!r} are issued again.")


def _find(session: Session, label: str, tenant: str | None) -> Document:
    return find_document(session, label, tenant_id_of(session, tenant))
