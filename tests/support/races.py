"""Steps that many processes take at the same moment, and the function that starts them together."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlmodel import select

from models.accounting.issued import list_documents
from models.accounting.records import DocumentKind
from models.database.engine import dispose
from models.database.schema import upgrade
from models.database.session import session_scope
from models.errors import RuleError
from models.fulfilment.consolidation import ship_consolidated
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData, ShipmentData
from models.intake.orders import save_orders
from models.invoicing.credit_notes import cancel_invoice
from models.invoicing.invoices import issue_invoice
from models.order_desk.manual_orders import take_manual_order
from models.order_desk.manual_records import ManualAddress, ManualLine, ManualOrder
from models.order_desk.offers import accept_offer, find_offer
from models.orders.history import Actor
from models.orders.match_rules import DEFAULT_RULES
from models.orders.order import Order
from models.payments.payment import record_payment
from models.sync.delivery import claim_due, lock_claimed, mark_sent
from models.sync.records import Cycle, OutboundKind
from models.sync.runs import begin_run
from models.tenants.account import Account, account_data
from models.tenants.account_kinds import MANUAL
from models.tenants.records import PaymentKind
from models.warehouse.allocation import allocate
from models.warehouse.ledger import set_on_hand
from models.warehouse.missing_goods import report_short
from models.warehouse.pick_items import ScanError
from models.warehouse.pick_lists import PickMode
from models.warehouse.picking import start_next_list
from models.warehouse.scanning import scan
from tests.support import forks
from tests.support.builders import BILLING, PLACED_AT, get_order, make_line, make_order

WAITING_SECONDS = 60
TRIES = 10

_barrier: "threading.Barrier | None" = None


def _prepare(environment: Mapping[str, str], barrier: "threading.Barrier") -> None:
    global _barrier
    forks.enter(environment)
    _barrier = barrier


def _run(step: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    assert _barrier is not None
    _barrier.wait(WAITING_SECONDS)
    try:
        return step(*arguments)
    except Exception as error:
        return type(error).__name__
    finally:
        dispose()


def run_at_once(url: str, step: Callable[..., Any], arguments: Sequence[Sequence[Any]]) -> list[Any]:
    """Run a step in one process for each item of `arguments`, all at once.

    Returns: each result, or the name of the error that was raised.
    """
    barrier = forks.CONTEXT.Barrier(len(arguments))
    environment = {**os.environ, "WARENFLUSS_DATABASE_URL": url}
    with ProcessPoolExecutor(
        len(arguments), mp_context=forks.CONTEXT, initializer=_prepare, initargs=(environment, barrier)
    ) as pool:
        futures = [pool.submit(_run, step, each) for each in arguments]
        return [future.result(2 * WAITING_SECONDS) for future in futures]


def buy(external_id: str, skus: list[str], account_name: str = "nord") -> str:
    """Import a new order, as a process of a cycle does."""
    with session_scope() as session:
        account = session.exec(select(Account).where(Account.name == account_name)).one()
        lines = [make_line(f"{external_id}-{sku}", sku) for sku in skus]
        save_orders(session, account_data(account), DEFAULT_RULES, [make_order(external_id, *lines)])
    return "bought"


def take_by_hand(reference: str) -> str:
    """Take a manual order for a mug; return its number."""
    with session_scope() as session:
        account = session.exec(select(Account).where(Account.kind == MANUAL.name)).one()
        asked = ManualOrder(
            billing=ManualAddress(**BILLING.model_dump()),
            lines=[ManualLine(article="MUG", quantity=2)],
            payment=PaymentKind.invoice,
            reference=reference,
        )
        return take_manual_order(session, account, asked)[0].external_id


def accept_by_hand(number: str) -> str:
    """Accept an offer; return the order's number."""
    with session_scope() as session:
        return accept_offer(session, find_offer(session, number)).external_id


def ship_at_once(number: str) -> str:
    """Ship an order with the orders consolidated with it; return the message."""
    with session_scope() as session:
        parcel = ParcelData(tracking_number=f"T{number}")
        (done,) = ship_consolidated(
            session, [ShipmentData(get_order(session, number), "DHL", [parcel], PLACED_AT)]
        )
        return str(done) if isinstance(done, RuleError) else "shipped"


def allocate_again(order_id: int, rounds: int) -> str:
    """Allocate stock repeatedly while other processes do, too."""
    for _ in range(rounds):
        with session_scope() as session:
            allocate(session, [order_id])
    return "asked"


def live(external_id: str, skus: list[str]) -> int:
    """Buy and cancel in a transaction each, retrying after a deadlock as tasks do; return the tries."""
    tries = 0
    for step in range(4):
        for attempt in range(TRIES):
            tries += 1
            try:
                with session_scope() as session:
                    account = session.exec(select(Account)).one()
                    for sku in skus:
                        lines = [make_line(f"{external_id}-{step}-{sku}", sku, 2)]
                        order = make_order(f"{external_id}-{step}-{sku}", *lines)
                        save_orders(session, account_data(account), DEFAULT_RULES, [order])
                    if step % 2:
                        cancel_order(
                            session,
                            get_order(session, f"{external_id}-{step - 1}-{skus[0]}"),
                            actor=Actor.cycle,
                        )
                break
            except OperationalError:
                time.sleep(0.01 * (attempt + 1))
    return tries


