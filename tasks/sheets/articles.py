"""Import and export of articles as spreadsheets."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from models.catalog.lists import list_articles
from models.database.session import in_transaction, read_scope
from models.intake.article_sheets import (
    ArticleState,
    SheetArticle,
    link_sheet_articles,
    plan_articles,
    read_states,
    save_sheet_articles,
)
from models.intake.sheet_results import SheetReport
from models.tenants.tenant import pick_tenant
from tasks.sheets.columns import ARTICLE_COLUMNS, WEIGHT_KG, CellError, match_headings
from tasks.sheets.files import BATCH, make_report, need_columns, read_rows, read_sheet, write_sheet


def import_articles(file: Path, tenant: str | None, *, dry_run: bool) -> SheetReport:
    """Save the articles of a file. A refused row does not stop the others. Safe to repeat.

    If `dry_run` is true, nothing is saved, and the report says what would be.
    Raises: RuleError, if the file as a whole cannot be read or has no column for the SKU.
    """
    sheet = read_sheet(file)
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        tenant_id, currency, language = owner.row_id, owner.currency, owner.language
    columns, ignored = match_headings(sheet.headings, (*ARTICLE_COLUMNS, WEIGHT_KG), title_language=language)
    need_columns(columns, ("sku",))
    read, refused = read_rows(sheet, columns, _article_from)
    with read_scope() as session:
        plan = plan_articles(session, tenant_id, currency, read)
    if not dry_run:
        batches = [plan.rows[start : start + BATCH] for start in range(0, len(plan.rows), BATCH)]
        for batch in batches:
            in_transaction(partial(save_sheet_articles, tenant_id=tenant_id, currency=currency, rows=batch))
        # Only now do all parents and parts exist.
        for batch in batches:
            in_transaction(partial(link_sheet_articles, tenant_id=tenant_id, rows=batch))
    return make_report(tenant_id, [*plan.results, *refused], ignored)


def export_articles(file: Path, tenant: str | None, *, german: bool = False) -> int:
    """Write a tenant's articles to a file; return how many. Importing that file changes nothing."""
    with read_scope() as session:
        owner = pick_tenant(session, tenant)
        rows = [
            _article_row(state, owner.currency)
            for batch in list_articles(session, owner.row_id)
            for _, state in sorted(
                read_states(session, owner.row_id, [article.sku for article in batch]).items()
            )
        ]
    write_sheet(file, ARTICLE_COLUMNS, rows, german=german)
    return len(rows)


def _article_from(row: int, values: dict[str, Any]) -> SheetArticle:
    if not values["sku"]:
        raise CellError("sku: it is empty")
    for name in ("sku", "gtin"):
        if re.fullmatch(r"\d[.,]\d+E\+?\d+", values.get(name) or "", re.IGNORECASE):
            raise CellError(
                f"{name}: {values[name]!r} was rounded by a spreadsheet; format the column as text"
            )
    titles = {name[6:]: values.pop(name) for name in list(values) if name.startswith("title_")}
    kilograms = values.pop("weight_kg", None)
    if kilograms is not None:
        if "weight_grams" in values:
            raise CellError("weight_kg: the weight stands in grams, too; remove one of the columns")
        values["weight_grams"] = round(kilograms * 1000)
    if values.get("active", True) is None:
        del values["active"]
    if "currency" in values:
        values["currency"] = values["currency"].upper()
    if "country_of_origin" in values:
        values["country_of_origin"] = values["country_of_origin"].upper()
    return SheetArticle.model_validate({"row": row, "titles": titles, **values})


def _article_row(state: ArticleState, currency: str) -> dict[str, Any]:
    article = state.article
    priced = currency if currency in state.prices else next(iter(sorted(state.prices)), "")
    return {
        **article.model_dump(
            include={
                "sku",
                "gtin",
                "tax_rate",
                "weight_grams",
                "unit",
                "manufacturer",
                "manufacturer_number",
                "supplier",
                "supplier_number",
                "country_of_origin",
                "active",
                "variant_values",
            }
        ),
        "title_de": state.titles.get("de", ""),
        "title_en": state.titles.get("en", ""),
        "price": state.prices.get(priced),
        "currency": priced,
        "parent_sku": state.parent_sku,
        "parts": state.parts,
    }
