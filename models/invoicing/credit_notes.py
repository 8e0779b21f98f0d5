"""Credit notes: they cancel a whole invoice or credit part of it; the invoice itself never changes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlmodel import Session, col, func, select

from models.accounting.issued import (
    Document,
    DocumentDraft,
    DocumentLine,
    cancelling_labels,
    check_not_erased,
    issue,
)
from models.accounting.numbers import check_numbers_known
from models.accounting.records import DocumentKind, PaperContent, PaperLine, TaxSum
from models.database.conditions import among
from models.errors import RuleError
from models.invoicing.sums import gross_by_rate, paper_line, prorate, tax_sums
from models.orders.history import Actor, add_event
from models.orders.order import Order, OrderLine
from models.orders.queries import lines_of_order, lock_order
from models.tenants.tenant import Tenant
from models.values import LONGEST_TEXT, half_up

_AMOUNTS = ("shipping_amount", "fee_amount", "net", "tax", "gross")


def cancel_invoice(session: Session, document: Document, reason: str) -> Document:
    """Cancel a whole invoice with a credit note; its goods that were not returned can be invoiced again.

    Raises: RuleError, if the document is no invoice, is cancelled or partly credited already, or was erased,
    or if the reason is missing or too long.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_TEXT:
        raise RuleError(f"A correction needs a reason of at most {LONGEST_TEXT} characters.")
    order = session.get_one(Order, document.order_id)
    lock_order(session, order)
    check_numbers_known(session.get_one(Tenant, document.tenant_id))
    check_not_erased(document)
    if document.kind is not DocumentKind.invoice:
        raise RuleError(f"{document.label} is no invoice: only invoices are cancelled.")
    if _is_partly_credited(session, document):
        raise RuleError(f"{document.label} is partly credited; credit the rest by a return, too.")
    if earlier := cancelling_labels(session, [document.row_id]):
        raise RuleError(f"{document.label} was cancelled by {earlier[document.row_id]} already.")
    invoice = PaperContent.model_validate(document.content)
    rows = session.exec(select(DocumentLine).where(DocumentLine.document_id == document.id)).all()
    units = {row.order_line_id: row.quantity for row in rows}
    note = _issue_note(session, document, invoice, units, reason, is_part=False)
    detail = {"document": note.label, "corrects": document.label, "gross": str(note.gross)}
    add_event(session, order, "invoice_corrected", detail, actor=Actor.person)
    session.flush()
    return note


def credit_partly(
    session: Session,
    order: Order,
    units: Mapping[int, int],
    *,
    shipping: Decimal,
    extra: Decimal,
    reason: str,
) -> list[Document]:
    """Issue credit notes for returned units, given by order line id, as far as they are invoiced.

    One note is issued for each invoice with such units, latest invoice first. The first note also credits
    `shipping` and `extra`; a negative `extra` is a fee that is kept. If none of the units is invoiced, a note
    on another invoice of the order credits them. Orders invoiced by their channel get no note. The caller
    holds the order's lock.
    Raises: RuleError, if a note would be negative, or if the tenant's numbers are in doubt.
    """
    tenant = session.get_one(Tenant, order.tenant_id)
    # Units that were returned before they were invoiced are on no invoice.
    left = {
        line.row_id: min(units[line.row_id], line.invoiced - line.shipped + line.returned)
        for line in lines_of_order(session, order)
        if line.id in units
    }
    notes: list[Document] = []
    for invoice in _standing_invoices(session, order):
        rows = session.execute(
            select(col(DocumentLine.order_line_id), func.sum(DocumentLine.quantity))
            .join(Document, col(Document.id) == col(DocumentLine.document_id))
            .where((Document.id == invoice.id) | (Document.credits_id == invoice.id))
            .group_by(col(DocumentLine.order_line_id))
        )
        chosen = {
            line_id: min(left[line_id], int(standing))
            for line_id, standing in rows
            if left.get(line_id, 0) > 0 and standing > 0
        }
        if not chosen:
            continue
        check_numbers_known(tenant)
        for line_id, count in chosen.items():
            left[line_id] -= count
        notes.append(
            _issue_part(session, order, invoice, chosen, shipping=shipping, extra=extra, reason=reason)
        )
        shipping = extra = Decimal(0)
    rest = shipping + extra
    other = _find_creditable(session, order, shipping, rest) if rest > 0 else None
    if other is not None:
        check_numbers_known(tenant)
        notes.append(_issue_part(session, order, other, {}, shipping=shipping, extra=extra, reason=reason))
    return notes


