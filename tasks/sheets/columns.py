"""The columns of spreadsheets, and how their cells are read and written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from models.clock import LOCAL
from models.errors import RuleError
from models.values import MAX_COUNT

SHOWN = 40
"""The most characters of a cell that a message quotes."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet program runs a text that begins with one of these as a formula."""
PLAIN = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
GROUPED = (
    re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?"),
    re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"),
)
AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
"""1.234 may mean one thousand two hundred and thirty-four, or a little more than one."""
YES = frozenset({"1", "ja", "j", "yes", "y", "true", "wahr", "x", "aktiv", "active"})
NO = frozenset({"0", "nein", "n", "no", "false", "falsch", "inaktiv", "inactive"})


class Kind(StrEnum):
    """What a column holds."""

    text = "text"
    decimal = "decimal"
    whole = "whole"
    yes_no = "yes_no"
    parts = "parts"
    """SKU=2;SKU=1"""
    values = "values"
    """Farbe=rot;Größe=L"""
    time = "time"


@dataclass(frozen=True)
class Column:
    """A column with its English and German heading, and other headings that are recognised."""

    name: str
    german: str
    kind: Kind = Kind.text
    others: tuple[str, ...] = ()


ARTICLE_COLUMNS = (
    Column("sku", "SKU", others=("Artikelnummer", "Artikel-Nr", "Art.-Nr.", "ArtNr", "Article number")),
    Column("gtin", "GTIN", others=("EAN", "EAN-Code", "Barcode")),
    Column("title_de", "Titel (de)"),
    Column("title_en", "Titel (en)"),
    Column(
        "price", "Preis", Kind.decimal, ("Bruttopreis", "Verkaufspreis", "VK", "VK brutto", "Gross price")
    ),
    Column("currency", "Währung", others=("Waehrung",)),
    Column(
        "tax_rate",
        "Steuersatz",
        Kind.decimal,
        ("MwSt", "MwSt-Satz", "USt", "Mehrwertsteuer", "Umsatzsteuer", "Steuer", "VAT", "Tax"),
    ),
    Column("weight_grams", "Gewicht (g)", Kind.whole, ("Weight (g)", "Gewicht in g", "Gewicht in Gramm")),
    Column("unit", "Einheit", others=("Mengeneinheit",)),
    Column("manufacturer", "Hersteller", others=("Brand", "Marke")),
    Column(
        "manufacturer_number",
        "Herstellernummer",
        others=("Hersteller-Nr", "Herstellerartikelnummer", "MPN"),
    ),
    Column("supplier", "Lieferant"),
    Column("supplier_number", "Lieferantennummer", others=("Lieferanten-Nr", "Lieferantenartikelnummer")),
    Column("country_of_origin", "Herkunftsland", others=("Ursprungsland",)),
    Column("active", "Aktiv", Kind.yes_no),
    Column("parent_sku", "Vater-SKU", others=("Parent", "Vaterartikel", "Hauptartikel")),
    Column("variant_values", "Variante", Kind.values, ("Varianten", "Variation", "Variants", "Merkmale")),
    Column("parts", "Stückliste", Kind.parts, ("Stueckliste", "Bestandteile", "Bundle", "Bundle parts")),
)
WEIGHT_KG = Column("weight_kg", "Gewicht (kg)", Kind.decimal, ("Weight (kg)", "Gewicht in kg"))
"""Only read: exports contain grams."""
STOCK_COLUMNS = (
    ARTICLE_COLUMNS[0],
    Column("warehouse", "Lager", others=("Lagerort", "Lagername")),
    Column(
        "on_hand",
        "Bestand",
        Kind.whole,
        ("Lagerbestand", "Menge", "Anzahl", "Stock", "Quantity", "Qty", "Physischer Bestand"),
    ),
)
BIN_COLUMNS = (
    STOCK_COLUMNS[1],
    Column("bin", "Lagerplatz", others=("Platz", "Fach", "Stellplatz", "Location")),
    Column("place", "Laufweg", Kind.whole, ("Reihenfolge", "Position", "Sortierung", "Walking order")),
    ARTICLE_COLUMNS[0],
)
TRACKING_COLUMNS = (
    Column(
        "order",
        "Bestellnummer",
        others=(
            "Bestellung",
            "Auftragsnummer",
            "Order number",
            "Referenz",
            "Reference",
            "Sendungsreferenz",
            "SITEMS_ORDERNUMBER",
        ),
    ),
    Column(
        "tracking_number",
        "Sendungsnummer",
        others=("Paketnummer", "Trackingnummer", "Tracking", "Identcode", "SITEMS_IDENTCODE"),
    ),
    Column("carrier", "Versanddienstleister", others=("Paketdienst", "Versender")),
    Column("shipped_on", "Sendungsdatum", others=("Versanddatum", "Versandt am", "Shipped", "SITEMS_DATE")),
    Column("cancelled", "Storniert", others=("SITEMS_STORNO",)),
)
ORDER_COLUMNS = (
    Column("account", "Anbindung"),
    Column("external_id", "Bestellung"),
    Column("channel_number", "Bestellnummer"),
    Column("platform", "Plattform"),
    Column("state", "Status"),
    Column("payment_state", "Zahlungsstatus"),
    Column("holds", "Prüfung"),
    Column("placed_at", "Bestellt am", Kind.time),
    Column("currency", "Währung"),
    Column("total", "Gesamtbetrag", Kind.decimal),
    Column("paid", "Bezahlt", Kind.decimal),
    Column("shipping", "Versandkosten", Kind.decimal),
    Column("line_external_id", "Position"),
    Column("line_sku", "SKU"),
    Column("line_title", "Titel"),
    Column("line_quantity", "Menge", Kind.whole),
    Column("line_allocated", "Reserviert", Kind.whole),
    Column("line_shipped", "Versandt", Kind.whole),
    Column("line_cancelled", "Storniert", Kind.whole),
    Column("line_price", "Einzelpreis", Kind.decimal),
    Column("line_tax_rate", "Steuersatz", Kind.decimal),
)
ORDER_ADDRESS_COLUMNS = (
    Column("company", "Firma"),
    Column("first_name", "Vorname"),
    Column("last_name", "Nachname"),
    Column("street", "Straße"),
    Column("street2", "Adresszusatz"),
    Column("postcode", "PLZ"),
    Column("city", "Ort"),
    Column("country", "Land"),
    Column("phone", "Telefon"),
    Column("email", "E-Mail"),
)
BOOKING_COLUMNS = (
    Column("booking", "Buchung", Kind.whole),
    Column("booked_on", "Datum"),
    Column("kind", "Art"),
    Column("label", "Beleg"),
    Column("reference", "Bezug"),
    Column("account", "Anbindung"),
    Column("order_number", "Bestellnummer"),
    Column("customer_id", "Kundennummer", Kind.whole),
    Column("method", "Zahlungsart"),
    Column("currency", "Währung"),
    Column("tax_rate", "Steuersatz", Kind.decimal),
    Column("net", "Netto", Kind.decimal),
    Column("tax", "Steuer", Kind.decimal),
    Column("gross", "Brutto", Kind.decimal),
    Column("recorded_at", "Erfasst am", Kind.time),
    Column("tax_case", "Steuerfall"),
    Column("country", "Land"),
    Column("exchange_rate", "Kurs"),
)


