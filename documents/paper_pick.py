"""The pick list: what is taken from which bin, for whom."""

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Spacer

from documents.paper import BLACK, NO_LOGOS, WIDTH, draw_paper, make_frame, paragraph, ruled_table, style
from documents.text import mark
from documents.words import Words
from models.paper import PickList, PickRow, PickTarget

TITLE = mark("Pick list")
WIDTHS = (28 * mm, WIDTH - 106 * mm, 50 * mm, 20 * mm, 8 * mm)
TARGETS_AT_ONCE = 25
"""More orders of one article go on in a further row: a row has to fit on a page."""


def render_pick_list(picks: PickList, logos: Mapping[str, bytes] = NO_LOGOS) -> bytes:
    """Return the PDF of a pick list."""
    words = Words(picks.language)
    title = f"{words.say(TITLE)} {picks.number}".strip()
    frame = make_frame(words, picks.seller, logos, title=title, has_window=False)
    return draw_paper(frame, lambda: _body(words, picks, title))


def _body(words: Words, picks: PickList, title: str) -> list[Any]:
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
    rows = []
    for start in range(0, max(1, len(row.targets)), TARGETS_AT_ONCE):
        part = row.targets[start : start + TARGETS_AT_ONCE]
        whole = start == 0
        rows.append(
            [
                paragraph(row.bin, style(10, bold=True)) if whole else "",
                article if whole else paragraph(f"… {row.sku}", style(grey=True)),
                _targets(words, part),
                paragraph(words.count(row.quantity), style(11, bold=True, right=True)) if whole else "",
                "",
            ]
        )
    return rows


def _targets(words: Words, targets: Sequence[PickTarget]) -> list[Any]:
    texts = []
    for target in targets:
        whom = " · ".join(part for part in (target.box, target.order_number) if part)
        texts.append(f"{words.count(target.quantity)} × {whom}" if whom else words.count(target.quantity))
    return [paragraph(text, style(8)) for text in texts]
