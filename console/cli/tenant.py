"""`warenfluss tenant`: sellers or brands."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson
from console.cli.output import print_rows, say
from console.cli.parse import parse_settings
from console.cli.tenant_settings import GROUPS, SettingsCommand, change_group, read_changes
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.orders.match_rules import read_rules
from models.privacy.retention import check_years
from models.tax.options import TaxOptions
from models.tenants.logo import save_logo
from models.tenants.tenant import Tenant, add_tenant, get_tenant, list_tenants

app = new_app("Sellers or brands, each with its own articles and stock.")
apps = {"tenant": app}

Title = Annotated[str | None, typer.Option(help="The display name.")]
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
                **{
                    group: model.model_validate(getattr(tenant, group)).model_dump(mode="json")
                    for group, model in GROUPS.items()
                },
                "match_rules": tenant.match_rules,
            }
            for tenant in list_tenants(session)
        ]
    print_rows(rows, ("name", "title", "language", "country", "currency"), as_json=as_json)


@app.command("set", cls=SettingsCommand)
def change(
    name: str,
    title: Title = None,
    language: Language = None,
    country: Country = None,
    currency: Currency = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="SETTING=VALUE, one of the settings below; repeatable. An empty value restores the default. "
            "Name a setting with several lines once for each line; all its lines are replaced.",
        ),
    ] = None,
    match_rules: Annotated[
        Path | None,
        typer.Option(help="A JSON file: a list of matching rules; an empty list restores the default."),
    ] = None,
    logo: Annotated[
        Path | None, typer.Option(help="A PNG or JPEG file: the logo on all papers drawn from now on.")
    ] = None,
    no_logo: Annotated[
        bool, typer.Option("--no-logo", help="Papers show the name instead of a logo.")
    ] = False,
) -> None:
    """Change a tenant: its names, papers, mails, taxes, matching rules, and how long data is kept."""
    if logo is not None and no_logo:
        raise typer.BadParameter("--logo and --no-logo exclude each other.")
    values = _read_values(title, language, country, currency)
    changes = read_changes(parse_settings(settings, "--set"))
    need_database()
    rules = _read_rules(match_rules) if match_rules else None
    picture = _read_logo(logo) if logo else None
    with session_scope() as session:
        tenant = get_tenant(session, name)
        _change(tenant, values)
        if rules is not None:
            tenant.match_rules = rules
        if picture is not None or no_logo:
            changes.setdefault("seller", {})["logo"] = save_logo(session, picture) if picture else ""
        for group, changed in changes.items():
            setattr(tenant, group, change_group(group, getattr(tenant, group), changed))
        check_years(tenant)
        session.add(tenant)
    say(f"Tenant {name!r} was changed.")


TenantName = Annotated[str, typer.Argument(help="The tenant's name.", metavar="TENANT")]


@app.command("exchange-rate")
def set_exchange_rate(
    name: TenantName,
    currency: Annotated[str, typer.Argument(help="Three letters, e.g. CHF.")],
    rate: Annotated[
        str, typer.Argument(help="Units of that currency for one unit of the tenant's, e.g. 0.9312.")
    ],
    month: Annotated[str, typer.Option(help="The month in which goods shipped, e.g. 2026-11.")],
) -> None:
    """Set a month's average exchange rate, which invoices use to state tax (§ 16 (6) UStG)."""
    code = str(_letters(currency, 3, "CURRENCY")).upper()
    need_database()
    with session_scope() as session:
        tenant = get_tenant(session, name)
        if code == tenant.currency:
            raise RuleError(f"{code} is the tenant's own currency.")
        rates = {key: dict(value) for key, value in tenant.taxes.get("exchange_rates", {}).items()}
        rates.setdefault(_month(month), {})[code] = str(_decimal(rate, "RATE"))
        _change_taxes(tenant, {"exchange_rates": rates}, "RATE")
        session.add(tenant)
    say(f"In {month} one {tenant.currency} is {rate} {code}; issued documents stay unchanged.")


@app.command("vat-rates")
def set_vat_rates(
    name: TenantName,
    area: Annotated[str, typer.Argument(help="A member state, e.g. AT, XI, or 'PT: Azores'.")],
    standard: Annotated[str, typer.Argument(help="The standard rate in percent.")],
    reduced: Annotated[list[str] | None, typer.Argument(help="Reduced rates.")] = None,
    since: Annotated[str, typer.Option("--from", help="The first day, e.g. 2027-01-01.")] = "",
) -> None:
    """Set the VAT rates of a country from a day on; they override the built-in rates."""
    try:
        day = date.fromisoformat(since.strip()).isoformat()
    except ValueError:
        raise typer.BadParameter("--from needs a day such as 2027-01-01.") from None
    row = {
        "area": area,
        "since": day,
        "standard": str(_decimal(standard, "STANDARD")),
        "reduced": [str(_decimal(each, "REDUCED")) for each in reduced or []],
    }
    need_database()
    with session_scope() as session:
        tenant = get_tenant(session, name)
        kept = [
            each for each in tenant.taxes.get("vat_rates", []) if (each["area"], each["since"]) != (area, day)
        ]
        _change_taxes(tenant, {"vat_rates": [*kept, row]}, "AREA or a rate")
        session.add(tenant)
    say(f"VAT rates in {area} from {day} on: {', '.join([standard, *(reduced or [])])} %.")


def _decimal(text: str, name: str) -> Decimal:
    try:
        number = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise typer.BadParameter(f"{name} {text!r} is no number.")
    return number


def _month(text: str) -> str:
    try:
        return f"{date.fromisoformat(f'{text.strip()}-01'):%Y-%m}"
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month; write 2026-11.") from None


def _change_taxes(tenant: Tenant, changes: Mapping[str, Any], what: str) -> None:
    """Change tax options of a tenant. Raises: RuleError, if they do not fit; `what` names the argument."""
    try:
        taxes = TaxOptions.model_validate({**tenant.taxes, **changes})
    except ValidationError as error:
        message = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise RuleError(f"{what} does not fit: {message}.") from None
    tenant.taxes = taxes.model_dump(mode="json")


def _read_logo(file: Path) -> bytes:
    from documents.papers.logo import LARGEST_FILE, read_logo

    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except OSError:
        raise RuleError(f"The file {file} cannot be read.") from None
    return read_logo(data)


def _read_values(
    title: str | None, language: str | None, country: str | None, currency: str | None
) -> dict[str, str]:
    """Return the values of the columns that were given. Raises: typer.BadParameter."""
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
