"""Steps shared by the tests of the cycles: run a cycle, and read the result on both sides."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State as PrefectState
from sqlmodel import col, select

from connectors.afterbuy.simulator import Address, Product
from flows.article_import import article_import
from flows.buyer_mail import buyer_mail
from flows.invoicing import invoicing
from flows.order_import import order_import
from flows.order_release import order_release
from flows.payment_due import payment_due
from flows.payment_sync import payment_sync
from flows.reconcile import reconcile
from flows.shipping_sync import shipping_sync
from flows.stock_export import stock_export
from models.catalog.article import Article
from models.catalog.listing import Listing
from models.clock import utc_now
from models.database.session import read_scope, session_scope
from models.orders.history import OrderEvent
from models.orders.holds import Hold
from models.orders.order import Order, OrderAddress, OrderLine, OrderState
from models.orders.queries import lines_of, orders_of_calls
from models.sync.calls import list_calls
from models.sync.cursors import find_cursor
from models.sync.outbound import Outbound
from models.sync.records import Counts, Cycle
from models.sync.runs import Lease, Run
from models.tenants.account import get_account
from models.warehouse.ledger import set_on_hand
from models.warehouse.levels import Allocation, StockLevel, StockMovement
from models.warehouse.warehouses import main_warehouse
from tests.flows.conftest import Shop
from tests.support.plain_runs import run_plainly

FLOWS: dict[Cycle, Callable[..., Any]] = {
    Cycle.article_import: article_import,
    Cycle.stock_export: stock_export,
    Cycle.order_import: order_import,
    Cycle.payment_sync: payment_sync,
    Cycle.shipping_sync: shipping_sync,
    Cycle.reconcile: reconcile,
}
"""The cycles that every channel account has."""
ALL_FLOWS: dict[Cycle, Callable[..., Any]] = {
    **FLOWS,
    Cycle.invoicing: invoicing,
    Cycle.buyer_mail: buyer_mail,
    Cycle.order_release: order_release,
    Cycle.payment_due: payment_due,
}
"""With the cycles that an account's settings turn on."""


def attempt(cycle: Cycle, shop: Shop, **parameters: Any) -> PrefectState[Any]:
    """Run a cycle; return the state in which it ended, also a failure."""
    state: PrefectState[Any] = ALL_FLOWS[cycle](shop.name, return_state=True, **parameters)
    return state


def sync(cycle: Cycle, shop: Shop, **parameters: Any) -> Counts:
    """Run a cycle that must complete; return its counts."""
    state = attempt(cycle, shop, **parameters)
    assert state.is_completed(), state
    return last_counts(shop, cycle)


def prepare(shop: Shop, *cycles: Cycle) -> None:
    """Run cycles that prepare a test and must complete, without Prefect's server."""
    switches = shop.simulator.switches
    secrets = {"partner_token": switches.partner_token, "account_token": switches.account_token}
    for cycle in cycles:
        state = run_plainly(ALL_FLOWS[cycle], shop.name, secrets)
        assert state.is_completed(), (cycle, state)


def last_run(shop: Shop, cycle: Cycle) -> Run:
    """Return the last run of a cycle."""
    with read_scope() as session:
        account_id = get_account(session, shop.name).row_id
        query = select(Run).where(Run.account_id == account_id, Run.cycle == cycle)
        return session.exec(query.order_by(col(Run.id).desc()).limit(1)).one()


def last_counts(shop: Shop, cycle: Cycle) -> Counts:
    """Return the counts of the last run of a cycle."""
    return Counts.model_validate(last_run(shop, cycle).counts)


def add_mug(shop: Shop, quantity: int = 10, sku: str = "BECHER-1", **values: Any) -> Product:
    """Add a product at the channel."""
    values = {"anr": "", "selling_price": Decimal("9.90"), **values}
    return shop.channel.add_product(f"Becher {sku}", ean=sku, quantity=quantity, **values)


def place_named_order(shop: Shop, product: Product, name: str) -> None:
    """Place an order at the channel; each text of its buyer contains `name`."""
    buyer = Address(
        first_name=name,
        last_name=name,
        company=name,
        street=f"{name} 1",
        postal_code="04229",
        city=name,
        mail=f"{name}@post.example",
        phone=name,
        platform_user=name,
    )
    shop.channel.place_order([product], billing=buyer, user_comment=name, memo=name)


@dataclass(frozen=True)
class Figures:
    """Our stock of one article."""

    on_hand: int
    allocated: int


