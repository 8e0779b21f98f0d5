"""Invoices and credit notes as PDF: by their text, page by page, and by their bytes."""

import io
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from documents.papers.invoice import render_invoice
from models.accounting.records import DocumentKind, Exchange, PaperContent, PaperLine, TaxSum, content_hash
from models.tenants.records import SellerData

SELLER = SellerData(
    name="Sonnenhof Keramik GmbH",
    address=["Am Ölberg 3", "04109 Leipzig"],
    tax_number="231/123/45678",
    vat_id="DE123456789",
    footer=["IBAN DE02 1203 0000 0000 2020 51", "HRB 12345"],
)


def make_content(count: int = 1, **values: Any) -> PaperContent:
    lines = [
        PaperLine(
            number=f"B-{number}",
            title=f"Becher Größe {number}",
            quantity=2,
            price=Decimal("9.90"),
            amount=Decimal("19.80"),
            tax_rate=Decimal(19),
        )
        for number in range(1, count + 1)
    ]
    fields: dict[str, Any] = {
        "kind": DocumentKind.invoice,
        "label": "RE-2026-00042",
        "issued_on": date(2026, 11, 22),
        "language": "de",
        "currency": "EUR",
        "seller": SELLER,
        "buyer": ["Änne Groß", "Straße 1", "80331 München"],
        "order_number": "1002-33",
        "ordered_on": date(2026, 11, 18),
        "delivered_from": date(2026, 11, 20),
        "delivered_until": date(2026, 11, 21),
        "lines": lines,
        "shipping_amount": Decimal("4.90"),
        "fee_amount": Decimal("-1.00"),
        "taxes": [
            TaxSum(rate=Decimal(19), net=Decimal("1234.50"), tax=Decimal("234.56"), gross=Decimal("1469.06"))
        ],
        "net": Decimal("1234.50"),
        "tax": Decimal("234.56"),
        "gross": Decimal("1469.06"),
    }
    return PaperContent(**{**fields, **values})


def pages_of(content: PaperContent) -> list[str]:
    reader = PdfReader(io.BytesIO(render_invoice(content)))
    return [page.extract_text().replace("\N{NO-BREAK SPACE}", " ") for page in reader.pages]


def test_it_says_all_that_the_law_demands() -> None:
    """§ 14 (4) UStG: both sides, tax number, date, number, goods, delivery, net, rate and tax."""
    (page,) = pages_of(make_content())

    for words in (
        "Sonnenhof Keramik GmbH · Am Ölberg 3 · 04109 Leipzig",
        "Änne Groß",
        "80331 München",
        "Steuernummer: 231/123/45678",
        "USt-IdNr.: DE123456789",
        "Rechnung RE-2026-00042",
        "22.11.2026",
        "20.11.2026 – 21.11.2026",
        "Becher Größe 1",
        "9,90 €",
        "19,80 €",
        "Versand",
        "Nachlass",
        "-1,00 €",
        "Gesamtbetrag",
        "1.469,06 €",
        "darin netto zu 19 %",
        "1.234,50 €",
        "darin Umsatzsteuer 19 %",
        "234,56 €",
        "kaufmännisch auf ganze Cent",
        "Seite 1 von 1",
        "IBAN DE02 1203 0000 0000 2020 51",
    ):
        assert words in page, words


def test_it_comes_in_english() -> None:
    """Words, dates and amounts."""
    (page,) = pages_of(make_content(language="en"))

    for words in ("Invoice RE-2026-00042", "22 Nov 2026", "€1,469.06", "of which VAT 19 %", "Page 1 of 1"):
        assert words in page, words


def test_sixty_lines_go_over_pages_with_their_headings() -> None:
    """Each line once, each page says which it is, and the sums stand on the last."""
    pages = pages_of(make_content(60))

    assert len(pages) > 2
    text = "\n".join(pages)
    assert [text.count(f"B-{number}\n") for number in range(1, 61)] == [1] * 60
    for number, page in enumerate(pages, start=1):
        assert f"Seite {number} von {len(pages)}" in page
        assert "Einzelpreis" in page
        assert "RE-2026-00042" in page
        assert ("Gesamtbetrag" in page) == (number == len(pages))


def test_a_credit_note_names_what_it_takes_back() -> None:
    """By number, date and reason."""
    content = make_content(
        kind=DocumentKind.credit_note,
        label="RK-2026-00001",
        corrects="RE-2026-00042",
        corrected_on=date(2026, 11, 22),
        reason="Anschrift <b>falsch</b>",
        gross=Decimal("-1469.06"),
        fee_amount=Decimal("1.00"),
    )
    (page,) = pages_of(content)

    assert "Rechnungskorrektur RK-2026-00001" in page
    assert "hebt die Rechnung RE-2026-00042 vom 22.11.2026 vollständig auf" in page
    assert "Grund: Anschrift <b>falsch</b>" in page
    assert "-1.469,06 €" in page
    assert "Nachlass" in page


