"""`warenfluss buyer`: one buyer's data: show, export and erase it; and whether orders may ship in parts."""

import io
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli.frame import need_database, new_app
from console.cli.options import PARTS_SAID, AsJson, Parts, TenantOption
from console.cli.output import as_plain, counted, print_json, print_rows, say
from models.clock import utc_now
from models.database.session import Session, in_transaction, read_scope
from models.errors import RuleError
from models.files import write_private
from models.tenants.tenant import pick_tenant

if TYPE_CHECKING:
    from models.privacy.persons import PersonFindings

app = new_app(
    "One buyer: partial shipping; the buyer's data and its erasure on request (Articles 15, 17, 20 GDPR)."
)
apps = {"buyer": app}

Name = Annotated[
    str,
    typer.Argument(help="A mail address, the buyer's number at the channel, or an order number."),
]
COLUMNS = ("order", "account", "placed_at", "state", "name", "data")


@app.command("show")
def show(name: Name, tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """Show the data about a buyer, and which of it could be erased now."""
    from models.privacy.persons import find_person, preview_erasure

    need_database()
    with read_scope() as session:
        seller = pick_tenant(session, tenant)
        found = preview_erasure(session, seller, find_person(session, seller, name))
    _print_findings(found, as_json=as_json)


@app.command("parts")
def parts(name: Name, allowed: Parts, tenant: TenantOption = None) -> None:
    """Set whether a buyer's orders may ship in parts, also later ones; an order's setting overrides it."""
    from models.privacy.persons import find_person, set_buyer_partial_shipping

    need_database()

    def step(session: Session) -> int:
        person = find_person(session, pick_tenant(session, tenant), name)
        return set_buyer_partial_shipping(session, person, allowed.value_or_none)

    count = in_transaction(step)
    say(f"The buyer has ordered at {count} accounts: {PARTS_SAID[allowed]}.")


@app.command("export")
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A ZIP file; an existing file is replaced.")],
    tenant: TenantOption = None,
) -> None:
    """Write all data about a buyer into a file: `buyer.json`, the buyer's documents and files of mails."""
    from models.privacy.export import export_person
    from models.privacy.persons import find_person

    need_database()
    with read_scope() as session:
        seller = pick_tenant(session, tenant)
        rows, files = export_person(session, find_person(session, seller, name))
        about = {"asked_for": name, "tenant": seller.name, "made_at": utc_now()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(as_plain({"about": about, **rows}), ensure_ascii=False, indent=2)
        archive.writestr("buyer.json", text)
        for path, content in files.items():
            archive.writestr(path, content)
    write_private(file, packed.getvalue())
    records = counted(sum(len(found) for found in rows.values()), "record")
    say(f"{records} and {counted(len(files), 'file')} written to {file}; only you can read it.")


@app.command("erase")
def erase(
    name: Name,
    tenant: TenantOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be erased and kept.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a buyer's data as far as allowed; show what is kept, why and until when. It cannot be undone."""
    from models.database.erased_text import remove_remains
    from models.privacy.erasure import erase_person
    from models.privacy.persons import find_person, preview_erasure

    need_database()
    with read_scope() as session:
        seller = pick_tenant(session, tenant)
        person = find_person(session, seller, name)
        found = preview_erasure(session, seller, person)
    if dry_run or not yes:
        _print_findings(found, as_json=as_json)
    if dry_run:
        return
    if not yes:
        typer.confirm(
            "Do these all belong to one buyer, and should the buyer's data be erased?", abort=True, err=True
        )
    found = in_transaction(lambda session: erase_person(session, pick_tenant(session, tenant), person))
    all_gone = remove_remains()
    if yes:
        _print_findings(found, as_json=as_json)
    gone = counted(sum(not row.kept and not row.anonymous for row in found.orders), "order")
    say(f"{gone} anonymised; the others are anonymised by themselves when they have ended.")
    if not all_gone:
        say(
            "Remains of the text can still stand in unused parts of the database's files: in a quiet hour "
            "`warenfluss db rewrite` removes them."
        )
    say("Backups hold the data until they are deleted; docs/retention.md says what a restore needs.")


@app.command("erased")
def show_erased(as_json: AsJson = False) -> None:
    """List the orders whose buyers asked for erasure; with --json as input of `buyer erase-again`."""
    from models.privacy.erasure import list_erasures

    need_database()
    with read_scope() as session:
        rows = list_erasures(session)
    print_rows(rows, ("account", "order", "asked_at"), as_json=as_json)


@app.command("erase-again")
def erase_again(
    file: Annotated[Path, typer.Argument(help="The output of `buyer erased --json`.")],
) -> None:
    """After a restore: read the list of erasures; pruning then anonymises these orders again."""
    from models.privacy.erasure import import_erasures, read_erasures

    need_database()
    try:
        erased = read_erasures(file.read_text("utf-8"))
    except (OSError, UnicodeError):
        raise RuleError(f"The file {file} cannot be read.") from None
    known = in_transaction(lambda session: import_erasures(session, erased))
    say(f"{known} of {len(erased)} erasures were read.")


def _print_findings(found: "PersonFindings", *, as_json: bool) -> None:
    from models.privacy.persons import describe_order

    rows = [dict(describe_order(row)) for row in found.orders]
    kept = {
        "documents": [{"number": number, "until": until} for number, until in found.documents.items()],
        "letters": [{"mail": number, "until": until} for number, until in found.mails.items()],
        "payment_references": {"count": found.bookings, "until": found.bookings_until},
    }
    if as_json:
        goes = {"offers": found.offers, "records_rejected": found.rejected}
        print_json({"orders": rows, "goes_as_well": goes, "kept_by_law": kept})
        return
    print_rows(rows, COLUMNS, as_json=False)
    say(f"Offers: {found.offers}. Rejected records: {found.rejected}.")
    for label, until in found.documents.items():
        say(f"{label} is kept {_until(until)}: vouchers (§ 147 AO, § 14b UStG; Article 17 (3) b GDPR).")
    if found.mails:
        days = [day for day in found.mails.values() if day is not None]
        until = max(days) if len(days) == len(found.mails) else None
        mails = counted(len(found.mails), "mail")
        say(f"{mails} kept {_until(until)}: business letters (§ 257 HGB, § 147 AO).")
    if found.bookings:
        payments = counted(found.bookings, "payment")
        say(f"References of {payments} are kept {_until(found.bookings_until)} in the booking records.")


def _until(day: date | None) -> str:
    return f"until {day}" if day is not None else "until the tenant sets a number of years"