def stock_of(sku: str) -> Figures:
    """Return the stock of an article; the sum of the ledger must equal it."""
    with read_scope() as session:
        article = session.exec(select(Article).where(Article.sku == sku)).one()
        levels = session.exec(select(StockLevel).where(StockLevel.article_id == article.id)).all()
        ids = [level.id for level in levels]
        moved = session.exec(select(StockMovement).where(col(StockMovement.level_id).in_(ids))).all()
        promised = session.exec(select(Allocation).where(col(Allocation.level_id).in_(ids))).all()
        figures = Figures(sum(row.on_hand for row in levels), sum(row.allocated for row in levels))
        assert figures.on_hand == sum(row.quantity for row in moved)
        assert figures.allocated == sum(row.quantity for row in promised)
        return figures


def set_stock(shop: Shop, **quantities: int) -> None:
    """Set counted stock; underscores in a name stand for hyphens of the SKU."""
    with session_scope() as session:
        tenant_id = get_account(session, shop.name).tenant_id
        warehouse_id = main_warehouse(session, tenant_id).row_id
        ids = {
            session.exec(select(Article).where(Article.sku == sku)).one().row_id: quantity
            for sku, quantity in ((name.replace("_", "-"), number) for name, number in quantities.items())
        }
        set_on_hand(session, warehouse_id, ids)


def line_rows(order: Order) -> list[OrderLine]:
    """Return an order's lines by position."""
    with read_scope() as session:
        return lines_of(session, [order.row_id]).get(order.row_id, [])


def addresses(order: Order) -> dict[str, OrderAddress]:
    """Return an order's addresses by role."""
    with read_scope() as session:
        rows = session.exec(select(OrderAddress).where(OrderAddress.order_id == order.id)).all()
        return {str(row.role): row for row in rows}


def holds(order: Order) -> list[str]:
    """Return the reasons of an order's open holds."""
    with read_scope() as session:
        rows = session.exec(
            select(Hold)
            .where(Hold.order_id == order.id, col(Hold.released_at).is_(None))
            .order_by(col(Hold.id))
        ).all()
        return [str(row.reason) for row in rows]


def events(order: Order) -> list[str]:
    """Return the kinds of an order's events, oldest first."""
    with read_scope() as session:
        query = select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(col(OrderEvent.id))
        return [row.kind for row in session.exec(query).all()]


def numbers_here(shop: Shop, *, merged: bool = False) -> list[str]:
    """Return the numbers of the account's orders in our database, sorted."""
    with read_scope() as session:
        account_id = get_account(session, shop.name).id
        rows = session.exec(select(Order).where(Order.account_id == account_id)).all()
        return sorted(row.external_id for row in rows if merged or row.state is not OrderState.merged)


def numbers_there(shop: Shop) -> list[str]:
    """Return the numbers of all orders at the channel, sorted."""
    return sorted(str(order.order_id) for order in shop.channel.orders.values())


def cursor(shop: Shop, name: str) -> dict[str, Any]:
    """Return one of the account's cursors."""
    with read_scope() as session:
        return find_cursor(session, get_account(session, shop.name).row_id, name)


def outbound(shop: Shop) -> list[tuple[str, str]]:
    """Return kind and state of each outbound row, oldest first."""
    with read_scope() as session:
        account_id = get_account(session, shop.name).id
        rows = session.exec(
            select(Outbound).where(Outbound.account_id == account_id).order_by(col(Outbound.id))
        ).all()
        return [(str(row.kind), str(row.state)) for row in rows]


def calls(shop: Shop, **wanted: Any) -> list[tuple[str, str, list[str]]]:
    """Return the logged calls, oldest first: name, ending, and the orders that it named."""
    with read_scope() as session:
        account_id = get_account(session, shop.name).id
        rows = list_calls(session, account_id=account_id, **wanted)[::-1]
        orders = orders_of_calls(session, [row.row_id for row in rows])
        return [(row.call, row.ending, orders.get(row.row_id, [])) for row in rows]


def listing_of(shop: Shop, product: Product) -> Listing:
    """Return our listing of a product."""
    with read_scope() as session:
        account_id = get_account(session, shop.name).id
        return session.exec(
            select(Listing).where(Listing.account_id == account_id, Listing.external_id == str(product.id))
        ).one()


def expire_lease(shop: Shop) -> None:
    """Make the leases of an account expire."""
    with session_scope() as session:
        account_id = get_account(session, shop.name).id
        for lease in session.exec(select(Lease).where(Lease.account_id == account_id)):
            lease.expires_at = utc_now()
            session.add(lease)


def artifacts(shop: Shop, cycle: Cycle) -> dict[str, Any]:
    """Return the artifacts of the last run in Prefect: {key: data of the newest}."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[last_run(shop, cycle).flow_run_id]))
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=wanted)
    newest = sorted(found, key=lambda one: one.created or utc_now())
    return {str(one.key): one.data for one in newest}


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
