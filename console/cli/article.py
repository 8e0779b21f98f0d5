"""`warenfluss article`: what is sold."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from console.cli.output import (
    TABLE_LIMIT,
    AsJson,
    LimitOption,
    TenantOption,
    counted,
    need_database,
    new_app,
    print_json,
    print_json_list,
    print_sheet_report,
    print_table,
    say,
    show_cell,
)
from models.catalog.article import Article, get_article, parts_of, titles_of, variants_of
from models.catalog.lists import (
    count_articles,
    images_of,
    list_articles,
    listings_of,
    prices_of,
    skus_by_id,
    texts_of,
)
from models.database.columns import need_id
from models.database.session import Session, in_transaction, read_scope
from models.tenants.account import account_data, list_accounts
from models.tenants.tenant import Tenant, pick_tenant
from models.warehouse.sellable import figures_of

app = new_app("What is sold.")
apps = {"article": app}


@app.command("list")
def show_all(
    search: Annotated[str, typer.Argument(help="Part of a SKU or title, or a whole GTIN.")] = "",
    active: Annotated[bool, typer.Option("--active", help="Only those that are sold.")] = False,
    tenant: TenantOption = None,
    limit: LimitOption = None,
    as_json: AsJson = False,
) -> None:
    """List articles by SKU."""
    need_database()
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        if as_json:
            print_json_list(_rows(session, owner, search, active, limit or None))
            return
        most = TABLE_LIMIT if limit is None else limit or None
        rows = list(_rows(session, owner, search, active, most))
        count = count_articles(session, need_id(owner.id), search, only_active=active)
    columns = ("sku", "title", "kind", "gtin", "price", "currency", "on_hand", "available", "active")
    print_table(columns, [[row[column] for column in columns] for row in rows])
    if len(rows) < count:
        say(f"{len(rows)} of {counted(count, 'article')}; --limit 0 shows all.")


@app.command("show")
def show(sku: str, tenant: TenantOption = None, as_json: AsJson = False) -> None:
    """Show one article with texts, prices, parts, variants and where it is listed."""
    need_database()
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        shown = _details(session, owner, get_article(session, need_id(owner.id), sku))
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        if value not in (None, "", [], {}):
            lines = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
            for line in lines:
                typer.echo(f"{name}: {show_cell(line)}")


@app.command("import")
def import_sheet(
    file: Annotated[Path, typer.Argument(help="A CSV or XLSX file; its first row names the columns.")],
    tenant: TenantOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Save articles from a spreadsheet; exit code 1 if rows were refused, the others are taken."""
    need_database()
    from tasks.sheets.articles import import_articles

    report = import_articles(file, tenant, dry_run=dry_run)
    if not dry_run:
        _rematch(report.tenant_id)
    print_sheet_report(report.rows, report.ignored, dry_run=dry_run, as_json=as_json)


@app.command("export")
def export_sheet(
    file: Annotated[Path, typer.Argument(help="A .csv or .xlsx file.")],
    tenant: TenantOption = None,
    german: Annotated[
        bool, typer.Option("--german", help="German headings; CSV as a German Excel opens it.")
    ] = False,
) -> None:
    """Write articles into a spreadsheet that `article import` reads."""
    need_database()
    from tasks.sheets.articles import export_articles

    count = export_articles(file, tenant, german=german)
    say(f"{counted(count, 'article')} written to {file}.")


def _rematch(tenant_id: int) -> None:
    """Let lines that wait find articles that have just come."""
    from models.order_desk.match_choices import rematch_lines
    from models.orders.matching import read_rules

    with read_scope() as session:
        rules = read_rules(session.get_one(Tenant, tenant_id).match_rules)
        accounts = [account for account in list_accounts(session) if account.tenant_id == tenant_id]
    for account in accounts:
        found = in_transaction(partial(rematch_lines, account=account_data(account), rules=rules))
        if found:
            say(f"{counted(found, 'waiting line')} of account {account.name!r} found an article.")


def _rows(
    session: Session, tenant: Tenant, search: str, active: bool, limit: int | None
) -> Iterator[dict[str, Any]]:
    for batch in list_articles(session, need_id(tenant.id), search, only_active=active, limit=limit):
        ids = [need_id(article.id) for article in batch]
        titles, prices = titles_of(session, ids, tenant.language), prices_of(session, ids)
        figures = figures_of(session, ids)
        for article_id, article in zip(ids, batch, strict=True):
            figure, price = figures.get(article_id), next(iter(prices.get(article_id, ())), None)
            yield {
                "tenant": tenant.name,
                "sku": article.sku,
                "title": titles.get(article_id, ""),
                "kind": article.kind,
                "gtin": article.gtin,
                "manufacturer": article.manufacturer,
                "manufacturer_number": article.manufacturer_number,
                "supplier": article.supplier,
                "supplier_number": article.supplier_number,
                "price": price.amount if price else None,
                "currency": price.currency if price else "",
                "tax_rate": article.tax_rate,
                "weight_grams": article.weight_grams,
                "active": article.active,
                "on_hand": figure.on_hand if figure else None,
                "allocated": figure.allocated if figure else None,
                "available": figure.available if figure else None,
            }


def _details(session: Session, tenant: Tenant, article: Article) -> dict[str, Any]:
    article_id = need_id(article.id)
    parts = parts_of(session, [article_id]).get(article_id, [])
    figure = figures_of(session, [article_id]).get(article_id)
    skus = skus_by_id(session, [part_id for part_id, _ in parts])
    accounts = {account.id: account.name for account in list_accounts(session)}
    parent = session.get(Article, article.parent_id) if article.parent_id else None
    hidden = {"id", "tenant_id", "parent_id", "source_account_id"}
    return {
        "tenant": tenant.name,
        **article.model_dump(exclude=hidden),
        "led_by": accounts.get(article.source_account_id, ""),
        "parent_sku": parent.sku if parent else "",
        "texts": {
            text.language: text.model_dump(exclude={"article_id", "language"})
            for text in texts_of(session, article_id)
        },
        "prices": [
            price.model_dump(include={"amount", "currency", "price_group", "min_quantity"})
            for price in prices_of(session, [article_id]).get(article_id, ())
        ],
        "images": [image.url for image in images_of(session, article_id)],
        "parts": [{"sku": skus[part_id], "quantity": quantity} for part_id, quantity in parts],
        "variants": [variant.sku for variant in variants_of(session, article)],
        "on_hand": figure.on_hand if figure else None,
        "allocated": figure.allocated if figure else None,
        "available": figure.available if figure else None,
        "listings": [
            {
                "account": accounts[listing.account_id],
                "external_id": listing.external_id,
                "channel_number": listing.channel_number,
                "channel_quantity": listing.channel_quantity,
                "published_quantity": listing.published_quantity,
                "published_at": listing.published_at,
            }
            for listing in listings_of(session, article_id)
        ],
    }
