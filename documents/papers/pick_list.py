"""The pick list: how many units to take from which bin, and for which order."""

from collections.abc import Mapping
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from documents.papers.frame import (
    BLACK,
    NO_LOGOS,
    WIDTH,
    draw_paper,
    make_frame,
    paragraph,
    ruled_table,
    split_cell,
    style,
)
from documents.text import mark
from documents.words import Words
from models.papers.records import PickPaper, PickRow, PickTarget

TITLE = mark("Pick list")
WIDTHS = (27 * mm, WIDTH - 115 * mm, 49 * mm, 31 * mm, 8 * mm)


def render_pick_list(picks: PickPaper, logos: Mapping[str, bytes] = NO_LOGOS) -> bytes:
    """Return the PDF of a pick list."""
    words = Words(picks.language)
    title = f"{words.say(TITLE)} {picks.number}".strip()
    frame = make_frame(words, picks.seller, logos, title=title, has_window=False)
    return draw_paper(frame, lambda: _body(words, picks, title))


def _body(words: Words, picks: PickPaper, title: str) -> list[Any]:
    say = words.say
    heading, right = style(8, bold=True), style(8, bold=True, right=True)
    orders = {target.order_number for row in picks.rows for target in row.targets}
    facts = [
        (say(mark("Date")), words.date(picks.dated)),
        (say(mark("Warehouse")), picks.warehouse),
        (say(mark("Orders")), words.count(len(orders))),
        (say(mark("Units")), words.count(sum(row.quantity for row in picks.rows))),
    ]
    rows: list[list[Any]] = [
        [
            paragraph(say(mark("Bin")), heading),
            paragraph(say(mark("Article")), heading),
            paragraph(say(mark("For")), heading),
            paragraph(say(mark("Quantity")), right),
            "",
        ]
    ]
    for row in picks.rows:
        rows += _rows(words, row)
    return [
        paragraph(title, style(13, bold=True)),
        Spacer(1, 1 * mm),
        paragraph(" · ".join(f"{name}: {value}" for name, value in facts if value), style()),
        Spacer(1, 3 * mm),
        ruled_table(
            rows, WIDTHS, ("GRID", (4, 1), (4, -1), 0.5, BLACK), ("RIGHTPADDING", (3, 0), (3, -1), 6)
        ),
    ]


def _rows(words: Words, row: PickRow) -> list[list[Any]]:
    numbers = " · ".join(number for number in (row.sku, row.gtin) if number)
    article = [paragraph(row.title or row.sku, style()), paragraph(numbers, style(8, bold=True))]
    # Many orders may need the same article.
    first, *more = split_cell([_target(words, target) for target in row.targets], WIDTHS[2])
    quantity = paragraph(words.count(row.quantity), style(10, bold=True, right=True))
    goes_on = paragraph(f"… {row.sku}", style(grey=True))
    return [
        [paragraph(row.bin, style(10, bold=True)), article, first, quantity, ""],
        *(["", goes_on, cell, "", ""] for cell in more),
    ]


def _target(words: Words, target: PickTarget) -> Any:
    box = words.say(mark("Box {box}")).format(box=target.box) if target.box else ""
    whom = " · ".join(part for part in (box, target.order_number) if part)
    text = f"{words.count(target.quantity)} × {whom}" if whom else words.count(target.quantity)
    return paragraph(text, style(8))
