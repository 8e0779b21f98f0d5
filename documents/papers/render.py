"""One function for every paper that is drawn on request."""

from collections.abc import Iterator, Mapping
from typing import Any

from documents.papers.frame import NO_LOGOS, count_replaced
from documents.papers.label import render_label
from documents.papers.order import render_order_paper
from documents.papers.packing_slip import render_packing_slip
from documents.papers.pick_list import render_pick_list
from documents.papers.return_slip import render_return_slip
from models.errors import RuleError
from models.papers.records import (
    AddressLabel,
    OrderPaper,
    PackingSlip,
    Paper,
    PaperFormat,
    PaperKind,
    PickPaper,
    ReturnSlip,
)

ON_A_ROLL = (PaperKind.packing_slip, PaperKind.receipt, PaperKind.label)
"""Kinds of paper that fit on a roll; the others need the width of A4."""


def render_paper(
    paper: Paper, logos: Mapping[str, bytes] = NO_LOGOS, form: PaperFormat = PaperFormat.a4
) -> bytes:
    """Return the PDF of a paper; `logos` contains the seller's logo by its hash.

    Raises: RuleError, if this kind of paper cannot be printed on a roll.
    """
    if form is PaperFormat.thermal and not _fits_on_a_roll(paper):
        raise RuleError(f"Only these papers fit on a roll: {', '.join(ON_A_ROLL)}.")
    match paper:
        case PackingSlip():
            return render_packing_slip(paper, logos, form)
        case AddressLabel():
            return render_label(paper, logos, form)
        case OrderPaper():
            return render_order_paper(paper, logos, form)
        case PickPaper():
            return render_pick_list(paper, logos)
        case ReturnSlip():
            return render_return_slip(paper, logos)


def _fits_on_a_roll(paper: Paper) -> bool:
    return isinstance(paper, PackingSlip | AddressLabel) or (
        isinstance(paper, OrderPaper) and paper.kind in ON_A_ROLL
    )


def count_replaced_texts(paper: Paper) -> int:
    """Return how many texts of a paper contain characters that the font lacks; they are replaced."""
    return count_replaced(_texts(paper.model_dump()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
