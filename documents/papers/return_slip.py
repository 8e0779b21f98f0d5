"""The return slip, on which a buyer ticks what comes back and why."""

from collections.abc import Mapping
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import HRFlowable, KeepTogether, Spacer

from documents.papers.frame import (
    BLACK,
    LINE,
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
from documents.papers.packing_slip import name_goods, title_with_barcode
from documents.text import mark
from documents.words import Words
from models.papers.records import ReturnReason, ReturnSlip

TITLE = mark("Return slip")
REASONS = {
    ReturnReason.too_small_or_large: mark("too small or too large"),
    ReturnReason.not_liked: mark("not to my liking"),
    ReturnReason.not_as_described: mark("not as described"),
    ReturnReason.damaged: mark("arrived damaged"),
    ReturnReason.faulty: mark("faulty"),
    ReturnReason.wrong_article: mark("wrong article"),
    ReturnReason.too_late: mark("arrived too late"),
    ReturnReason.other: mark("other reason"),
}
COUNT_WIDTH, BACK_WIDTH, REASON_WIDTH = 18 * mm, 21 * mm, 6 * mm


def render_return_slip(slip: ReturnSlip, logos: Mapping[str, bytes] = NO_LOGOS) -> bytes:
    """Return the PDF of a return slip; its address window shows the seller's address."""
    words = Words(slip.language)
    say = words.say
    title = f"{say(TITLE)} {slip.order_number}".strip()
    info = [
        (say(mark("Order no.")), slip.order_number),
        (say(mark("Ordered on")), words.date(slip.ordered_on) if slip.ordered_on else ""),
    ]
    frame = make_frame(
        words,
        slip.seller,
        logos,
        title=title,
        address=fit_address([slip.seller.name, *slip.seller.address]),
        info=[(name, value) for name, value in info if value],
        sender=" · ".join(_sender(words, slip)),
    )
    return draw_paper(frame, lambda: _body(words, slip, title))


def _sender(words: Words, slip: ReturnSlip) -> list[str]:
    return [*slip.buyer.lines, *words.country(slip.buyer.country)]


def _body(words: Words, slip: ReturnSlip, title: str) -> list[Any]:
    say = words.say
    heading, right = style(8, bold=True), style(8, bold=True, right=True)
    middle = style(8, bold=True, centred=True)
    numbers = range(1, len(slip.reasons) + 1)
    room = WIDTH - COUNT_WIDTH - BACK_WIDTH - len(slip.reasons) * REASON_WIDTH
    rows: list[list[Any]] = [
        [
            paragraph(say(mark("Article")), heading),
            paragraph(say(mark("Quantity")), right),
            paragraph(say(mark("Returned")), middle),
            *(paragraph(str(number), middle) for number in numbers),
        ]
    ]
    for goods in slip.goods:
        count = paragraph(words.count(goods.quantity), style(right=True))
        first, *more = split_cell(name_goods(words, goods), room)
        blank = [""] * (1 + len(slip.reasons))
        rows += [[first, count, *blank], *([cell, "", *blank] for cell in more)]
    table = ruled_table(
        rows,
        (room, COUNT_WIDTH, BACK_WIDTH, *[REASON_WIDTH] * len(slip.reasons)),
        ("GRID", (2, 1), (-1, -1), 0.5, BLACK),
        ("RIGHTPADDING", (1, 0), (1, -1), 6),
        ("RIGHTPADDING", (2, 0), (-1, 0), 0),
    )
    text = mark(
        "Please enter how many of each article you return, tick the reason, and put this slip "
        "into the parcel."
    )
    # Two columns, to be read downwards.
    named = [
        f"{number}  {say(REASONS[reason])}" for number, reason in zip(numbers, slip.reasons, strict=True)
    ]
    half = (len(named) + 1) // 2
    columns = [[paragraph(name, style(8)) for name in part] for part in (named[:half], named[half:])]
    remarks: list[Any] = [paragraph(say(mark("Remarks")), style(8, bold=True))]
    for _ in range(3):
        remarks += [Spacer(1, 7 * mm), HRFlowable(width="100%", thickness=0.3, color=LINE)]
    signed = say(mark("Date and signature"))
    return [
        title_with_barcode(title, slip.order_number),
        Spacer(1, 3 * mm),
        paragraph(say(mark("Sender: {address}")).format(address=", ".join(_sender(words, slip))), style()),
        Spacer(1, 3 * mm),
        paragraph(say(text), style()),
        Spacer(1, 3 * mm),
        table,
        Spacer(1, 4 * mm),
        KeepTogether(
            [
                paragraph(say(mark("Reasons")), style(8, bold=True)),
                bare_table([columns], (WIDTH / 2, WIDTH / 2)),
                Spacer(1, 4 * mm),
                *remarks,
                Spacer(1, 12 * mm),
                HRFlowable(width="50%", thickness=0.3, color=LINE, hAlign="LEFT"),
                paragraph(signed, style(7, grey=True)),
            ]
        ),
    ]
