"""Draw papers: issued documents once, from their saved content; all other papers whenever asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from documents.papers.invoice import render_invoice
from documents.papers.label import LABELS_OF_A_SHEET, render_label_sheets
from documents.papers.render import count_replaced_texts, render_paper
from models.accounting.issued import (
    Document,
    check_not_erased,
    find_pdf,
    list_documents,
    list_undrawn,
    save_files,
)
from models.accounting.records import PaperContent
from models.database.session import Session, read_scope, session_scope
from models.errors import RuleError
from models.orders.order import Order
from models.papers.parcel_papers import address_label, packing_slip, return_slip
from models.papers.pick_papers import check_pickable, pick_papers
from models.papers.priced_papers import confirmation_paper, order_offer_paper, receipt_paper
from models.papers.records import ISSUED, AddressLabel, Paper, PaperFormat, PaperKind
from models.tenants.logo import find_logos

OF_AN_ORDER: Mapping[PaperKind, Callable[..., Paper]] = {
    PaperKind.confirmation: confirmation_paper,
    PaperKind.receipt: receipt_paper,
    PaperKind.packing_slip: packing_slip,
    PaperKind.return_slip: return_slip,
    PaperKind.label: address_label,
}
"""Papers that need nothing but an order: `(session, order, *, language)`."""
OF_A_PARCEL = (PaperKind.packing_slip, PaperKind.label)
"""Papers that consolidated orders share: one for the whole parcel."""


def draw_missing(documents: Sequence[Document]) -> dict[int, bytes]:
    """Draw the documents that have no PDF yet; return the PDFs by document id. Nothing is saved.

    No transaction is open while they are drawn.
    """
    with read_scope() as session:
        contents = {
            document.row_id: PaperContent.model_validate(document.content)
            for document in list_undrawn(session, documents)
        }
        logos = find_logos(session, (content.seller.logo for content in contents.values()))
    return {document_id: render_invoice(content, logos) for document_id, content in contents.items()}


def draw_and_keep(documents: Sequence[Document]) -> list[bytes]:
    """Return the PDF of each document; missing PDFs are drawn and saved.

    Raises: RuleError, for a document that was erased.
    """
    for document in documents:
        check_not_erased(document)
    files = draw_missing(documents)
    if files:
        with session_scope() as session:
            save_files(session, files)
    with read_scope() as session:
        # If another process saved a PDF first, that one counts.
        return [find_pdf(session, document.row_id) or b"" for document in documents]


@dataclass
class Drawing:
    """Papers of one kind for many orders, drawn one after the other, and what could not be drawn."""

    kind: PaperKind
    form: PaperFormat = PaperFormat.a4
    language: str = ""
    """Empty: each tenant's own."""
    valid_until: date | None = None
    """The last day of offers."""
    refused: list[RuleError] = field(default_factory=list)
    """Why some orders have no such paper."""
    replaced: list[str] = field(default_factory=list)
    """Orders whose papers contain characters that the font lacks; they are replaced."""
    _parcels: set[int] = field(default_factory=set)
    """Consolidation groups whose slip or label is drawn already."""

    def draw(self, order_ids: Iterable[int]) -> Iterator[bytes]:
        """Yield PDFs. An order whose paper is refused does not stop the others."""
        if self.kind in ISSUED:
            for order_id in order_ids:
                yield from self._issued(order_id)
        elif self.kind is PaperKind.pick_list:
            yield from self._pick_lists(order_ids)
        elif self.kind is PaperKind.label and self.form is PaperFormat.a4:
            yield from self._sheets(order_ids)
        else:
            for order_id in order_ids:
                with read_scope() as session:
                    paper = self._read(session, order_id)
                    logos = find_logos(session, [paper.seller.logo] if paper else [])
                if paper is not None:
                    yield render_paper(paper, logos, self.form)

    def _issued(self, order_id: int) -> Iterator[bytes]:
        with read_scope() as session:
            documents = list_documents(session, order_id=order_id, kind=ISSUED[self.kind])
            if not documents:
                number = session.get_one(Order, order_id).external_id
                refusal = RuleError(f"Order {number} has no {self.kind} that was issued here.")
                self.refused.append(refusal)
        try:
            yield from draw_and_keep(documents[::-1])
        except RuleError as error:
            self.refused.append(error)

    def _pick_lists(self, order_ids: Iterable[int]) -> Iterator[bytes]:
        with read_scope() as session:
            orders = []
            for order_id in order_ids:
                order = session.get_one(Order, order_id)
                try:
                    check_pickable(session, order)
                except RuleError as error:
                    self.refused.append(error)
                else:
                    orders.append(order)
            lists = pick_papers(session, orders, language=self.language)
            logos = find_logos(session, (picks.seller.logo for picks in lists))
        for picks in lists:
            if count_replaced_texts(picks):
                self.replaced.append(picks.warehouse)
            yield render_paper(picks, logos)

    def _sheets(self, order_ids: Iterable[int]) -> Iterator[bytes]:
        labels: list[AddressLabel] = []
        for order_id in order_ids:
            with read_scope() as session:
                label = self._read(session, order_id)
            if isinstance(label, AddressLabel):
                labels.append(label)
            if len(labels) == LABELS_OF_A_SHEET:
                yield self._sheet(labels)
                labels = []
        if labels:
            yield self._sheet(labels)

    def _sheet(self, labels: Sequence[AddressLabel]) -> bytes:
        with read_scope() as session:
            logos = find_logos(session, (label.seller.logo for label in labels))
        return render_label_sheets(labels, logos)

    def _read(self, session: Session, order_id: int) -> Paper | None:
        """Return the content of an order's paper; None if it is refused or drawn already."""
        order = session.get_one(Order, order_id)
        if self.kind in OF_A_PARCEL and order.ships_with_id in self._parcels:
            return None
        try:
            if self.kind is PaperKind.offer:
                until = self.valid_until
                if until is None:
                    raise RuleError("An offer needs a day until which it is good.")
                paper: Paper = order_offer_paper(session, order, until, language=self.language)
            else:
                paper = OF_AN_ORDER[self.kind](session, order, language=self.language)
        except RuleError as error:
            self.refused.append(error)
            return None
        if order.ships_with_id is not None:
            self._parcels.add(order.ships_with_id)
        if count_replaced_texts(paper):
            self.replaced.append(order.external_id)
        return paper
