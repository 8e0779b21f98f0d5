"""The frame of every A4 paper: address window (DIN 5008, form B), footer, page numbers.

The same content always gives the same bytes.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    LongTable,
    NextPageTemplate,
    PageTemplate,
    Paragraph,
    Table,
    TableStyle,
)

from documents.papers.logo import logo_size, open_logo
from documents.text import mark
from documents.words import Words
from models.tenants.records import SellerData

PLAIN, BOLD = "Vera", "VeraBd"
"""Bitstream Vera comes with reportlab and may be embedded freely."""
BLACK = HexColor("#000000")
GREY = HexColor("#555555")
LINE = HexColor("#999999")
LEFT, RIGHT = 25 * mm, 20 * mm
WIDTH = A4[0] - LEFT - RIGHT
FOOTER_TOP = 30 * mm
FIRST_BODY_TOP = 98 * mm
LATER_BODY_TOP = 32 * mm
WINDOW_LEFT, WINDOW_TOP, WINDOW_WIDTH = 25 * mm, 50 * mm, 75 * mm
WINDOW_LINES, ADDRESS_SIZE, ADDRESS_LEADING = 9, 9.5, 4.6 * mm
INFO_LEFT, INFO_TOP, INFO_WIDTH = 115 * mm, 50 * mm, 31 * mm
TALLEST_CELL = 130 * mm
LOGO_TOP = 14 * mm
NO_LOGOS: Mapping[str, bytes] = {}
REPLACEMENT = "?"
"""Printed instead of a character that the font lacks, with and without accents."""


@dataclass(frozen=True)
class PaperFrame:
    """Everything around the body of a paper, as plain text."""

    title: str
    author: str
    language: str
    sender: str
    """The small line above the address."""
    address: Sequence[str]
    info: Sequence[tuple[str, str]]
    """(name, value) pairs beside the address."""
    footer: Sequence[Sequence[str]]
    """Lines by column."""
    number_pages: Callable[[int, int], str]
    letterhead: str = ""
    logo: bytes = b""
    """A PNG, shown instead of the letterhead."""
    has_window: bool = True
    """False: the body begins at the top of the first page, without letterhead."""


def make_frame(
    words: Words,
    seller: SellerData,
    logos: Mapping[str, bytes],
    *,
    title: str,
    address: Sequence[str] = (),
    info: Sequence[tuple[str, str]] = (),
    sender: str | None = None,
    has_window: bool = True,
) -> PaperFrame:
    """Return the frame of a seller's paper; `logos` contains the seller's logo by its hash."""
    half = (len(seller.footer) + 1) // 2 if len(seller.footer) > 4 else len(seller.footer)
    block = [seller.name, *seller.address]
    return PaperFrame(
        title=title,
        author=seller.name,
        language=words.language,
        sender=" · ".join(block) if sender is None else sender,
        address=address,
        info=info,
        footer=[block, tax_ids(words, seller), seller.footer[:half], seller.footer[half:]],
        number_pages=lambda page, pages: words.say(mark("Page {page} of {pages}")).format(
            page=page, pages=pages
        ),
        letterhead=seller.name,
        logo=logos[seller.logo] if seller.logo and has_window else b"",
        has_window=has_window,
    )


def tax_ids(words: Words, seller: SellerData) -> list[str]:
    """Return the seller's tax number and VAT ID, each with its name."""
    return [
        f"{words.say(name)}: {value}"
        for name, value in (
            (mark("Tax number"), seller.tax_number),
            (mark("VAT ID"), seller.vat_id),
        )
        if value
    ]


@cache
def _coverage(font: str) -> frozenset[int]:
    """Register a font; return the characters it has."""
    registered = TTFont(font, f"{font}.ttf")
    pdfmetrics.registerFont(registered)
    return frozenset(registered.face.charToGlyph)


def printable(text: str, font: str = PLAIN) -> str:
    """Return a text in characters of the font: without accents if necessary, else with `REPLACEMENT`."""
    known = _coverage(font)
    signs = []
    for sign in unicodedata.normalize("NFC", text):
        if sign.isspace():
            signs.append(" " if sign != "\N{NO-BREAK SPACE}" else sign)
        elif ord(sign) in known and sign.isprintable():
            signs.append(sign)
        elif unicodedata.category(sign) not in ("Cf", "Mn"):
            plain = "".join(one for one in unicodedata.normalize("NFKD", sign) if ord(one) in known)
            signs.append(plain or REPLACEMENT)
    return "".join(signs)


