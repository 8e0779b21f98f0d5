"""The invoice, and the credit note that takes one back: drawn from what was issued, and from that alone."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from reportlab.lib.units import mm
from reportlab.platypus import KeepTogether, LongTable, Spacer, Table, TableStyle

from documents.paper import BOLD, LINE, WIDTH, PaperFrame, draw_paper, paragraph, style
from documents.text import get_translations, mark
from models.document import DocumentKind, PaperContent

TITLES = {DocumentKind.invoice: mark("Invoice"), DocumentKind.credit_note: mark("Credit note")}
NUMBERS = {DocumentKind.invoice: mark("Invoice no."), DocumentKind.credit_note: mark("Credit note no.")}
DATE_PATTERNS = {"de": "dd.MM.yyyy", "en": "d MMM yyyy"}
FINE_PATTERNS = {"de": "#,##0.00##\u00a0¤", "en": "¤#,##0.00##"}
"""Of a price that is no whole number of cents."""
LINE_WIDTHS = (9 * mm, 73 * mm, 16 * mm, 26 * mm, 15 * mm, 26 * mm)


def render_invoice(content: PaperContent) -> bytes:
    """Return the PDF of an invoice or credit note."""
    writer = _Writer(content)
    return draw_paper(writer.frame(), writer.body)


class _Writer:
    """Says things in the paper's language."""

    def __init__(self, content: PaperContent) -> None:
        self.content = content
        self.say: Callable[[str], str] = get_translations(content.language).gettext

    def frame(self) -> PaperFrame:
        content, seller, say = self.content, self.content.seller, self.say
        delivered = self._date(content.delivered_from)
        if content.delivered_until != content.delivered_from:
            delivered = f"{delivered} – {self._date(content.delivered_until)}"
        info = [
            (say(NUMBERS[content.kind]), content.label),
            (say(mark("Date")), self._date(content.issued_on)),
            (say(mark("Order no.")), content.order_number),
            (say(mark("Ordered on")), self._date(content.ordered_on)),
            (say(mark("Delivered on")), delivered),
        ]
        ids = [
            f"{say(name)}: {value}"
            for name, value in (
                (mark("Tax number"), seller.tax_number),
                (mark("VAT ID"), seller.vat_id),
            )
            if value
        ]
        half = (len(seller.footer) + 1) // 2 if len(seller.footer) > 4 else len(seller.footer)
        return PaperFrame(
            title=f"{say(TITLES[content.kind])} {content.label}",
            author=seller.name,
            language=content.language,
            sender=" · ".join([seller.name, *seller.address]),
            address=content.buyer,
            info=info,
            footer=[[seller.name, *seller.address], ids, seller.footer[:half], seller.footer[half:]],
            number_pages=lambda page, pages: say(mark("Page {page} of {pages}")).format(
                page=page, pages=pages
            ),
            letterhead=seller.name,
        )

    def body(self) -> list[Any]:
        content, say = self.content, self.say
        story: list[Any] = [
            paragraph(f"{say(TITLES[content.kind])} {content.label}", style(13, bold=True)),
            Spacer(1, 3 * mm),
        ]
        if content.corrects and content.corrected_on is not None:
            text = say(mark("This credit note takes invoice {label} of {date} back in full.")).format(
                label=content.corrects, date=self._date(content.corrected_on)
            )
            story.append(paragraph(text, style()))
            reason = say(mark("Reason: {reason}")).format(reason=content.reason)
            story += [paragraph(reason, style()), Spacer(1, 3 * mm)]
        story += [self._lines(), Spacer(1, 2 * mm)]
        story.append(KeepTogether([self._sums(), Spacer(1, 5 * mm), *self._notes()]))
        return story

    def _lines(self) -> Any:
        content, say = self.content, self.say
        heading, right = style(8, bold=True), style(8, bold=True, right=True)
        plain, plain_right, small = style(), style(right=True), style(7, grey=True)
        with_tax = not content.seller.small_business
        rows: list[list[Any]] = [
            [
                paragraph(say(mark("Pos.")), heading),
                paragraph(say(mark("Article")), heading),
                paragraph(say(mark("Quantity")), right),
                paragraph(say(mark("Unit price")), right),
                paragraph(say(mark("VAT")) if with_tax else "", right),
                paragraph(say(mark("Amount")), right),
            ]
        ]
        for number, line in enumerate(content.lines, start=1):
            article = [paragraph(line.title or line.number, plain)]
            if line.number and line.number != line.title:
                article.append(paragraph(line.number, small))
            rows.append(
                [
                    paragraph(str(number), plain),
                    article,
                    paragraph(self._count(line.quantity), plain_right),
                    paragraph(self._money(line.price), plain_right),
                    paragraph(self._rate(line.tax_rate) if line.tax_rate is not None else "", plain_right),
                    paragraph(self._money(line.amount), plain_right),
                ]
            )
        table = LongTable(rows, colWidths=LINE_WIDTHS, repeatRows=1)
        table.setStyle(
            TableStyle(
                [
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LINEBELOW", (0, 0), (-1, 0), 0.6, LINE),
                    ("LINEBELOW", (0, 1), (-1, -1), 0.2, LINE),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                    ("TOPPADDING", (0, 0), (-1, -1), 2),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
                ]
            )
        )
        return table

    def _sums(self) -> Any:
        content, say = self.content, self.say
        discount = (content.fee_amount < 0) != (content.kind is DocumentKind.credit_note)
        sums = [
            (say(mark("Shipping")), content.shipping_amount),
            (say(mark("Discount") if discount else mark("Fees")), content.fee_amount),
        ]
        rows = [(name, amount, False) for name, amount in sums if amount]
        rows.append((say(mark("Total")), content.gross, True))
        for part in content.taxes:
            rate = self._rate(part.rate)
            rows.append((say(mark("of it net at {rate}")).format(rate=rate), part.net, False))
            rows.append((say(mark("of it VAT {rate}")).format(rate=rate), part.tax, False))
        if len(content.taxes) > 1:
            rows.append((say(mark("of it net in all")), content.net, False))
            rows.append((say(mark("of it VAT in all")), content.tax, False))
        table = Table(
            [
                [
                    "",
                    paragraph(name, style(9 if bold else 8, bold=bold)),
                    paragraph(self._money(amount), style(9 if bold else 8, bold=bold, right=True)),
                ]
                for name, amount, bold in rows
            ],
            colWidths=(WIDTH - 86 * mm, 56 * mm, 30 * mm),
        )
        total = next(number for number, (_, _, bold) in enumerate(rows) if bold)
        table.setStyle(
            TableStyle(
                [
                    ("FONTNAME", (0, 0), (-1, -1), BOLD),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                    ("TOPPADDING", (0, 0), (-1, -1), 1),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
                    ("TOPPADDING", (1, total), (-1, total), 3),
                    ("BOTTOMPADDING", (1, total), (-1, total), 3),
                    ("LINEABOVE", (1, total), (-1, total), 0.6, LINE),
                    ("LINEBELOW", (1, total), (-1, total), 0.6, LINE),
                ]
            )
        )
        return table

    def _notes(self) -> list[Any]:
        if self.content.seller.small_business:
            note = mark("No VAT is charged: small businesses are exempt under § 19 UStG (German VAT act).")
        else:
            note = mark(
                "Prices include VAT. It is worked out of the sum of each rate and rounded half up to whole "
                "cents."
            )
        return [paragraph(self.say(note), style(8))]

    def _date(self, day: Any) -> str:
        return format_date(day, DATE_PATTERNS[self.content.language], locale=self.content.language)

    def _money(self, amount: Decimal) -> str:
        content = self.content
        if amount == round(amount, 2):
            return format_currency(amount, content.currency, locale=content.language)
        return format_currency(
            amount,
            content.currency,
            FINE_PATTERNS[content.language],
            locale=content.language,
            currency_digits=False,
        )

    def _rate(self, rate: Decimal) -> str:
        return f"{format_decimal(rate, locale=self.content.language)} %"

    def _count(self, quantity: int) -> str:
        return format_decimal(quantity, locale=self.content.language)
