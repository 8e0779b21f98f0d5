"""The packing slip: what is in a parcel, without prices."""

from collections.abc import Mapping
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from documents.papers.frame import (
    NO_LOGOS,
    WIDTH,
    bare_table,
    draw_paper,
    fit_address,
    make_frame,
    paragraph,
    ruled_table,
    split_cell,
    style,
)
from documents.papers.roll import ROOM, barcode_with_number, draw_roll, letterhead, line_across
from documents.text import mark
from documents.words import Words
from models.papers.records import Goods, PackingSlip, PaperFormat

TITLE = mark("Packing slip")
CODE_WIDTH = 80 * mm
WIDTHS = (9 * mm, WIDTH - 67 * mm, 29 * mm, 29 * mm)


def render_packing_slip(
    slip: PackingSlip, logos: Mapping[str, bytes] = NO_LOGOS, form: PaperFormat = PaperFormat.a4
) -> bytes:
    """Return the PDF of a packing slip."""
    words = Words(slip.language)
    title = f"{words.say(TITLE)} {slip.order_number}".strip()
    if form is PaperFormat.thermal:
        story = _roll(words, slip, logos)
        return draw_roll(story, title=title, author=slip.seller.name, language=slip.language)
    frame = make_frame(
        words,
        slip.seller,
        logos,
        title=title,
        address=fit_address([*slip.to.lines, *words.country(slip.to.country)]),
        info=_info(words, slip),
    )
    return draw_paper(frame, lambda: _body(words, slip, title))


def title_with_barcode(title: str, number: str) -> Any:
    """Return a title with the number as a barcode on its right."""
    heading = paragraph(title, style(13, bold=True))
    cells = [[heading, barcode_with_number(number, CODE_WIDTH) if number else ""]]
    return bare_table(
        cells, (WIDTH - CODE_WIDTH - 5 * mm, CODE_WIDTH + 5 * mm), ("ALIGN", (1, 0), (1, 0), "CENTER")
    )


def name_goods(words: Words, goods: Goods, size: float = 8.5) -> list[Any]:
    """Return title and numbers of an article, and the articles of a bundle below it."""
    small = style(size * 0.85, grey=True)
    cell = [paragraph(goods.title or goods.number, style(size))]
    numbers = [number for number in (goods.number, goods.gtin) if number and number != goods.title]
    if numbers:
        cell.append(paragraph(" · ".join(numbers), small))
    for part in goods.parts:
        named = " · ".join(text for text in (part.title, part.number) if text)
        cell.append(paragraph(f"– {words.count(part.quantity)} × {named}", small))
    return cell


def _info(words: Words, slip: PackingSlip) -> list[tuple[str, str]]:
    say = words.say
    rows = [
        (say(mark("Order no.")), slip.order_number),
        (say(mark("Together with")), ", ".join(slip.further_numbers)),
        (say(mark("Ordered on")), words.date(slip.ordered_on) if slip.ordered_on else ""),
        (say(mark("Shipped on")), words.date(slip.shipped_on) if slip.shipped_on else ""),
        (say(mark("Delivery by")), slip.shipping_method),
    ]
    return [(name, value) for name, value in rows if value]


def _body(words: Words, slip: PackingSlip, title: str) -> list[Any]:
    say = words.say
    heading, right = style(8, bold=True), style(8, bold=True, right=True)
    number, number_bold = style(right=True), style(9, bold=True, right=True)
    follows = any(goods.later for goods in slip.goods)
    rows: list[list[Any]] = [
        [
            paragraph(say(mark("Pos.")), heading),
            paragraph(say(mark("Article")), heading),
            paragraph(say(mark("Quantity")), right),
            paragraph(say(mark("Follows later")) if follows else "", right),
        ]
    ]
    for place, goods in enumerate(slip.goods, start=1):
        later = words.count(goods.later) if goods.later else ""
        first, *more = split_cell(name_goods(words, goods), WIDTHS[1])
        rows.append(
            [
                paragraph(str(place), style()),
                first,
                paragraph(words.count(goods.quantity), number_bold),
                paragraph(later, number),
            ]
        )
        rows += [["", cell, "", ""] for cell in more]
    return [title_with_barcode(title, slip.order_number), Spacer(1, 4 * mm), ruled_table(rows, WIDTHS)]


def _roll(words: Words, slip: PackingSlip, logos: Mapping[str, bytes]) -> list[Any]:
    plain = style(9)
    story = [*letterhead(slip.seller, logos), Spacer(1, 2 * mm)]
    story += [paragraph(words.say(TITLE), style(12, bold=True)), Spacer(1, 2 * mm)]
    story += [*barcode_with_number(slip.order_number), Spacer(1, 2 * mm)]
    story += [paragraph(f"{name}: {value}", style(8)) for name, value in _info(words, slip)[1:]]
    story += [Spacer(1, 2 * mm), *(paragraph(line, style(10)) for line in slip.to.lines)]
    story += [paragraph(line, style(10, bold=True)) for line in words.country(slip.to.country)]
    story += line_across()
    counts = [f"{words.count(goods.quantity)} ×" for goods in slip.goods]
    short = all(len(text) < 8 for text in counts)
    width = (14 if short else 21) * mm
    for goods, count in zip(slip.goods, counts, strict=True):
        cell = name_goods(words, goods, 9)
        if goods.later:
            later = words.say(mark("{count} follow later")).format(count=words.count(goods.later))
            cell.append(paragraph(later, style(8, bold=True)))
        number = paragraph(count, style(10 if short else 6, bold=True))
        story += [bare_table([[number, cell]], (width, ROOM - width)), Spacer(1, 1.5 * mm)]
    story += line_across()
    return [*story, *(paragraph(line, plain) for line in slip.seller.footer)]
