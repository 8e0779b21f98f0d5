"""The frame of papers for thermal printers: an 80 mm roll, cut below the content."""

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import HRFlowable, Image, Spacer

from documents.papers.barcode import barcode
from documents.papers.frame import BLACK, new_canvas, paragraph, style
from documents.papers.logo import logo_size
from models.tenants.records import SellerData

ROLL_WIDTH = 80 * mm
MARGIN = 4 * mm
ROOM = ROLL_WIDTH - 2 * MARGIN
"""The width that such printers can print on."""
LONGEST_PAGE = 5_000 * mm
"""PDF readers allow pages of at most 5,080 mm; longer content continues on another page."""


def draw_roll(story: Iterable[Any], *, title: str, author: str, language: str) -> bytes:
    """Return the PDF of flowables one below the other; a flowable must not be longer than a page."""
    file = BytesIO()
    canvas = new_canvas(file, (ROLL_WIDTH, ROLL_WIDTH), title, author, language)
    page: list[tuple[Any, float, float]] = []
    length = 0.0
    for flowable in story:
        width, height = flowable.wrapOn(canvas, ROOM, LONGEST_PAGE)
        if page and length + height > LONGEST_PAGE - 2 * MARGIN:
            _draw_page(canvas, page, length)
            page, length = [], 0.0
        page.append((flowable, width, height))
        length += height
    _draw_page(canvas, page, length)
    canvas.save()
    return file.getvalue()


def _draw_page(canvas: Any, page: Sequence[tuple[Any, float, float]], length: float) -> None:
    canvas.setPageSize((ROLL_WIDTH, length + 2 * MARGIN))
    top = length + MARGIN
    for flowable, width, height in page:
        top -= height
        centred = getattr(flowable, "hAlign", "LEFT") == "CENTER"
        flowable.drawOn(canvas, MARGIN + (ROOM - width) / 2 if centred else MARGIN, top)
    canvas.showPage()


def letterhead(seller: SellerData, logos: Mapping[str, bytes]) -> list[Any]:
    """Return the seller's logo, name and address as flowables."""
    story: list[Any] = []
    if seller.logo:
        png = logos[seller.logo]
        width, height = logo_size(png, 50 * mm, 15 * mm)
        story += [Image(BytesIO(png), width, height), Spacer(1, 2 * mm)]
    story.append(paragraph(seller.name, style(10, bold=True)))
    story += [paragraph(line, style(8)) for line in seller.address]
    return [*story, *line_across()]


def barcode_with_number(number: str, room: float = ROOM, height: float = 12 * mm) -> list[Any]:
    """Return a number as a barcode, if it fits, with its letters below."""
    code = barcode(number, room, height)
    bars = []
    if code is not None:
        code.hAlign = "CENTER"
        bars = [code, Spacer(1, 1 * mm)]
    return [*bars, paragraph(number, style(9, centred=True))]


def line_across() -> list[Any]:
    """Return a horizontal line with some space around it."""
    return [Spacer(1, 1 * mm), HRFlowable(width="100%", thickness=0.5, color=BLACK), Spacer(1, 1 * mm)]
