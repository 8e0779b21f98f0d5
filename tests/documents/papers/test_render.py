"""Papers that are drawn from a record: by their text, in both languages and formats."""

import io
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader
from reportlab.lib.units import mm

from documents.papers.logo import read_logo
from documents.papers.render import ON_A_ROLL, count_replaced_texts, render_paper
from models.errors import RuleError
from models.papers.records import (
    AddressLabel,
    Goods,
    PackingSlip,
    Paper,
    PaperFormat,
    PaperKind,
    PickRow,
    PickTarget,
    Place,
    Received,
    ReturnSlip,
)
from models.tenants.records import SellerData
from tests.support.sample_papers import (
    A4,
    SELLER,
    THERMAL,
    VIENNA,
    flat,
    goods,
    label,
    order_paper,
    packing_slip,
    pages_of,
    pick_list,
    return_slip,
)

PRICE = re.compile(r"\d,\d\d\b|€|EUR")
PRICED: list[tuple[Paper, PaperFormat, list[str]]] = [
    (
        order_paper(PaperKind.confirmation, ships_to=VIENNA),
        A4,
        [
            "Auftragsbestätigung 1002-33", "22.11.2026", "Änne Groß", "PayPal", "DHL Paket",
            "Lieferanschrift: Änne Groß, Ring 1, 1010 Wien, ÖSTERREICH", "9,90 €", "Gesamtbetrag",
            "darin Umsatzsteuer 19 %", "3,16 €", "Dies ist keine Rechnung", "Seite 1 von 1",
        ],
    ),
    (
        order_paper(PaperKind.confirmation, language="en", ships_to=VIENNA),
        A4,
        ["Order confirmation 1002-33", "22 Nov 2026", "€9.90", "AUSTRIA", "This is not an invoice"],
    ),
    (
        order_paper(PaperKind.offer, order_number="", ordered_on=None, valid_until=date(2026, 12, 6)),
        A4,
        ["Angebot", "bis zum Ablauf des 06.12.2026", "Gültig bis", "19,80 €"],
    ),
    (
        order_paper(PaperKind.offer, language="en", valid_until=date(2026, 12, 6)),
        A4,
        ["Offer 1002-33", "until the end of 6 Dec 2026", "€19.80"],
    ),
]  # fmt: skip
RECEIPTS: list[tuple[Paper, PaperFormat, list[str]]] = [
    (
        order_paper(
            PaperKind.receipt,
            language=language,
            received=[
                Received(on=date(2026, 11, 20), amount=Decimal("20.00"), method="Bar", reference="K-7"),
                Received(on=date(2026, 11, 21), amount=Decimal("-5.00"), method="Bar"),
            ],
            open_amount=Decimal("4.80"),
        ),
        form,
        words,
    )
    for form in PaperFormat
    for language, words in (
        (
            "de",
            [
                "Quittung 1002-33", "Erhalten am 20.11.2026, Bar, K-7", "Zurückgezahlt am 21.11.2026, Bar",
                "20,00 €", "-5,00 €", "Insgesamt eingegangen", "15,00 €", "Noch zu zahlen", "4,80 €",
                "Steuernummer: 231/123/45678", "darin netto zu 19 %", "Dies ist keine Rechnung",
            ],
        ),
        ("en", ["Receipt 1002-33", "Received on 20 Nov 2026, Bar, K-7", "€15.00", "Still to be paid"]),
    )
]  # fmt: skip
UNPRICED: list[tuple[Paper, PaperFormat, list[str]]] = [
    *(
        (
            packing_slip(
                language=language,
                goods=[
                    *goods(later=3),
                    Goods(
                        number="SET",
                        title="Geschirr",
                        quantity=1,
                        parts=[Goods(number="CUP", title="Tasse", quantity=6)],
                    ),
                ],
            ),
            form,
            [*words, "Änne Groß", "1010 Wien", "1002-33", "Becher Größe 1", "B-1", "– 6 × Tasse · CUP"],
        )
        for form in PaperFormat
        for language, words in (
            ("de", ["Lieferschein", "ÖSTERREICH", "18.11.2026"]),
            ("en", ["Packing slip", "AUSTRIA", "18 Nov 2026"]),
        )
    ),
    *(
        (
            label(language=language, shipping_method="DHL Paket"),
            form,
            [country, "Änne Groß", "1010 Wien", "1002-33", "DHL Paket", "Keramik GmbH · Am Ölberg 3"],
        )
        for form in PaperFormat
        for language, country in (("de", "ÖSTERREICH"), ("en", "AUSTRIA"))
    ),
    (
        return_slip(),
        A4,
        [
            "Rücksendeschein 1002-33", "Am Ölberg 3", "Ring 1", "Becher Größe 1", "zu klein oder zu groß",
            "beschädigt angekommen", "anderer Grund", "Bemerkungen",
        ],
    ),
    (return_slip(language="en"), A4, ["Return slip 1002-33", "too small or too large", "Date and signature"]),
    (
        pick_list(number="P-17"),
        A4,
        [
            "Pickliste P-17", "Lager: Halle", "Aufträge: 2", "Stück: 3", "A-01", "B-1 · 4006381333931",
            "2 × Kiste 1 · 1002-33", "1 × 1002-34",
        ],
    ),
    (pick_list(language="en"), A4, ["Pick list", "Warehouse: Halle", "Bin", "Becher 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("paper", "form", "words"), [*PRICED, *RECEIPTS, *UNPRICED])
def test_a_paper_says_what_its_record_holds(paper: Paper, form: PaperFormat, words: list[str]) -> None:
    """All of it on one page, in its language, with the same bytes each time."""
    pdf = render_paper(paper, form=form)
    (page,) = pages_of(pdf)

    assert [text for text in words if text not in flat(page)] == []
    assert render_paper(paper, form=form) == pdf


@pytest.mark.parametrize(("paper", "form", "words"), UNPRICED)
def test_who_packs_or_carries_sees_no_prices(paper: Paper, form: PaperFormat, words: list[str]) -> None:
    """No amount and no currency."""
    assert not PRICE.search("\n".join(pages_of(render_paper(paper, form=form))))


def test_a_roll_is_as_long_as_its_content() -> None:
    """80 mm wide; what is longer than any page may be goes on on the next, and nothing is lost."""
    short, long = (
        PdfReader(io.BytesIO(render_paper(packing_slip(count), form=THERMAL))) for count in (1, 50)
    )
    assert [float(page.mediabox.width) for page in short.pages] == [pytest.approx(80 * mm)]
    assert short.pages[0].mediabox.height < 200 * mm < long.pages[0].mediabox.height

    many = pages_of(render_paper(packing_slip(1200), form=THERMAL))
    assert len(many) > 1
    assert sum(page.count("Becher Größe") for page in many) == 1200


@pytest.mark.parametrize("kind", PaperKind)
def test_some_papers_need_a4(kind: PaperKind) -> None:
    """The others are refused on a roll with the names of those that are not."""
    papers: dict[PaperKind, Paper] = {
        PaperKind.return_slip: return_slip(),
        PaperKind.pick_list: pick_list(),
        PaperKind.confirmation: order_paper(PaperKind.confirmation),
        PaperKind.offer: order_paper(PaperKind.offer),
    }
    assert (kind in papers) == (kind not in (*ON_A_ROLL, PaperKind.invoice, PaperKind.credit_note))
    if kind in papers:
        with pytest.raises(RuleError, match="slip, receipt, label"):
            render_paper(papers[kind], form=THERMAL)


def test_an_address_of_many_long_lines_stays_in_its_window() -> None:
    """All of it, smaller and closer, above what comes next; so on labels."""
    place = Place(lines=[f"{number} " + "Straße des langen Namens " * 3 for number in range(7)], country="AT")
    pages = [
        PdfReader(io.BytesIO(render_paper(paper))).pages[0]
        for paper in (
            packing_slip(to=place),
            order_paper(PaperKind.offer, buyer=place.lines),
            label(to=place),
        )
    ]
    for page in pages:
        assert flat(page.extract_text()).count("Straße des langen Namens") == 21
    below: list[float] = []

    def note(text: str, _: Any, matrix: Any, *more: Any) -> None:
        if "Namens" in text:
            below.append(matrix[5])

    for page in pages[:2]:
        page.extract_text(visitor_text=note)
    assert min(below) > 297 * mm - 98 * mm


ENDLESS = "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 8
MANY = 200


@pytest.mark.parametrize("form", PaperFormat)
@pytest.mark.parametrize("language", ["de", "en"])
def test_two_hundred_long_lines_are_all_there(form: PaperFormat, language: str) -> None:
    """Titles without blanks, cut visibly at 300 characters; each line once, headings on each page."""
    many = [
        Goods(number=f"N-{number:03}", title=ENDLESS, quantity=10**9, gtin="4006381333931")
        for number in range(MANY)
    ]
    text = "\n".join(pages_of(render_paper(packing_slip(goods=many, language=language), form=form)))

    assert [text.count(f"N-{number:03}") for number in range(MANY)] == [1] * MANY
    assert text.count("…") == MANY
    assert ("1.000.000.000" if language == "de" else "1,000,000,000") in text


def test_papers_of_many_pages_say_which_is_which() -> None:
    """Each has its headings, and none of the lines is lost."""
    for paper in (
        order_paper(PaperKind.confirmation, MANY),
        order_paper(
            PaperKind.receipt,
            MANY,
            received=[Received(on=date(2026, 1, 1), amount=Decimal(1), method=ENDLESS)] * 60,
        ),
        return_slip(MANY),
        pick_list(MANY),
    ):
        pages = pages_of(render_paper(paper))
        text = "\n".join(pages)
        assert len(pages) > 3
        assert all(len(re.findall(rf"\bB-{number}\b", text)) == 1 for number in range(1, MANY + 1))
        for number, page in enumerate(pages, start=1):
            assert f"Seite {number} von {len(pages)}" in page


def test_an_article_for_very_many_orders_goes_on_in_further_rows() -> None:
    """A row has to fit on a page."""
    targets = [PickTarget(quantity=1, order_number=f"O-{number:04}") for number in range(300)]
    row = PickRow(sku="B-1", title="Becher", quantity=300, targets=targets)
    text = "\n".join(pages_of(render_paper(pick_list(rows=[row]))))

    assert [text.count(f"O-{number:04}") for number in range(300)] == [1] * 300
    assert text.count("… B-1") == 8


@pytest.mark.parametrize("form", PaperFormat)
def test_a_set_of_very_many_parts_goes_on_in_further_rows(form: PaperFormat) -> None:
    """Likewise."""
    parts = [Goods(number=f"P-{number:03}", title=ENDLESS, quantity=1) for number in range(150)]
    many = [Goods(number="SET", title="Baukasten", quantity=1, parts=parts)]
    papers: list[Paper] = [packing_slip(goods=many), return_slip(goods=many)]
    for paper in papers if form is A4 else papers[:1]:
        text = "\n".join(pages_of(render_paper(paper, form=form)))
        assert [text.count(f"P-{number:03}") for number in range(150)] == [1] * 150


def test_odd_names_and_empty_fields_break_nothing() -> None:
    """Emoji, Chinese, Hebrew and markup: replaced visibly, told, or as they are; nothing at all fits, too."""
    place = Place(lines=["王小明 🎉", "שלום <b>&amp;", "A" * 100, "x", "y", "z"], country="CN")
    slip = packing_slip(to=place, goods=[Goods(title="", quantity=1)], order_number="Ü-1 ☃")
    odd: list[Paper] = [slip, label(to=place, order_number=""), return_slip(buyer=place, goods=[])]
    for paper in odd:
        for form in PaperFormat if not isinstance(paper, ReturnSlip) else [A4]:
            (text,) = (flat(page) for page in pages_of(render_paper(paper, form=form)))
            assert "??? ?" in text
            assert "???? <b>&amp;" in text
            assert text.count("A") >= 100 or isinstance(paper, ReturnSlip)
            assert "CHINA" in text
    assert count_replaced_texts(slip) == 3
    assert count_replaced_texts(packing_slip()) == 0

    bare = SellerData(name="A")
    nothing = Place(lines=[])
    empty: list[Paper] = [
        packing_slip(seller=bare, to=nothing, order_number="", goods=[]),
        label(seller=bare, to=nothing, order_number=""),
        return_slip(seller=bare, buyer=nothing, order_number="", goods=[]),
        pick_list(seller=bare, warehouse="", rows=[]),
        order_paper(PaperKind.confirmation, seller=bare, buyer=[], lines=[], order_number="", taxes=[]),
    ]
    for paper in empty:
        assert len(pages_of(render_paper(paper))) == 1


@pytest.mark.parametrize("size", [(800, 2), (3, 900), (64, 64)])
def test_a_logo_of_any_shape_stands_on_each_paper(size: tuple[int, int]) -> None:
    """It covers no words: page and text stay as they are but for the letterhead, which it replaces."""
    file = io.BytesIO()
    Image.new("RGB", size, "navy").save(file, "PNG")
    png = read_logo(file.getvalue())
    seller = SELLER.model_copy(update={"logo": "hash"})
    for paper in (packing_slip(), label(), return_slip(), order_paper(PaperKind.confirmation)):
        for form in (A4, THERMAL) if isinstance(paper, PackingSlip | AddressLabel) else (A4,):
            with_logo = paper.model_copy(update={"seller": seller})
            page = PdfReader(io.BytesIO(render_paper(with_logo, {"hash": png}, form))).pages[0]
            assert len(page.images) == 1
            assert "1002-33" in page.extract_text()
            with pytest.raises(KeyError):
                render_paper(with_logo, form=form)
    assert "Pickliste" in pages_of(render_paper(pick_list(seller=seller)))[0]
