"""Order confirmation, offer and receipt: goods with prices, and for a receipt the payments."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import KeepTogether, Spacer

from documents.papers.frame import (
    NO_LOGOS,
    bare_table,
    draw_paper,
    fit_address,
    make_frame,
    paragraph,
    style,
    tax_ids,
)
from documents.papers.priced import line_table, sum_rows, sum_table, tax_notes
from documents.papers.roll import ROOM, draw_roll, letterhead, line_across
from documents.payment_names import payment_name
from documents.text import mark
from documents.words import Words
from models.papers.records import OrderPaper, PaperFormat, PaperKind

TITLES = {
    PaperKind.confirmation: mark("Order confirmation"),
    PaperKind.offer: mark("Offer"),
    PaperKind.receipt: mark("Receipt"),
}


def render_order_paper(
    paper: OrderPaper, logos: Mapping[str, bytes] = NO_LOGOS, form: PaperFormat = PaperFormat.a4
) -> bytes:
    """Return the PDF of a confirmation, an offer or a receipt."""
    words = Words(paper.language)
    title = f"{words.say(TITLES[paper.kind])} {paper.offer_number or paper.order_number}".strip()
    if form is PaperFormat.thermal:
        story = _roll(words, paper, title, logos)
        return draw_roll(story, title=title, author=paper.seller.name, language=paper.language)
    frame = make_frame(
        words,
        paper.seller,
        logos,
        title=title,
        address=fit_address([*paper.buyer, *words.country(paper.buyer_country)]),
        info=_info(words, paper),
    )
    return draw_paper(frame, lambda: _body(words, paper, title))


def _info(words: Words, paper: OrderPaper) -> list[tuple[str, str]]:
    say = words.say
    payment = payment_name(paper.payment_method, paper.language)
    rows = [
        (say(mark("Order no.")), paper.order_number),
        (say(mark("Date")), words.date(paper.dated)),
        (say(mark("Ordered on")), words.date(paper.ordered_on) if paper.ordered_on else ""),
        (say(mark("Valid until")), words.date(paper.valid_until) if paper.valid_until else ""),
        (say(mark("Payment")), payment if paper.kind is not PaperKind.receipt else ""),
        (say(mark("Delivery by")), paper.shipping_method if paper.kind is not PaperKind.receipt else ""),
    ]
    return [(name, value) for name, value in rows if value]


def _body(words: Words, paper: OrderPaper, title: str) -> list[Any]:
    story: list[Any] = [paragraph(title, style(13, bold=True)), Spacer(1, 3 * mm)]
    story += [paragraph(text, style()) for text in _opening(words, paper)]
    story += [Spacer(1, 3 * mm), line_table(words, paper), Spacer(1, 2 * mm)]
    sums = sum_table(sum_rows(words, paper))
    if paper.kind is PaperKind.receipt:
        # Many payments can take more than a page.
        story += [sums, Spacer(1, 4 * mm), sum_table(_paid(words, paper)), Spacer(1, 5 * mm)]
        story += [paragraph(text, style(8)) for text in _notes(words, paper)]
        return story
    notes = [paragraph(text, style(8)) for text in _notes(words, paper)]
    return [*story, KeepTogether([sums, Spacer(1, 5 * mm), *notes])]


def _opening(words: Words, paper: OrderPaper) -> list[str]:
    say = words.say
    texts = []
    if paper.kind is PaperKind.confirmation:
        texts.append(say(mark("Thank you for your order, which we confirm as follows.")))
    elif paper.kind is PaperKind.offer and paper.valid_until is not None:
        text = say(mark("We offer you the following until the end of {date}."))
        texts.append(text.format(date=words.date(paper.valid_until)))
    elif paper.kind is PaperKind.receipt:
        texts.append(say(mark("We have received the amounts below for these goods.")))
    if paper.ships_to is not None and paper.kind is not PaperKind.receipt:
        place = ", ".join([*paper.ships_to.lines, *words.country(paper.ships_to.country)])
        texts.append(say(mark("Delivery address: {address}")).format(address=place))
    return texts


def _paid(words: Words, paper: OrderPaper) -> list[tuple[str, str, bool]]:
    say = words.say
    rows = []
    for each in paper.received:
        pattern = say(mark("Received on {date}")) if each.amount >= 0 else say(mark("Paid back on {date}"))
        how = [part for part in (payment_name(each.method, paper.language), each.reference) if part]
        name = ", ".join([pattern.format(date=words.date(each.on)), *how])
        rows.append((name, words.money(each.amount, paper.currency), False))
    received = sum((each.amount for each in paper.received), Decimal(0))
    rows.append((say(mark("Received in total")), words.money(received, paper.currency), True))
    if paper.open_amount > 0:
        rows.append((say(mark("Still to be paid")), words.money(paper.open_amount, paper.currency), False))
    return rows


def _notes(words: Words, paper: OrderPaper) -> list[str]:
    notes = tax_notes(words, paper)
    # A paper that states tax and can be mistaken for an invoice makes its issuer owe the tax twice (§ 14c
    # UStG).
    if paper.kind is not PaperKind.offer:
        notes.append(words.say(mark("This is not an invoice and does not entitle you to deduct input tax.")))
    return notes


def _roll(words: Words, paper: OrderPaper, title: str, logos: Mapping[str, bytes]) -> list[Any]:
    plain, right = style(8), style(8, right=True)
    story = letterhead(paper.seller, logos)
    story += [paragraph(line, plain) for line in tax_ids(words, paper.seller)]
    story += [Spacer(1, 2 * mm), paragraph(title, style(11, bold=True))]
    story += [paragraph(f"{name}: {value}", plain) for name, value in _info(words, paper)[1:]]
    story += line_across()
    for line in paper.lines:
        story.append(paragraph(line.title or line.number, plain))
        each = f"{words.count(line.quantity)} × {words.money(line.price, paper.currency)}"
        if line.tax_rate is not None:
            each += f" ({words.rate(line.tax_rate)})"
        amount = paragraph(words.money(line.amount, paper.currency), right)
        cells = [paragraph(each, style(8, grey=True)), amount]
        story += [bare_table([cells], (ROOM - 28 * mm, 28 * mm)), Spacer(1, 1 * mm)]
    story += line_across()
    for rows in (sum_rows(words, paper), _paid(words, paper)):
        for name, amount_text, bold in rows:
            cells = [
                paragraph(name, style(9 if bold else 8, bold=bold)),
                paragraph(amount_text, style(9 if bold else 8, bold=bold, right=True)),
            ]
            story.append(bare_table([cells], (ROOM - 28 * mm, 28 * mm)))
        story += line_across()
    return [*story, *(paragraph(text, style(7)) for text in [*_notes(words, paper), *paper.seller.footer])]