def _find_creditable(session: Session, order: Order, shipping: Decimal, amount: Decimal) -> Document | None:
    """Return the latest invoice with enough shipping and at least `amount` that is not credited yet."""
    for invoice in _standing_invoices(session, order):
        credited = session.exec(select(col(Document.gross)).where(Document.credits_id == invoice.id)).all()
        lines = PaperContent.model_validate(invoice.content).lines
        if lines and invoice.shipping_amount >= shipping and invoice.gross + sum(credited) >= amount:
            return invoice
    return None


def _is_partly_credited(session: Session, document: Document) -> bool:
    query = select(Document.id).where(
        Document.credits_id == document.id, Document.order_id == document.order_id
    )
    return session.exec(query.limit(1)).first() is not None


def _standing_invoices(session: Session, order: Order) -> list[Document]:
    """Return an order's invoices that are not cancelled, latest first."""
    rows = session.exec(
        select(Document)
        .where(
            Document.order_id == order.id,
            Document.kind == DocumentKind.invoice,
            col(Document.erased_at).is_(None),
        )
        .order_by(col(Document.id).desc())
    ).all()
    cancelled = cancelling_labels(session, [row.row_id for row in rows])
    return [row for row in rows if row.id not in cancelled]


def _issue_part(
    session: Session,
    order: Order,
    invoice: Document,
    units: Mapping[int, int],
    *,
    shipping: Decimal,
    extra: Decimal,
    reason: str,
) -> Document:
    """Issue a credit note for a part of an invoice: units by order line id, shipping, and an extra amount.

    Raises: RuleError, if it would be negative.
    """
    content = PaperContent.model_validate(invoice.content)
    as_invoiced = {line.order_line_id: line for line in content.lines}
    # Documents older than the field `order_line_id` were all domestic.
    with_tax = bool(content.taxes)
    lines = [
        _as_invoiced(as_invoiced[line.id], units[line.row_id])
        if line.id in as_invoiced
        else paper_line(line, units[line.row_id], line.tax_rate if with_tax else None)
        for line in lines_of_order(session, order)
        if line.id in units
    ]
    gross = sum((line.amount for line in lines), shipping + extra)
    if gross < 0:
        raise RuleError(f"The credit note would come to {gross}: the fee is higher than the returned value.")
    earlier = [
        PaperContent.model_validate(row)
        for row in session.exec(select(Document.content).where(Document.credits_id == invoice.id))
    ]
    taxes = _taxes_of_part(content, earlier, lines, shipping, extra) if with_tax else []
    tax = sum((part.tax for part in taxes), Decimal(0))
    exchange = content.exchange
    if exchange is not None:
        # Converted from the total credited so far, so that nothing remains once all is credited. The amounts
        # of earlier notes are negative.
        so_far = half_up((tax - sum((each.tax for each in earlier), Decimal(0))) / exchange.rate)
        before = sum((each.exchange.tax for each in earlier if each.exchange), Decimal(0))
        exchange = exchange.model_copy(update={"tax": so_far + before})
    credited = content.model_copy(
        update={
            "lines": lines,
            "taxes": taxes,
            "shipping_amount": shipping,
            "fee_amount": extra,
            "net": gross - tax,
            "tax": tax,
            "gross": gross,
            "exchange": exchange,
        }
    )
    return _issue_note(session, invoice, credited, units, reason, is_part=True)