def style(
    size: float = 8.5,
    *,
    bold: bool = False,
    right: bool = False,
    grey: bool = False,
    centred: bool = False,
) -> Any:
    """Return a paragraph style."""
    font = BOLD if bold else PLAIN
    _coverage(font)
    return ParagraphStyle(
        f"{font}-{size}-{right}-{grey}-{centred}",
        fontName=font,
        fontSize=size,
        leading=size * 1.35,
        splitLongWords=True,
        alignment=TA_RIGHT if right else TA_CENTER if centred else 0,
        textColor=GREY if grey else BLACK,
    )


def paragraph(text: str, look: Any) -> Any:
    """Return plain text as a paragraph; markup in it is shown, not interpreted."""
    return Paragraph(escape(printable(text, look.fontName)), look)


def fit_address(lines: Sequence[str]) -> list[str]:
    """Return the lines of an address, long ones broken so that nothing is cut off."""
    size = ADDRESS_SIZE
    broken = _break_lines(lines, WINDOW_WIDTH, size)
    while _address_size(broken) < size:
        size *= 0.95
        broken = _break_lines(lines, WINDOW_WIDTH, size)
    return broken


def _address_size(lines: Sequence[str]) -> float:
    """Return the font size at which these lines fit into the address window."""
    return float(min(ADDRESS_SIZE, WINDOW_LINES * ADDRESS_LEADING / max(1, len(lines)) / 1.2))


def _break_lines(lines: Sequence[str], width: float, size: float) -> list[str]:
    _coverage(PLAIN)
    broken: list[str] = []
    for line in lines:
        for part in simpleSplit(printable(line), PLAIN, size, width):
            # simpleSplit leaves a single word that is too long in one piece.
            while stringWidth(part, PLAIN, size) > width:
                fits = next(n for n in range(len(part), 0, -1) if stringWidth(part[:n], PLAIN, size) <= width)
                broken.append(part[:fits])
                part = part[fits:]
            broken.append(part)
    return broken


def count_replaced(texts: Iterator[str]) -> int:
    """Return how many of the texts are printed with a `REPLACEMENT`, because the font lacks a character."""
    return sum(printable(text).count(REPLACEMENT) > text.count(REPLACEMENT) for text in texts)


def ruled_table(rows: Sequence[Sequence[Any]], widths: Sequence[float], *more: tuple[Any, ...]) -> Any:
    """Return a table with a line below each row; the heading is repeated on each page."""
    table = LongTable(rows, colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("FONTNAME", (0, 0), (-1, -1), PLAIN),
                ("LINEBELOW", (0, 0), (-1, 0), 0.6, LINE),
                ("LINEBELOW", (0, 1), (-1, -1), 0.2, LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
                *more,
            ]
        )
    )
    return table


def split_cell(flowables: Sequence[Any], width: float) -> list[list[Any]]:
    """Return a cell's content in parts that fit on a page: a table row is never broken."""
    parts: list[list[Any]] = [[]]
    used = 0.0
    for flowable in flowables:
        _, height = flowable.wrap(width, A4[1])
        if parts[-1] and used + height > TALLEST_CELL:
            parts.append([])
            used = 0.0
        parts[-1].append(flowable)
        used += height
    return parts


def bare_table(rows: Sequence[Sequence[Any]], widths: Sequence[float], *more: tuple[Any, ...]) -> Any:
    """Return a table without lines and padding."""
    table = Table(rows, colWidths=widths)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("FONTNAME", (0, 0), (-1, -1), PLAIN),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                *more,
            ]
        )
    )
    return table


def new_canvas(file: BytesIO, size: tuple[float, float], title: str, author: str, language: str) -> Any:
    """Return a canvas for a paper without a frame; it refers only to embedded fonts."""
    _coverage(PLAIN), _coverage(BOLD)
    canvas = Canvas(file, pagesize=size, invariant=1, pageCompression=1, lang=language, initialFontName=PLAIN)
    canvas.setTitle(printable(title))
    canvas.setAuthor(printable(author))
    canvas.setCreator("Warenfluss")
    canvas.setProducer("Warenfluss")
    return canvas


def draw_paper(frame: PaperFrame, make_body: Callable[[], list[Any]]) -> bytes:
    """Return the PDF of a paper; `make_body` creates the flowables again for each pass."""
    pdf, pages = _draw(frame, make_body(), 1)
    # The number of pages is known after drawing; only papers with several pages are drawn again.
    if pages > 1:
        pdf, _ = _draw(frame, make_body(), pages)
    return pdf