def test_a_small_business_says_so_and_names_no_tax() -> None:
    """§ 19 UStG."""
    seller = SELLER.model_copy(update={"small_business": True})
    (page,) = pages_of(make_content(seller=seller, taxes=[], net=Decimal("1469.06"), tax=Decimal(0)))

    assert "Kleinunternehmer nach § 19 UStG" in page
    assert "darin Umsatzsteuer" not in page
    assert "USt." not in page


VIENNA: dict[str, Any] = {
    "buyer": ["Eva Huber", "Ring 1", "1010 Wien"],
    "buyer_country": "AT",
    "goes_to": "AT",
}
FRANCS = Exchange(
    currency="EUR", rate=Decimal("0.9312"), source="month", on=date(2026, 11, 1), tax=Decimal("251.89")
)


@pytest.mark.parametrize(
    ("values", "german", "english"),
    [
        (
            {**VIENNA, "tax_case": "oss"},
            ["ÖSTERREICH", "Geliefert nach Österreich", "des Bestimmungslandes (Österreich)"],
            ["AUSTRIA", "Delivered to Austria", "VAT of the destination country (Austria)"],
        ),
        (
            {**VIENNA, "tax_case": "intra_community", "buyer_vat_id": "ATU13585627"},
            ["Steuerfreie innergemeinschaftliche Lieferung", "Alle Beträge sind netto",
             "USt-IdNr. ATU13585627", "USt-IdNr.: DE123456789"],
            ["Tax-free intra-Community supply", "All amounts are net", "Your VAT ID ATU13585627"],
        ),
        (
            {"tax_case": "export", "goes_to": "CH", "collected_by_channel": True},
            ["Steuerfreie Ausfuhrlieferung", "(Schweiz) fällige Steuer führt der Marktplatz ab"],
            ["Tax-free export", "country of destination (Switzerland) is collected by the marketplace"],
        ),
        (
            {"tax_case": "oss", "goes_to": "XI"},
            ["Nordirland"],
            ["Northern Ireland"],
        ),
        (
            {"currency": "CHF", "exchange": FRANCS},
            ["Umsatzsteuer in EUR 251,89 €", "1 EUR = 0,9312 CHF, Durchschnittskurs für 11/2026"],
            ["of which VAT in EUR €251.89", "1 EUR = 0.9312 CHF, the average of 11/2026"],
        ),
        (
            {"currency": "CHF", "exchange": FRANCS.model_copy(update={"source": "channel"})},
            ["Tageskurs vom 01.11.2026"],
            ["the rate of 1 Nov 2026"],
        ),
    ],
)  # fmt: skip
def test_it_says_by_which_law_it_is_taxed(
    values: dict[str, Any], german: list[str], english: list[str]
) -> None:
    """What § 14a UStG demands of each case, in both languages; and never the words for services."""
    for language, expected in (("de", german), ("en", english)):
        (page,) = pages_of(make_content(language=language, **values))
        text = " ".join(page.split())
        for words in expected:
            assert words in text, words
        assert "Steuerschuldnerschaft" not in text


def test_documents_from_before_there_were_cases_stay_as_they_were() -> None:
    """What they lack they do not say; their content is read unchanged."""
    old = make_content().model_dump(mode="json", exclude_defaults=True)
    assert not {"tax_case", "goes_to", "exchange", "buyer_country"} & set(old)
    kept = content_hash(old)

    content = PaperContent.model_validate(old)

    assert content == make_content()
    assert content_hash(old) == kept
    assert "Geliefert nach" not in pages_of(content)[0]


def test_long_texts_and_fine_prices_break_nothing() -> None:
    """A word without blanks, markup, a footer that is too wide."""
    line = PaperLine(
        title="<i>&" + "X" * 290, quantity=10**9, price=Decimal("0.0125"), amount=Decimal("12500000.00")
    )
    seller = SELLER.model_copy(update={"footer": ["W" * 100] * 6, "name": "M" * 100})
    (page,) = pages_of(make_content(lines=[line], buyer=["Ü" * 100] * 6, seller=seller))

    assert "<i>&X" in page
    assert "0,0125 €" in page
    assert "12.500.000,00 €" in page


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    """Also in another process, whose hashes have another seed."""
    file = tmp_path / "content.json"
    file.write_text(make_content(40).model_dump_json())
    script = (
        "import sys; from pathlib import Path; from documents.papers.invoice import render_invoice; "
        "from models.accounting.records import PaperContent; "
        "content = PaperContent.model_validate_json(Path(sys.argv[1]).read_text()); "
        "sys.stdout.buffer.write(render_invoice(content))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
    )

    assert done.stdout == render_invoice(make_content(40))
