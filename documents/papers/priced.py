"""What papers with prices share: lines, sums and notes about tax."""

from decimal import Decimal
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Table, TableStyle

from documents.papers.frame import BOLD, LINE, WIDTH, paragraph, ruled_table, style
from documents.text import mark
from documents.words import Words
from models.accounting.records import PricedContent, RateSource
from models.tax.records import TaxCase

LINE_WIDTHS = (9 * mm, 73 * mm, 16 * mm, 26 * mm, 15 * mm, 26 * mm)


def line_table(words: Words, content: PricedContent) -> Any:
    """Return the table of goods with prices, tax rates and amounts."""
    heading, right = style(8, bold=True), style(8, bold=True, right=True)
    plain, plain_right, small = style(), style(right=True), style(7, grey=True)
    with_tax = bool(content.taxes) or not content.seller.small_business
    say, currency = words.say, content.currency
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
                paragraph(words.count(line.quantity), plain_right),
                paragraph(words.money(line.price, currency), plain_right),
                paragraph(words.rate(line.tax_rate) if line.tax_rate is not None else "", plain_right),
                paragraph(words.money(line.amount, currency), plain_right),
            ]
        )
    return ruled_table(rows, LINE_WIDTHS)


def sum_rows(
    words: Words, content: PricedContent, *, taken_back: bool = False
) -> list[tuple[str, str, bool]]:
    """Return (name, amount, is total) for each sum; `taken_back`: the content's amounts are negative."""
    say = words.say
    discount = (content.fee_amount < 0) != taken_back
    sums = [
        (say(mark("Shipping")), content.shipping_amount),
        (say(mark("Discount") if discount else mark("Fees")), content.fee_amount),
    ]
    rows: list[tuple[str, Decimal, bool]] = [(name, amount, False) for name, amount in sums if amount]
    rows.append((say(mark("Total")), content.gross, True))
    for part in content.taxes:
        rate = words.rate(part.rate)
        rows.append((say(mark("of which net at {rate}")).format(rate=rate), part.net, False))
        rows.append((say(mark("of which VAT {rate}")).format(rate=rate), part.tax, False))
    if len(content.taxes) > 1:
        rows.append((say(mark("of which net in total")), content.net, False))
        rows.append((say(mark("of which VAT in total")), content.tax, False))
    texts = [(name, words.money(amount, content.currency), total) for name, amount, total in rows]
    if content.exchange is not None and content.tax:
        name = say(mark("of which VAT in {currency}")).format(currency=content.exchange.currency)
        texts.append((name, words.money(content.exchange.tax, content.exchange.currency), False))
    return texts


def sum_table(rows: list[tuple[str, str, bool]]) -> Any:
    """Return the rows of `sum_rows` as a table under the column of amounts."""
    table = Table(
        [
            [
                "",
                paragraph(name, style(9 if bold else 8, bold=bold)),
                paragraph(amount, style(9 if bold else 8, bold=bold, right=True)),
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


EXEMPT = {
    TaxCase.intra_community: mark(
        "Tax-free intra-Community supply (§ 4 no. 1 (b), § 6a UStG; Article 138 of Directive 2006/112/EC). "
        "All amounts are net."
    ),
    TaxCase.export: mark(
        "Tax-free export (§ 4 no. 1 (a), § 6 UStG; Article 146 of Directive 2006/112/EC). "
        "All amounts are net."
    ),
}
"""The reason why no tax is charged (§ 14 (4) no. 8 UStG)."""


def tax_notes(words: Words, content: PricedContent) -> list[str]:
    """Return the notes about tax; empty if tax is due but could not be stated."""
    say = words.say
    notes = []
    if content.tax_case in EXEMPT:
        notes.append(say(EXEMPT[content.tax_case]))
    elif content.seller.small_business and not content.taxes:
        notes.append(
            say(mark("No VAT is charged: small businesses are exempt under § 19 UStG (German VAT act)."))
        )
    elif content.taxes:
        notes.append(
            say(
                mark(
                    "Prices include VAT. It is calculated from the sum for each rate and rounded "
                    "half up to whole cents."
                )
            )
        )
    where = words.country_name(content.goes_to)
    if content.tax_case is TaxCase.oss:
        text = mark(
            "It is the VAT of the destination country ({country}), declared through the "
            "One-Stop-Shop (§ 18j UStG)."
        )
        notes.append(say(text).format(country=where))
    if content.collected_by_channel:
        text = mark(
            "Tax that is due in the country of destination ({country}) is collected by the marketplace."
        )
        notes.append(say(text).format(country=where))
    if content.exchange is not None and content.tax:
        exchange = content.exchange
        average = mark("VAT in {home}: 1 {home} = {rate} {currency}, the average of {month}.")
        of_day = mark("VAT in {home}: 1 {home} = {rate} {currency}, the rate of {date}.")
        notes.append(
            say(average if exchange.source is RateSource.month else of_day).format(
                home=exchange.currency,
                rate=words.decimal(exchange.rate),
                currency=content.currency,
                month=f"{exchange.on:%m/%Y}",
                date=words.date(exchange.on),
            )
        )
    return notes