class CellError(Exception):
    """A cell whose content does not fit its column. The message names the column."""


def match_headings(
    headings: Sequence[str], known: Sequence[Column], *, title_language: str = ""
) -> tuple[dict[int, Column], list[str]]:
    """Return the known columns by position, and the headings that are not known.

    With `title_language`, a heading such as "title" or "Titel en" is an article's title; if it names no
    language, in this one. Raises: RuleError, if two headings mean the same column.
    """
    names = {_bare(name): column for column in known for name in (column.name, column.german, *column.others)}
    columns: dict[int, Column] = {}
    ignored = []
    for position, heading in enumerate(headings):
        bare = _bare(heading)
        column = names.get(bare)
        if title_language:
            title = re.fullmatch(
                r"(?:title|titel|name|bezeichnung|artikelname|artikelbezeichnung)([a-z]{2})?", bare
            )
            if title:
                column = Column(f"title_{title.group(1) or title_language}", heading)
        if column is None:
            if heading:
                ignored.append(heading)
        elif column.name in [each.name for each in columns.values()]:
            raise RuleError(f"The column {heading!r} stands twice for {column.name}; remove one.")
        else:
            columns[position] = column
    return columns, ignored


def _bare(heading: str) -> str:
    return "".join(sign for sign in heading.casefold() if sign.isalnum())