def _draw(frame: PaperFrame, body: list[Any], pages: int) -> tuple[bytes, int]:
    _coverage(PLAIN), _coverage(BOLD)
    file = BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=A4,
        title=printable(frame.title),
        author=printable(frame.author),
        lang=frame.language,
        creator="Warenfluss",
        producer="Warenfluss",
        invariant=1,
        pageCompression=1,
        allowSplitting=1,
        initialFontName=PLAIN,
    )
    first = Frame(LEFT, FOOTER_TOP, WIDTH, A4[1] - FIRST_BODY_TOP - FOOTER_TOP, 0, 0, 0, 0, id="first")
    later = Frame(LEFT, FOOTER_TOP, WIDTH, A4[1] - LATER_BODY_TOP - FOOTER_TOP, 0, 0, 0, 0, id="later")
    templates = [PageTemplate("later", [later], onPage=lambda canvas, _: _draw_later(canvas, frame, pages))]
    if frame.has_window:
        onto_first = PageTemplate(
            "first", [first], onPage=lambda canvas, _: _draw_first(canvas, frame, pages)
        )
        templates.insert(0, onto_first)
    document.addPageTemplates(templates)
    document.build([NextPageTemplate("later"), *body])
    return file.getvalue(), int(document.page)


def _draw_first(canvas: Any, frame: PaperFrame, pages: int) -> None:
    if frame.logo:
        width, height = logo_size(frame.logo)
        canvas.drawImage(open_logo(frame.logo), LEFT, A4[1] - LOGO_TOP - height, width, height)
    elif frame.letterhead:
        _write(canvas, LEFT, 24 * mm, frame.letterhead, WIDTH, BOLD, 13)
    canvas.setFillColor(GREY)
    _write(canvas, WINDOW_LEFT, WINDOW_TOP, frame.sender, WINDOW_WIDTH, PLAIN, 6.5)
    _rule(canvas, WINDOW_LEFT, WINDOW_TOP + 1.2 * mm, WINDOW_WIDTH)
    canvas.setFillColor(BLACK)
    # More lines than fit into the window are set closer together.
    leading = ADDRESS_LEADING * min(1.0, WINDOW_LINES / max(1, len(frame.address)))
    size = _address_size(frame.address)
    for number, line in enumerate(frame.address):
        _write(canvas, WINDOW_LEFT, WINDOW_TOP + 7 * mm + number * leading, line, WINDOW_WIDTH, PLAIN, size)
    for number, (name, value) in enumerate(frame.info):
        top = INFO_TOP + number * 5 * mm
        canvas.setFillColor(GREY)
        _write(canvas, INFO_LEFT, top, name, INFO_WIDTH, PLAIN, 8)
        canvas.setFillColor(BLACK)
        room = A4[0] - RIGHT - INFO_LEFT - INFO_WIDTH - 1 * mm
        _write(canvas, INFO_LEFT + INFO_WIDTH + 1 * mm, top, value, room, BOLD if number == 0 else PLAIN, 8)
    # Fold marks and hole mark.
    for top in (105 * mm, 148.5 * mm, 210 * mm):
        _rule(canvas, 5 * mm, top, 4 * mm)
    _draw_foot(canvas, frame, pages)


def _draw_later(canvas: Any, frame: PaperFrame, pages: int) -> None:
    canvas.setFillColor(GREY)
    _write(canvas, LEFT, 20 * mm, f"{frame.author} · {frame.title}", WIDTH, PLAIN, 8)
    canvas.setFillColor(BLACK)
    _draw_foot(canvas, frame, pages)


def _draw_foot(canvas: Any, frame: PaperFrame, pages: int) -> None:
    _rule(canvas, LEFT, A4[1] - 26 * mm, WIDTH)
    canvas.setFillColor(GREY)
    columns = [column for column in frame.footer if column]
    width = WIDTH / max(1, len(columns))
    for place, column in enumerate(columns):
        for number, line in enumerate(column):
            top = A4[1] - 22.5 * mm + number * 2.9 * mm
            _write(canvas, LEFT + place * width, top, line, width - 3 * mm, PLAIN, 6.5)
    canvas.setFont(PLAIN, 6.5)
    page = printable(frame.number_pages(canvas.getPageNumber(), pages))
    canvas.drawRightString(A4[0] - RIGHT, 27.2 * mm, page)
    canvas.setFillColor(BLACK)


def _rule(canvas: Any, left: float, top: float, width: float) -> None:
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.3)
    canvas.line(left, A4[1] - top, left + width, A4[1] - top)


def _write(canvas: Any, left: float, top: float, text: str, width: float, font: str, size: float) -> None:
    """Write one line at `top` below the page's upper edge; a long line is set smaller, then cut."""
    text = printable(text, font)
    smallest = size * 0.75
    while size > smallest and canvas.stringWidth(text, font, size) > width:
        size -= 0.25
    if canvas.stringWidth(text, font, size) > width:
        while text and canvas.stringWidth(f"{text}…", font, size) > width:
            text = text[:-1]
        text += "…"
    canvas.setFont(font, size)
    canvas.drawString(left, A4[1] - top, text)
