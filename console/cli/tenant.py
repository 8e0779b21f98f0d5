"""`warenfluss tenant`: sellers or brands."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError

from console.cli.frame import need_database, new_app
from console.cli.options import AsJson
from console.cli.output import print_rows, say
from console.cli.parse import parse_pairs
from models.database.session import read_scope, session_scope
from models.errors import RuleError
from models.orders.match_rules import read_rules
from models.privacy.retention import RetentionOptions, check_years, options_of
from models.tax.options import TaxOptions, ToldRates
from models.tenants.logo import save_logo
from models.tenants.records import BankData, MailOptions, SellerData
from models.tenants.tenant import Tenant, add_tenant, get_tenant, list_tenants

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
                "bank": BankData.model_validate(tenant.bank).model_dump(),
                "mails": MailOptions.model_validate(tenant.mails).model_dump(),
                "taxes": TaxOptions.model_validate(tenant.taxes).model_dump(mode="json"),
                "retention": options_of(tenant).model_dump(),
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
    oss_from: Annotated[
        str | None,
        typer.Option(
            help="The day (2026-11-01) from which sales to consumers in other member states are declared "
            "through the One-Stop-Shop, with their tax; empty: they are not."
        ),
    ] = None,
    below_threshold: Annotated[
        bool | None,
        typer.Option(
            "--below-threshold/--no-below-threshold",
            help="Such sales bear German tax: in all they stay below 10,000 euro a year (§ 3c (4) UStG).",
        ),
    ] = None,
    told_rates: Annotated[
        ToldRates | None, typer.Option(help="Which rate of tax channels tell of goods that go abroad.")
    ] = None,
    day_rates: Annotated[
        bool | None,
        typer.Option(
            "--day-rates/--no-day-rates",
            help="The tax office allows rates of exchange of the day, as channels tell them (§ 16 (6) UStG).",
        ),
    ] = None,
    logo: Annotated[
        Path | None, typer.Option(help="A PNG or JPEG file: stands on all papers drawn from now on.")
    ] = None,
    no_logo: Annotated[bool, typer.Option("--no-logo", help="Papers bear the name instead again.")] = False,
    bank_holder: Annotated[
        str | None, typer.Option(help="Whose bank account buyers pay to; banks compare it.")
    ] = None,
    iban: Annotated[str | None, typer.Option(help="Of that account.")] = None,
    bic: Annotated[str | None, typer.Option(help="Of that account, where it is needed.")] = None,
    payment_days: Annotated[int | None, typer.Option(help="Until when buyers are asked to pay.")] = None,
    sender_name: Annotated[
        str | None, typer.Option(help="Who mails to buyers are from; default: the title.")
    ] = None,
    sender_address: Annotated[
        str | None, typer.Option(help="Their sender's address; default: WARENFLUSS_MAIL_FROM.")
    ] = None,
    reply_to: Annotated[str | None, typer.Option(help="Where answers of buyers go.")] = None,
    colour: Annotated[str | None, typer.Option(help="Of mails to buyers, e.g. #2f4f6f.")] = None,
    payment_link: Annotated[
        str | None, typer.Option(help="Where buyers pay, with {number}, {amount} and {currency}.")
    ] = None,
    collect_at: Annotated[
        list[str] | None,
        typer.Option(help="Where and when goods are collected: one option for each line; all are replaced."),
    ] = None,
    tracking_link: Annotated[
        list[str] | None,
        typer.Option(help="CARRIER=LINK with {number} and {postcode}; without a link the usual one."),
    ] = None,
    anonymise_after_days: Annotated[
        int | None,
        typer.Option(
            help="After how many days without news an order that has ended loses its buyer's data; 0: never."
        ),
    ] = None,
    invoice_years: Annotated[
        int | None, typer.Option(help="For how many years invoices are kept; by default as the law demands.")
    ] = None,
    letter_years: Annotated[
        int | None,
        typer.Option(help="The same of mails to buyers; 0: an archive elsewhere keeps them."),
    ] = None,
) -> None:
    """Change a tenant, what its papers and mails say of it, how lines are matched, how long data are kept."""
    if logo is not None and no_logo:
        raise typer.BadParameter("--logo and --no-logo exclude each other.")
    values = _read_values(title, language, country, currency)
    seller: dict[str, Any] = {
        "name": legal_name,
        "address": address,
        "tax_number": tax_number,
        "vat_id": vat_id.replace(" ", "").upper() if vat_id is not None else None,
        "footer": footer,
        "small_business": small_business,
    }
    bank = {"holder": bank_holder, "iban": iban, "bic": bic, "days": payment_days}
    mails: dict[str, Any] = {
        "sender_name": sender_name,
        "sender_address": sender_address,
        "reply_to": reply_to,
        "colour": colour,
        "payment_link": payment_link,
        "collect_at": collect_at,
    }
    taxes = {
        "oss_from": oss_from,
        "below_threshold": below_threshold,
        "told_rates": told_rates,
        "day_rates": day_rates,
    }
    retention = {
        "anonymise_after_days": anonymise_after_days,
        "invoice_years": invoice_years,
        "letter_years": letter_years,
    }
    links = parse_pairs(tracking_link or [], "--tracking-link")
    need_database()
    rules = _read_rules(match_rules) if match_rules else None
    picture = _read_logo(logo) if logo else None
    with session_scope() as session:
        tenant = get_tenant(session, name)
        _change(tenant, values)
        if rules is not None:
            tenant.match_rules = rules
        if picture is not None:
            seller["logo"] = save_logo(session, picture)
        elif no_logo:
            seller["logo"] = ""
        tenant.seller = _checked(SellerData, tenant.seller, seller)
        tenant.bank = _checked(BankData, tenant.bank, bank)
        if links:
            mails["tracking_links"] = {**tenant.mails.get("tracking_links", {}), **links}
        tenant.mails = _checked(MailOptions, tenant.mails, mails)
        tenant.taxes = _checked(TaxOptions, tenant.taxes, taxes)
        tenant.retention = _checked(RetentionOptions, tenant.retention, retention)
        check_years(tenant)
        session.add(tenant)
    say(f"Tenant {name!r} was changed.")


TenantName = Annotated[str, typer.Argument(help="Its name.", metavar="TENANT")]


@app.command("exchange-rate")
def set_exchange_rate(
    name: TenantName,
    currency: Annotated[str, typer.Argument(help="Three letters, e.g. CHF.")],
    rate: Annotated[str, typer.Argument(help="Units of it for one of the tenant's currency, e.g. 0.9312.")],
    month: Annotated[str, typer.Option(help="In which goods left, e.g. 2026-11.")],
) -> None:
    """Say the average rate of exchange of a month, by which invoices state their tax (§ 16 (6) UStG)."""
    code = str(_letters(currency, 3, "CURRENCY")).upper()
    need_database()
    with session_scope() as session:
        tenant = get_tenant(session, name)
        if code == tenant.currency:
            raise RuleError(f"{code} is the tenant's own currency.")
        rates = {key: dict(value) for key, value in tenant.taxes.get("exchange_rates", {}).items()}
        rates.setdefault(_month(month), {})[code] = str(_decimal(rate, "RATE"))
        tenant.taxes = _checked(TaxOptions, tenant.taxes, {"exchange_rates": rates}, "RATE")
        session.add(tenant)
    say(f"In {month} one {tenant.currency} is {rate} {code}; what was issued stays as it is.")


@app.command("vat-rates")
def set_vat_rates(
    name: TenantName,
    area: Annotated[str, typer.Argument(help="A member state, e.g. AT, XI, or 'PT: Azores'.")],
    standard: Annotated[str, typer.Argument(help="The standard rate in percent.")],
    reduced: Annotated[list[str] | None, typer.Argument(help="Reduced rates.")] = None,
    since: Annotated[str, typer.Option("--from", help="The first day, e.g. 2027-01-01.")] = "",
) -> None:
    """Say the rates of VAT of a country from a day on; they go before those that are known here."""
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
        tenant.taxes = _checked(TaxOptions, tenant.taxes, {"vat_rates": [*kept, row]}, "AREA or a rate")
        session.add(tenant)
    say(f"Rates of VAT in {area} from {day} on: {', '.join([standard, *(reduced or [])])} %.")


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


OPTIONS = {
    "name": "legal-name",
    "holder": "bank-holder",
    "days": "payment-days",
    "tracking_links": "tracking-link",
}
"""Fields whose options have other names."""


def _checked(
    record: type[BaseModel], kept: dict[str, Any], given: Mapping[str, Any], what: str = ""
) -> dict[str, Any]:
    """Return the fields of a record with those that were given. Raises: RuleError, naming it or `what`."""
    changes = {key: value for key, value in given.items() if value is not None}
    try:
        return record.model_validate({**kept, **changes}).model_dump(mode="json")
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        message = str(first["msg"]).removeprefix("Value error, ")
        # A fault of several fields together has no place.
        name = str(first["loc"][0]) if first["loc"] else "iban"
        option = what or f"--{OPTIONS.get(name, name.replace('_', '-'))}"
        raise RuleError(f"{option} does not fit: {message}.") from None


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
