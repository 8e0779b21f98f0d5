"""Issue invoices for shipped goods, and draw the documents that were issued."""

from collections.abc import Sequence

from prefect.logging import get_run_logger

from documents.commands import explain
from models.accounting.issued import list_issued_after, save_files
from models.database.session import Session, read_scope
from models.errors import RuleError
from models.invoicing.drafts import draft_invoices, invoices_from, seller_of
from models.invoicing.invoices import first_order_from, invoiceable, issue_invoices, list_uninvoiced
from models.orders.history import Actor
from models.orders.order import Order
from models.sync.cursors import find_cursor, save_cursor
from models.sync.records import Counts
from models.tenants.account import Account
from models.tenants.tenant import Tenant
from tasks.drawing import draw_missing
from tasks.run.steps import step
from tasks.run.work import Work, work_of

FIRST_CURSOR = "invoices"
DRAWN_CURSOR = "papers"
ORDERS_AT_ONCE = 200
PAPERS_AT_ONCE = 50


@step
def open_invoicing(run_id: int) -> str | None:
    """Return the id after which this run looks for orders to invoice; None if there are none.

    Raises: RuleError, if the account's invoices are not made here, or its tenant lacks what every invoice
    must state.
    """
    work = work_of(run_id)
    placed_from = invoices_from(work.account)
    with read_scope() as session:
        account = session.get_one(Account, work.account.id)
        seller_of(session.get_one(Tenant, account.tenant_id))
        kept = find_cursor(session, work.account.id, FIRST_CURSOR)
        if kept.get("placed_from") == placed_from.isoformat():
            return str(int(kept["order"]) - 1)
        first = first_order_from(session, work.account.id, placed_from)
    if first is None:
        return None
    if not work.test:
        with work.transaction() as session:
            value = {"placed_from": placed_from.isoformat(), "order": first}
            save_cursor(session, work.account.id, FIRST_CURSOR, value)
    return str(first - 1)


@step
def issue_page(run_id: int, page: str) -> str | None:
    """Issue the invoices of one page of orders in one commit; return the next page, None at the end.

    An order that cannot be invoiced is held with the reason, and the others are invoiced. Safe to repeat:
    invoiced goods are not found again. A test run issues nothing and notes what it would have issued.
    """
    work = work_of(run_id)
    counts = Counts()
    with read_scope() as session:
        ids, orders = _read(session, work, int(page))
        if work.test:
            _preview(session, work, orders, counts)
    if orders and not work.test:
        with work.transaction() as session:
            ids, orders = _read(session, work, int(page), lock=True)
            done = issue_invoices(session, orders, actor=Actor.cycle, hold=True)
        counts.held = sum(isinstance(each, RuleError) for each in done)
        counts.issued = len(done) - counts.held
    counts.read = len(orders)
    work.counts.add(counts)
    if orders:
        get_run_logger().info(counts.text())
    return str(ids[-1]) if len(ids) == ORDERS_AT_ONCE else None


@step
def draw_page(run_id: int, page: str | None) -> str | None:
    """Draw and save one page of documents that have no PDF yet; return the next page, None at the end.

    Safe to repeat: the same content gives the same bytes, and a PDF that was saved is not replaced.
    """
    work = work_of(run_id)
    if work.test:
        return None
    with read_scope() as session:
        last = page or find_cursor(session, work.account.id, DRAWN_CURSOR).get("document", 0)
        documents = list_issued_after(session, work.account.id, int(last), PAPERS_AT_ONCE)
    if not documents:
        return None
    files = draw_missing(documents)
    with work.transaction() as session:
        save_files(session, files)
        save_cursor(session, work.account.id, DRAWN_CURSOR, {"document": documents[-1].row_id})
    return str(documents[-1].id) if len(documents) == PAPERS_AT_ONCE else None


def _read(session: Session, work: Work, after: int, *, lock: bool = False) -> tuple[list[int], list[Order]]:
    """Return the ids of one page of orders, and those of the orders that are to be invoiced."""
    ids = list_uninvoiced(session, work.account.id, after, ORDERS_AT_ONCE)
    begin = invoices_from(work.account)
    return ids, invoiceable(session, ids, begin, lock=lock, with_test_orders=work.test)


def _preview(session: Session, work: Work, orders: Sequence[Order], counts: Counts) -> None:
    for order, draft in zip(orders, draft_invoices(session, orders, test=True), strict=True):
        if isinstance(draft, RuleError):
            counts.held += 1
            fields = {"refused": explain(draft)}
        else:
            counts.would_send += 1
            content = draft.content
            fields = {
                "gross": f"{content.gross} {content.currency}",
                **{f"tax {part.rate} %": str(part.tax) for part in content.taxes},
                "units": str(sum(line.quantity for line in content.lines)),
            }
        for name, value in fields.items():
            work.would_send.append(
                {"what": "invoice", "of": order.external_id, "field": name, "value": value}
            )
