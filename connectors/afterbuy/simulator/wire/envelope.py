"""The request envelope, the response envelope, and the texts of error codes.

Source: wire notes sections 1.2 and 3.
"""

from dataclasses import dataclass, field
from typing import Literal

from lxml import etree

from connectors.afterbuy.simulator.wire.writer import Writer

Element = etree._Element

ERRORS = {
    1: ("Leere Anfrage", "The request is empty"),
    2: ("Die Anfrage ist kein lesbares XML", "The request is not parseable XML"),
    3: ("CallName fehlt", "CallName is missing"),
    4: ("PartnerID fehlt oder ist keine Zahl", "PartnerID is missing or not numeric"),
    5: ("PartnerPassword fehlt", "PartnerPassword is missing"),
    6: ("UserID fehlt", "UserID is missing"),
    7: ("UserPassword fehlt", "UserPassword is missing"),
    8: ("Partnerdaten sind ungültig", "Partner data is invalid"),
    9: ("Der Benutzer ist unbekannt", "The user is unknown"),
    10: ("Der Benutzer ist nicht berechtigt", "The user is not authorised"),
    11: ("Der Benutzer ist gesperrt", "The user is blocked"),
    12: ("Der Call ist unbekannt", "The call is unknown"),
    13: ("Die XML-Schnittstelle ist nicht verfügbar", "The XML interface is not available"),
    14: ("Die Aktion ist nicht verfügbar", "The action is not available"),
    15: ("Keine Artikel gefunden", "No items found"),
    16: ("MaxShopItems muss zwischen 1 und 250 liegen", "MaxShopItems must be between 1 and 250"),
    17: ("ItemID ist zu groß", "ItemID is too large"),
    18: ("DetailLevel ist ungültig", "DetailLevel is invalid"),
    19: ("Keine Produktidentifikation", "No product identification"),
    20: ("Zu viele Produkte", "Too many products"),
    21: ("MaxCatalogs muss zwischen 1 und 200 liegen", "MaxCatalogs must be between 1 and 200"),
    22: ("CatalogID (von) ist zu groß", "CatalogID (from) is too large"),
    23: ("CatalogID (bis) ist zu groß", "CatalogID (to) is too large"),
    24: ("Keine Kataloge gefunden", "No catalogs found"),
    25: ("Keine Versandgruppen gefunden", "No shipping groups found"),
    26: ("Keine Produkte übergeben", "No products handed over"),
    28: ("Kein Filter angegeben", "No filter given"),
    30: ("Kein gültiger Filter", "No valid filter"),
    31: ("MaxSoldItems liegt nicht im erlaubten Bereich", "MaxSoldItems is out of range"),
    32: ("Keine Vorgangsidentifikation", "No process identification"),
    33: ("Keine Vorgänge identifiziert", "No processes identified"),
    35: ("Der Partner ist nicht freigeschaltet", "The partner is not approved"),
    36: ("Mehr als 5 Filter", "More than 5 filters"),
    38: ("Funktion für den Partner nicht erlaubt", "Function not allowed for this partner"),
    43: ("Filterwert ist zu groß", "Filter value is too large"),
    50: ("Mehr als 500 Filterwerte", "More than 500 filter values"),
    51: ("Keine Versionen gefunden", "No versions found"),
    52: ("Funktion derzeit nicht verfügbar", "Function unavailable"),
    59: ("OrderID oder ItemID fehlt", "OrderID or ItemID is missing"),
    60: ("Schnittstelle deaktiviert oder gekündigt", "Interface disabled or cancelled"),
    70: ("LevelFrom/LevelTo und LevelValue zugleich", "LevelFrom/LevelTo mixed with LevelValue"),
    74: ("Nichts zu aktualisieren", "Nothing to update"),
    75: ("Zu viele Einträge, nichts verarbeitet", "Too many entries, nothing processed"),
    98: ("Attribute wurden nicht geändert", "Attributes were not updated"),
    3001: ("ItemID fehlt im ParcelLabel", "ItemID is missing in a parcel label"),
    3002: ("PackageNumber fehlt oder ist ungültig", "PackageNumber is missing or out of range"),
    3003: ("PackageNumber nicht aufsteigend", "PackageNumber is not ascending"),
    3004: ("Datenbankfehler beim Aktualisieren", "The database update failed"),
}

