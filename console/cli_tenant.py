"""`warenfluss tenant`: sellers or brands."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from console.cli_output import AsJson, need_database, new_app, print_rows, say
from models.db import read_scope, session_scope
from models.errors import RuleError
from models.matching import read_rules
from models.tenant import SellerData, Tenant, add_tenant, get_tenant, list_tenants

app = new_app("Sellers or brands, each with its own articles and stock.")
apps = {"tenant": app}

Title = Annotated[str | None, typer.Option(help="The name that people read.")]
Language = Annotated[str | None, typer.Option(help="Two letters, e.g. de.")]
Country = Annotated[str | None, typer.Option(help="Two letters, e.g. DE.")]
Currency = Annotated[str | None, typer.Option(help="Three letters, e.g. EUR.")]


@app.command("add")
def add(
    name: str,
    title: Title = None,
    language: Language = None,
    country: Country = None,
    currency: Currency = None,
) -> None:
    """Add a tenant."""
    values = _read_values(title, language, country, currency)
    need_database(create=True)
    with session_scope() as session:
        tenant = add_tenant(session, _checked_name(name))
        _change(tenant, values)
        session.add(tenant)
    say(f"Tenant {name!r} was added.")


@app.command("list")
def show_all(as_json: AsJson = False) -> None:
    """List the tenants."""
    need_database()
    with read_scope() as session:
        rows = [
            {
                "name": tenant.name,
                "title": tenant.title,
                "language": tenant.language,
                "country": tenant.country,
                "currency": tenant.currency,
                "seller": SellerData.model_validate(tenant.seller).model_dump(),
                "match_rules": tenant.match_rules,
            }
            for tenant in list_tenants(session)
        ]
    print_rows(rows, ("name", "title", "language", "country", "currency"), as_json=as_json)


@app.command("set")
def change(
    name: str,
    title: Title = None,
    language: Language = None,
    country: Country = None,
    currency: Currency = None,
    match_rules: Annotated[
        Path | None, typer.Option(help="A JSON file: a list of rules; an empty list means the usual ones.")
    ] = None,
    legal_name: Annotated[str | None, typer.Option(help="Who issues its invoices.")] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(help="Of whom issues them: one option for each line; all are replaced."),
    ] = None,
    tax_number: Annotated[str | None, typer.Option(help="Steuernummer, as printed on invoices.")] = None,
    vat_id: Annotated[str | None, typer.Option(help="USt-IdNr., e.g. DE123456789.")] = None,
    footer: Annotated[
        list[str] | None,
        typer.Option(help="Below each paper (bank, register …): one option for each line; all are replaced."),
    ] = None,
    small_business: Annotated[
        bool | None,
        typer.Option("--small-business/--no-small-business", help="No VAT is charged or shown (§ 19 UStG)."),
    ] = None,
) -> None:
    """Change a tenant, what its invoices say of it, or the order in which its lines are matched."""
    values = _read_values(title, language, country, currency)
    seller = {
        "name": legal_name,
        "address": address,
        "tax_number": tax_number,
        "vat_id": vat_id.replace(" ", "").upper() if vat_id is not None else None,
        "footer": footer,
        "small_business": small_business,
    }
    need_database()
    rules = _read_rules(match_rules) if match_rules else None
    with session_scope() as session:
        tenant = get_tenant(session, name)
        _change(tenant, values)
        if rules is not None:
            tenant.match_rules = rules
        given = {key: value for key, value in seller.items() if value is not None}
        tenant.seller = _checked_seller({**tenant.seller, **given})
        session.add(tenant)
    say(f"Tenant {name!r} was changed.")


def _checked_seller(values: dict[str, Any]) -> dict[str, Any]:
    try:
        return SellerData.model_validate(values).model_dump()
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        name = str(first["loc"][0]).replace("_", "-")
        raise RuleError(
            f"--{'legal-name' if name == 'name' else name} does not fit: {first['msg']}."
        ) from None


def _read_values(
    title: str | None, language: str | None, country: str | None, currency: str | None
) -> dict[str, str]:
    """Return the columns that were given. Raises: typer.BadParameter."""
    values = {
        "title": title,
        "language": _letters(language.lower() if language else language, 2, "--language"),
        "country": _letters(country, 2, "--country"),
        "currency": _letters(currency, 3, "--currency"),
    }
    upper = ("country", "currency")
    return {
        name: value.upper() if name in upper else value for name, value in values.items() if value is not None
    }


def _change(tenant: Tenant, values: dict[str, str]) -> None:
    for name, value in values.items():
        setattr(tenant, name, value)


def _letters(value: str | None, count: int, option: str) -> str | None:
    if value is not None and (len(value) != count or not value.isascii() or not value.isalpha()):
        raise typer.BadParameter(f"{option} needs {count} letters.")
    return value


def _checked_name(name: str) -> str:
    if not name.strip() or name != name.strip() or len(name) > 60 or not name.isprintable():
        raise RuleError("A tenant's name has 1 to 60 characters and no blank at either end.")
    return name


def _read_rules(file: Path) -> list[dict[str, Any]]:
    try:
        rules = json.loads(file.read_text("utf-8"))
    except OSError:
        raise RuleError(f"The file {file} cannot be read.") from None
    except ValueError:
        raise RuleError(f"The file {file} holds no JSON.") from None
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise RuleError(f'The file {file} must hold a list of rules like {{"by": "sku"}}.')
    read_rules(rules)
    return rules