def ship(external_id: str) -> str:
    """Ship a whole order, as a person does."""
    with session_scope() as session:
        order = session.exec(select(Order).where(Order.external_id == external_id)).one()
        record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
    return "shipped"


def cancel(external_id: str) -> str:
    """Cancel an order, as a person does."""
    with session_scope() as session:
        order = session.exec(select(Order).where(Order.external_id == external_id)).one()
        cancel_order(session, order, actor=Actor.person)
    return "cancelled"


def pay(external_id: str) -> str:
    """Record a payment of one euro, as a person does."""
    with session_scope() as session:
        order = session.exec(select(Order).where(Order.external_id == external_id)).one()
        account = account_data(session.get_one(Account, order.account_id))
        record_payment(session, account, order, Decimal("1.00"), PLACED_AT)
    return "paid"


def pick(list_id: int, skus: Sequence[str]) -> Counter[str]:
    """Scan articles one by one until none is needed; return counted units and refusals."""
    done: Counter[str] = Counter()
    left = list(skus)
    while left:
        sku = left.pop(0)
        try:
            with session_scope() as session:
                scan(session, list_id, sku)
            done[sku] += 1
            left.append(sku)
        except ScanError as error:
            done[error.refusal] += 1
    return done


def walk(tenant_id: int, orders: int) -> int:
    """Make pick lists with boxes while orders wait; return the number of lists."""
    for count in range(100):
        try:
            with session_scope() as session:
                start_next_list(session, tenant_id, PickMode.boxes, orders)
        except RuleError:
            return count
    raise AssertionError("orders never end")


def disturb(list_id: int, external_id: str, step: str) -> str | Counter[str]:
    """Pick, or change an order of the list meanwhile; `step` says which."""
    if step == "pick":
        return pick(list_id, ["CUP", "MUG"])
    if step == "short":
        with session_scope() as session:
            report_short(session, list_id, external_id, 1)
        return "short"
    return take_step(external_id, step)


def count_stock(article_id: int, warehouse_id: int, quantity: int) -> str:
    """Count an article."""
    try:
        with session_scope() as session:
            set_on_hand(session, warehouse_id, {article_id: quantity})
    except RuleError:
        return "refused"
    return "counted"


def take_step(external_id: str, step: str) -> str:
    """Ship or cancel an order."""
    return ship(external_id) if step == "ship" else cancel(external_id)


def sell_or_count(number: int, article_id: int, warehouse_id: int) -> str:
    """Sell one unit if `number` is even, count the article if it is odd."""
    if number % 2:
        return count_stock(article_id, warehouse_id, number)
    return buy(f"O-{number}", ["MUG"])


def begin(account_id: int) -> str:
    """Begin a run, as a process of a cycle does."""
    with session_scope() as session:
        begin_run(session, account_id, Cycle.order_import)
    return "begun"


def sell_or_command(step: Sequence[str]) -> str | int:
    """Buy a mug, or run the command line and return its exit code."""
    if step[0] == "buy":
        return buy(step[1], ["MUG"])
    from typer.testing import CliRunner

    from console.cli.app import app

    return CliRunner().invoke(app, list(step)).exit_code


def buy_many(stop: "threading.Event") -> int:
    """Import one order after another until `stop` is set; return the number of orders."""
    number = 0
    while not stop.is_set():
        number += 1
        buy(f"B-{number}", ["MUG"])
    return number


def invoice_all(worker: int, external_ids: Sequence[str]) -> Counter[str]:
    """Invoice orders that others invoice, too; abort some, and at the end cancel some to issue again."""
    done: Counter[str] = Counter()

    def invoice(external_id: str, *, abort: bool) -> None:
        try:
            with session_scope() as session:
                issue_invoice(session, get_order(session, external_id), actor=Actor.cycle)
                if abort:
                    raise InterruptedError
            done["issued"] += 1
        except InterruptedError:
            done["aborted"] += 1
        except RuleError:
            done["refused"] += 1

    turned = [*external_ids[worker:], *external_ids[:worker]]
    for number, external_id in enumerate(turned):
        invoice(external_id, abort=number % 3 == 0)
    for external_id in turned[:2]:
        try:
            with session_scope() as session:
                order = get_order(session, external_id)
                document = list_documents(session, order_id=order.row_id, kind=DocumentKind.invoice)[0]
                cancel_invoice(session, document, "a mistake")
            done["corrected"] += 1
        except (RuleError, IndexError):
            done["refused"] += 1
    for external_id in turned:
        invoice(external_id, abort=False)
    return done


def migrate(url: str) -> str:
    """Upgrade a database to the newest schema, as each machine does when it starts."""
    upgrade(url)
    return "migrated"


def forget_all() -> str:
    """Delete data that is due, as a process of `up` does."""
    from tasks.upkeep import prune

    prune()
    return "done"


def claim_all(account_id: int, run_id: int) -> list[str]:
    """Claim and close outbound rows until none is left, like a run without a lease; return their keys."""
    keys: list[str] = []
    while True:
        with session_scope() as session:
            rows = claim_due(session, account_id, OutboundKind.stock, 7, run_id)
            ids = [row.row_id for row in rows]
        if not ids:
            return keys
        with session_scope() as session:
            for row in lock_claimed(session, ids, run_id).values():
                keys.append(row.key)
                mark_sent(session, row, row.version)