def read_cell(column: Column, cell: str) -> Any:
    """Return the value of a cell; None for an empty number. Raises: CellError, naming the column."""
    if column.kind is Kind.decimal:
        return read_number(column.name, cell) if cell else None
    if column.kind is Kind.whole:
        if not cell:
            return None
        number = read_number(column.name, cell)
        if number != number.to_integral_value() or abs(number) > MAX_COUNT:
            raise CellError(f"{column.name}: {cell[:SHOWN]!r} is no whole number up to {MAX_COUNT}")
        return int(number)
    if column.kind is Kind.yes_no:
        if cell and cell.casefold() not in YES | NO:
            raise CellError(f"{column.name}: {cell[:SHOWN]!r} is neither yes nor no")
        return cell.casefold() in YES if cell else None
    if column.kind in (Kind.parts, Kind.values):
        return _read_pairs(column, cell)
    return cell


def read_number(name: str, cell: str) -> Decimal:
    """Return the number in a cell, with decimal comma or point, with or without thousands separators.

    Raises: CellError, naming the column; also for 1.234 and 1,234, which can be read in two ways.
    """
    text = cell.strip().removesuffix("%").removesuffix("€").removesuffix("EUR")
    text = "".join(sign for sign in text if not sign.isspace() and sign != "'")
    if len(text) > SHOWN or not (PLAIN.fullmatch(text) or any(form.fullmatch(text) for form in GROUPED)):
        raise CellError(f"{name}: {cell[:SHOWN]!r} is no number")
    if AMBIGUOUS.fullmatch(text):
        raise CellError(f"{name}: {cell!r} can be read in two ways; write it without groups of thousands")
    if PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    grouping = next(sign for sign in text if sign in ",.")
    return Decimal(text.replace(grouping, "").replace(",", "."))


def _read_pairs(column: Column, cell: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for part in re.split(r"[;\n|]", cell):
        if not part.strip():
            continue
        if column.kind is Kind.values:
            name, sign, value = part.partition("=")
            if not sign or not name.strip() or not value.strip():
                raise CellError(f"{column.name}: {part[:SHOWN]!r} needs the form Farbe=rot;Größe=L")
            pairs[name.strip()] = value.strip()
            continue
        name, sign, count = part.rpartition("=")
        name, count = (name, count.strip()) if sign else (part, "1")
        is_number = count.isascii() and count.isdigit() and len(count) <= 12
        if not name.strip() or not is_number or int(count) < 1:
            raise CellError(f"{column.name}: {part[:SHOWN]!r} needs the form SKU=2;SKU=1")
        pairs[name.strip()] = pairs.get(name.strip(), 0) + int(count)
        if pairs[name.strip()] > MAX_COUNT:
            raise CellError(f"{column.name}: more than {MAX_COUNT} of {name.strip()[:SHOWN]!r}")
    return pairs


def write_cell(value: Any, kind: Kind, *, is_text: bool, german: bool) -> Any:
    """Return a value as a cell. `is_text` is true for files that contain only text, such as CSV."""
    if value is None or value == "":
        return ""
    if kind is Kind.decimal:
        text = format(value, "f")
        if not is_text:
            return float(value)
        return text.replace(".", ",") if german else text
    if kind is Kind.whole:
        return int(value)
    if kind is Kind.yes_no:
        return ("ja" if value else "nein") if german else ("yes" if value else "no")
    if kind is Kind.time:
        return value.astimezone(LOCAL).isoformat(timespec="seconds")
    if isinstance(value, dict):
        text = ";".join(f"{name}={item}" for name, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(value)
    else:
        text = str(value)
    # Excel accepts no control characters; a text that it would run as a formula is marked as text.
    text = "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
