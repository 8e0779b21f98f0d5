"""Invoices and credit notes, drawn only from their stored content."""

from collections.abc import Mapping
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import KeepTogether, Spacer

from documents.papers.archival import make_archival
from documents.papers.frame import NO_LOGOS, PaperFrame, draw_paper, make_frame, paragraph, style
from documents.papers.priced import line_table, sum_rows, sum_table, tax_notes
from documents.text import mark
from documents.words import Words
from models.accounting.records import DocumentKind, PaperContent
from models.tax.records import HOME

TITLES = {DocumentKind.invoice: mark("Invoice"), DocumentKind.credit_note: mark("Credit note")}
NUMBERS = {DocumentKind.invoice: mark("Invoice no."), DocumentKind.credit_note: mark("Credit note no.")}


def render_invoice(content: PaperContent, logos: Mapping[str, bytes] = NO_LOGOS) -> bytes:
    """Return an invoice or credit note as PDF/A; `logos` contains the seller's logo by its hash."""
    words = Words(content.language)
    return make_archival(draw_paper(_frame(words, content, logos), lambda: _body(words, content)))


def _frame(words: Words, content: PaperContent, logos: Mapping[str, bytes]) -> PaperFrame:
    say = words.say
    delivered = words.date(content.delivered_from)
    if content.delivered_until != content.delivered_from:
        delivered = f"{delivered} – {words.date(content.delivered_until)}"
    info = [
        (say(NUMBERS[content.kind]), content.label),
        (say(mark("Date")), words.date(content.issued_on)),
        (say(mark("Order no.")), content.order_number),
        (say(mark("Ordered on")), words.date(content.ordered_on)),
        (say(mark("Delivered on")), delivered),
    ]
    if content.goes_to not in ("", HOME):
        info.append((say(mark("Delivered to")), words.country_name(content.goes_to)))
    if content.buyer_vat_id:
        info.append((say(mark("Your VAT ID")), content.buyer_vat_id))
    title = f"{say(TITLES[content.kind])} {content.label}"
    address = [*content.buyer, *words.country(content.buyer_country)]
    return make_frame(words, content.seller, logos, title=title, address=address, info=info)


def _body(words: Words, content: PaperContent) -> list[Any]:
    say = words.say
    story: list[Any] = [
        paragraph(f"{say(TITLES[content.kind])} {content.label}", style(13, bold=True)),
        Spacer(1, 3 * mm),
    ]
    if content.corrects and content.corrected_on is not None:
        whole = mark("This credit note cancels invoice {label} of {date} in full.")
        part = mark("This credit note cancels part of invoice {label} of {date}; the rest remains valid.")
        text = say(part if content.is_part else whole).format(
            label=content.corrects, date=words.date(content.corrected_on)
        )
        story.append(paragraph(text, style()))
        reason = say(mark("Reason: {reason}")).format(reason=content.reason)
        story += [paragraph(reason, style()), Spacer(1, 3 * mm)]
    # A credit note for shipping has no lines if the goods were returned before they were invoiced.
    if content.lines:
        story += [line_table(words, content), Spacer(1, 2 * mm)]
    sums = sum_rows(words, content, taken_back=content.kind is DocumentKind.credit_note)
    notes = [paragraph(text, style(8)) for text in tax_notes(words, content)]
    story.append(KeepTogether([sum_table(sums), Spacer(1, 5 * mm), *notes]))
    return story