def _issue_note(
    session: Session,
    invoice: Document,
    credited: PaperContent,
    units: Mapping[int, int],
    reason: str,
    *,
    is_part: bool,
) -> Document:
    """Issue a credit note for an invoice and count its units as not invoiced.

    `credited` is the invoice's content, or the credited part of it; its amounts become negative. If `is_part`
    is true, the rest of the invoice stays valid; otherwise the invoice is cancelled.
    """
    exchange = credited.exchange
    content = credited.model_copy(
        update={
            "kind": DocumentKind.credit_note,
            "corrects": invoice.label,
            "corrected_on": invoice.issued_on,
            "is_part": is_part,
            "reason": reason,
            "lines": [line.model_copy(update={"amount": -line.amount}) for line in credited.lines],
            "taxes": [
                TaxSum(rate=part.rate, net=-part.net, tax=-part.tax, gross=-part.gross)
                for part in credited.taxes
            ],
            "exchange": exchange and exchange.model_copy(update={"tax": -exchange.tax}),
            **{name: -getattr(credited, name) for name in _AMOUNTS},
        }
    )
    paper = DocumentDraft(
        content,
        {line_id: -count for line_id, count in units.items()},
        invoice.tenant_id,
        invoice.account_id,
        invoice.order_id,
        corrects_id=None if is_part else invoice.id,
        credits_id=invoice.id if is_part else None,
    )
    note = issue(session, paper)
    _reduce_invoiced(session, units)
    return note


def _as_invoiced(line: PaperLine, quantity: int) -> PaperLine:
    """Return units of a line as they were invoiced, even if the order was changed since."""
    return line.model_copy(update={"quantity": quantity, "amount": half_up(line.price * quantity)})


def _taxes_of_part(
    invoice: PaperContent,
    earlier: Sequence[PaperContent],
    lines: Sequence[PaperLine],
    shipping: Decimal,
    extra: Decimal,
) -> list[TaxSum]:
    """Return the tax of a partial credit note.

    It is the tax of everything credited of the invoice so far, minus the tax of earlier notes. Each is
    rounded, so that together they equal the invoice's tax once everything is credited.
    """
    gross = gross_by_rate(lines)
    goods = dict(gross) or gross_by_rate(invoice.lines)
    for shares in (
        _shipping_shares(invoice, shipping) or (prorate(shipping, goods) if shipping else {}),
        prorate(extra, goods) if extra else {},
    ):
        for rate, share in shares.items():
            gross[rate] = gross.get(rate, Decimal(0)) + share
    taxes = []
    for rate, amount in sorted(gross.items(), reverse=True):
        done = [part for each in earlier for part in each.taxes if part.rate == rate]
        credited = amount - sum((part.gross for part in done), Decimal(0))
        tax = tax_sums({rate: credited})[0].tax + sum((part.tax for part in done), Decimal(0))
        taxes.append(TaxSum(rate=rate, net=amount - tax, tax=tax, gross=amount))
    return taxes


def _shipping_shares(invoice: PaperContent, shipping: Decimal) -> dict[Decimal, Decimal]:
    """Return shipping by the tax rates that it has on the invoice; empty if the invoice has no shipping."""
    goods = gross_by_rate(invoice.lines)
    fees = prorate(invoice.fee_amount, goods) if invoice.fee_amount else {}
    shares = {
        part.rate: part.gross - goods.get(part.rate, 0) - fees.get(part.rate, 0) for part in invoice.taxes
    }
    shares = {rate: share for rate, share in shares.items() if share}
    if not shipping or not shares:
        return {}
    return prorate(shipping, shares)


def _reduce_invoiced(session: Session, units: Mapping[int, int]) -> None:
    """Reduce the invoiced units of order lines, given by order line id."""
    for line in session.exec(
        select(OrderLine)
        .where(among(col(OrderLine.id), units))
        .order_by(col(OrderLine.id))
        .execution_options(populate_existing=True)
    ):
        line.invoiced -= units[line.row_id]
    session.flush()