WARNINGS = {
    2: ("Produkt nicht gefunden", "Product not found"),
    3: ("Keine Produktidentifikation", "No product identification"),
    4: ("Produkt nicht angelegt, Name fehlt", "Product not created, no name"),
    5: ("Katalog nicht gefunden", "Catalog not found"),
    6: ("Katalogzuordnung besteht bereits", "Catalog assignment exists already"),
    8: ("Attribut ohne Namen", "Attribute without a name"),
    9: ("Attributtyp ungültig", "Attribute type invalid"),
    12: ("Vorgang nicht identifiziert", "Process not identified"),
    13: ("Keine Vorgangsidentifikation", "No process identification"),
    14: ("Bildquelle ist fehlerhaft", "Image source is wrong"),
    15: ("Zu viele Produkte im Set", "Too many products in a set"),
    16: ("Nur Einzelprodukte als Bestandteil", "Only single products as members"),
    61: ("ValidForProdID ist falsch", "ValidForProdID is wrong"),
    62: ("Bezeichnung länger als 50 Zeichen", "Label longer than 50 characters"),
    63: ("Mehr als 10 zusätzliche Felder", "More than 10 additional fields"),
    65: ("Aktualisierung fehlgeschlagen, bitte erneut versuchen", "Update failed, please try again"),
    69: ("Typ der Produktnummer ist ungültig", "Product id type is invalid"),
    70: ("Falsche Domain", "Wrong domain"),
    81: ("GTIN ist ungültig", "GTIN is invalid"),
    82: ("Google-Kategorie länger als 255 Zeichen", "Google category longer than 255 characters"),
    83: ("Herstellernummer ist zu lang", "Manufacturer part number is too long"),
    84: ("Condition ist ungültig", "Condition is invalid"),
}


class RefusedError(Exception):
    """The whole call fails with an error code; nothing was changed.

    Codes are Afterbuy's own. Calls raise it, the dispatcher answers it.
    """

    def __init__(self, *codes: int) -> None:
        """Store the codes; there can be several."""
        super().__init__(f"error {', '.join(map(str, codes))}")
        self.codes = codes


@dataclass(frozen=True)
class Warned:
    """One warning; `key` is the element's name and text, such as ("ProductID", "4711")."""

    code: int
    key: tuple[str, str] | None = None


@dataclass
class Answer:
    """The answer of a call: the XML inside Result, warnings, and the number of changed records."""

    result: Writer
    warnings: list[Warned] = field(default_factory=list)
    effects: int = 0
    version: int = 8


Language = Literal["DE", "EN"]


def parse_request(body: bytes) -> Element:
    """Return the root of a request, parsed strictly.

    Raises: RefusedError 1, if it is empty; RefusedError 2, if it is not UTF-8 XML, contains a DOCTYPE, or has
    another root.
    Source: wire notes sections 1.1, 1.2, 3.1.
    """
    if not body.strip():
        raise RefusedError(1)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        body.decode("utf-8")
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, UnicodeDecodeError, ValueError) as error:
        raise RefusedError(2) from error
    if root.tag != "Request" or root.getroottree().docinfo.internalDTD is not None:
        raise RefusedError(2)
    return root


def text_of(parent: Element | None, name: str) -> str | None:
    """Return the stripped text of the child with exactly this name, or None if it is absent."""
    child = parent.find(name) if parent is not None else None
    return None if child is None else "".join(map(str, child.itertext())).strip()


def whole_of(parent: Element | None, name: str) -> int | None:
    """Return a child's whole number; None if it is absent, empty or not a number."""
    text = text_of(parent, name)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def write_answer(call: str, answer: Answer, language: Language, *, status: str | None = None) -> str:
    """Return a call's answer in its envelope; with at least one warning the status is Warning."""
    writer = answer.result
    if answer.warnings:
        writer.open("WarningList")
        for warned in answer.warnings:
            words = WARNINGS.get(warned.code, ("Warnung", "Warning"))[language == "EN"]
            writer.open("Warning")
            writer.whole("WarningCode", warned.code)
            writer.words("WarningDescription", words)
            writer.words("WarningLongDescription", f"{words}.")
            if warned.key:
                writer.words(*warned.key)
            writer.close("Warning")
        writer.close("WarningList")
    shown = status or ("Warning" if answer.warnings else "Success")
    return _wrap(call, shown, answer.version, writer.lines)


def write_errors(call: str, codes: tuple[int, ...], language: Language, *, status: str = "Error") -> str:
    """Return the answer to a refused call."""
    writer = Writer()
    writer.open("ErrorList")
    for code in codes:
        words = ERRORS.get(code, ("Fehler", "Error"))[language == "EN"]
        writer.open("Error")
        writer.whole("ErrorCode", code)
        writer.words("ErrorDescription", words)
        writer.words("ErrorLongDescription", f"{words}.")
        writer.close("Error")
    writer.close("ErrorList")
    return _wrap(call, status, 8, writer.lines)


def _wrap(call: str, status: str, version: int, lines: list[str]) -> str:
    """Return the lines of a Result in their envelope."""
    head = Writer()
    head.plain("CallStatus", status)
    head.plain("CallName", call)
    head.whole("VersionID", version)
    result = ["<Result>", *lines, "</Result>"] if lines else ["<Result />"]
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    return "\r\n".join([declaration, "<Afterbuy>", *head.lines, *result, "</Afterbuy>"])
