"""No statement of an import or an export walks a table that grows with the shop, by SQLite's own plans."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from models.database.engine import get_engine
from models.database.session import session_scope
from models.intake.article_sets import link_members
from models.intake.articles import save_articles
from models.invoicing.invoices import issue_invoice, list_uninvoiced
from models.orders.history import Actor
from models.orders.match_rules import DEFAULT_RULES
from models.privacy.retention import (
    list_due_bookings,
    list_due_buyer_mails,
    list_due_documents,
    list_due_erasures,
    list_due_orders,
    list_due_test_orders,
)
from models.sync.delivery import count_due, list_due
from models.sync.records import OutboundKind
from models.tenants.tenant import Tenant
from models.upkeep.status import status_of_accounts
from models.warehouse.ledger import set_on_hand
from models.warehouse.pick_lists import PickMode
from models.warehouse.picking import start_next_list
from models.warehouse.scanning import scan, undo
from models.warehouse.sellable import queue_sold_listings
from tests.support.builders import (
    add_article,
    get_order,
    make_article,
    make_invoicing_shop,
    make_line,
    make_order,
    make_shop,
    release,
    ship_units,
    take_in,
)

GROWING = "listing|article|article_number|outbound|hold|stock_level|stock_movement|sales_order|order_line"
WALK = re.compile(rf"SCAN ({GROWING})\b")
BY_ACCOUNT = re.compile(r"(listing|outbound) USING (COVERING )?INDEX \S+ \(account_id=\?\)")
"""Nearly as bad: all rows of an account, for a few of them."""


@contextmanager
def plans_of(session: Session) -> Iterator[list[str]]:
    """Yield a list that holds, on leaving, the plan of each statement meanwhile, a line for each step."""
    said: list[tuple[str, Any]] = []

    def note(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if not statement.startswith(("INSERT", "SAVEPOINT", "RELEASE", "EXPLAIN")):
            said.append((statement, parameters[0] if many else parameters))

    engine = get_engine()
    event.listen(engine, "before_cursor_execute", note)
    plans: list[str] = []
    try:
        yield plans
        session.flush()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    connection = session.connection()
    for statement, parameters in said:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans += [f"{row[3]}: {statement}" for row in rows]


def bad(plans: list[str]) -> list[str]:
    """Return the steps that walk a growing table, except where its own index of open rows is walked."""
    return [
        step
        for step in plans
        if (WALK.search(step) and "ix_hold_open" not in step)
        or (BY_ACCOUNT.search(step) and "ix_listing_members_open" not in step)
    ]


def test_a_walk_is_recognised(sqlite_database: str) -> None:
    """The test below can fail: it sees a question that no index answers, and an index that is gone."""
    with session_scope() as session:
        shop = make_shop(session)
        with plans_of(session) as plans:
            session.connection().exec_driver_sql("SELECT id FROM listing WHERE title = 'x'")
        assert len(bad(plans)) == 1
        session.connection().exec_driver_sql("DROP INDEX ix_listing_article")
        with plans_of(session) as plans:
            save_articles(session, shop.account, DEFAULT_RULES, [make_article("1", "SKU-1")])
        assert bad(plans) != []


def test_imports_and_exports_walk_no_growing_table(sqlite_database: str) -> None:
    """Articles new, unchanged and changed; a sale; a count; what is due; the overview at a run's end."""
    with session_scope() as session:
        shop = make_shop(session)
        articles = [make_article(str(number), f"SKU-{number}", quantity=5) for number in range(5)]
        changed = [article.model_copy(update={"gtin": "4006381333931"}) for article in articles]
        with plans_of(session) as plans:
            for page in (articles, articles, changed):
                save_articles(session, shop.account, DEFAULT_RULES, page)
            link_members(session, shop.account.id)
            take_in(session, shop, make_order("1", make_line("a", "SKU-1")))
            queue_sold_listings(session, shop.account.id, [1])
            set_on_hand(session, shop.warehouse_id, {1: 7, 3: 0})
            list_due(session, shop.account.id, OutboundKind.stock, 250)
            count_due(session, shop.account.id, OutboundKind.stock)
            status_of_accounts(session)
        assert len(plans) > 30
        assert bad(plans) == []


def test_looking_for_what_to_invoice_walks_nothing(sqlite_file: str) -> None:
    """Its index holds what was shipped and not invoiced, and each order is found by its own."""
    with session_scope() as session:
        shop = make_invoicing_shop(session)
        add_article(session, shop, "MUG", on_hand=1)
        take_in(session, shop, make_order("1", make_line("a", "MUG", tax_rate=Decimal(19))))
        ship_units(session, "1")
        with plans_of(session) as plans:
            assert len(list_uninvoiced(session, shop.account.id, 0, 10)) == 1
            issue_invoice(session, get_order(session, "1"), actor=Actor.cycle)

    assert any("ix_order_line_to_invoice" in step for step in plans)
    # The order itself is asked for by its number, by the test.
    assert [step for step in bad(plans) if "sales_order.external_id = ?" not in step] == []


def test_a_scan_reads_no_list_whole(sqlite_database: str) -> None:
    """It asks the same of a list of sixty orders as of one of three: for its article's rows, by an index."""
    asked: list[list[str]] = []
    with session_scope() as session:
        for orders in (3, 60):
            shop = make_shop(session, f"shop-{orders}")
            lines = [make_line(f"{orders}-{number}", f"SKU-{number}") for number in range(orders)]
            for line in lines:
                add_article(session, shop, line.sku, on_hand=1)
            release(session, shop, *(make_order(line.external_id, line) for line in lines))
            list_id = start_next_list(session, shop.tenant_id, PickMode.boxes, orders).row_id
            session.expunge_all()
            with plans_of(session) as plans:
                scan(session, list_id, "SKU-1")
                undo(session, list_id)
            asked.append(plans)

    walks = re.compile(
        r"SCAN (?!pick_scan|CONSTANT|items|still_open|\()"
        r"|pick_item USING INDEX (?!ix_pick_item_open)\w+ \(pick_list_id=\?\)"
    )
    assert [step for step in asked[0] if walks.search(step)] == []
    assert asked[1] == asked[0]


def test_looking_for_what_is_due_to_go_walks_nothing(sqlite_file: str) -> None:
    """Among orders, documents, bookings and mails it asks for the oldest of those that are left."""
    with session_scope() as session:
        shop = make_shop(session)
        tenant = session.get_one(Tenant, shop.tenant_id)
        tenant.retention = {"anonymise_after_days": 30}
        session.flush()
        with plans_of(session) as plans:
            for find in (
                list_due_orders,
                list_due_erasures,
                list_due_test_orders,
                list_due_documents,
                list_due_bookings,
                list_due_buyer_mails,
            ):
                assert find(session, tenant, 10) == []
    assert [step for step in plans if re.match(rf"SCAN ({GROWING}|document|booking|mail)\b", step)] == []
    for index in (
        "ix_sales_order_to_anonymise",
        "ix_document_kept",
        "ix_booking_reference",
        "ix_mail_tenant_sent",
    ):
        assert any(index in step.partition(":")[0] for step in plans), index
