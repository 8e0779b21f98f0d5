"""The migrations make what the models say, on both databases, and can be undone with data in place."""

import importlib
import pkgutil
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import CheckConstraint, MetaData, UniqueConstraint, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col

import models
from models.accounting.bookings import Booking, BookingKind
from models.accounting.issued import save_files
from models.catalog.article import Article, ArticlePrice, BundlePart
from models.catalog.listing import LimitScope, StockLimit
from models.catalog.records import ArticleKind
from models.database.engine import get_engine
from models.database.schema import Schema, downgrade, find_schema, migration_config, upgrade
from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import Parcel, ParcelData, ParcelLine, Shipment
from models.invoicing.invoices import issue_invoice
from models.orders.history import Actor
from models.orders.order import LinePart, Order, OrderLine
from models.orders.origin import OrderOrigin, OriginKind
from models.orders.queries import ids_by_number, lines_of
from models.payments.payment import record_payment
from models.sync.alarms import Alarm
from models.sync.calls import save_calls
from models.sync.delivery import claim_due
from models.sync.outbound import Outbound
from models.sync.records import AlarmKind, CallData, Cycle, OutboundKind
from models.sync.runs import begin_run
from models.tenants.records import Side
from models.tenants.tenant import Tenant
from models.warehouse.bins import Bin, get_bin, place_articles, save_bin
from models.warehouse.levels import Allocation, StockLevel
from models.warehouse.pick_lists import PickItem, PickList, PickMode, PickOrder, PickScan
from models.warehouse.picking import start_next_list
from models.warehouse.scanning import scan
from models.warehouse.warehouses import Warehouse
from tests.support.builders import (
    PLACED_AT,
    Shop,
    add_article,
    get_order,
    make_invoicing_shop,
    make_line,
    make_order,
    make_shop,
    release,
    take_in,
)


@pytest.fixture
def at_empty(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database without tables, named in the settings."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_DATABASE_URL", empty_database_url)
    get_settings.cache_clear()
    return empty_database_url


def fill(session: Session) -> None:
    """Write a life that touches every corner: variants, a merged order, payment, shipment, call, invoice."""
    shop = make_invoicing_shop(session, small_business=True)
    parent = add_article(session, shop, "SHIRT", kind=ArticleKind.parent)
    shirt = add_article(session, shop, "SHIRT-RED", on_hand=5, parent_id=parent, listed=True)
    add_article(session, shop, "SET", parts={shirt: 2}, listed=True)
    take_in(
        session, shop, make_order("1", make_line("a", "SHIRT-RED")), make_order("2", make_line("b", "SET"))
    )
    take_in(session, shop, make_order("3", make_line("a", "SHIRT-RED"), make_line("b", "SET")))
    record_payment(session, shop.account, get_order(session, "3"), Decimal("20.00"), PLACED_AT)
    record_shipment(session, get_order(session, "3"), "DHL", [ParcelData(tracking_number="T1")], PLACED_AT)
    account_id = shop.account.id
    run_id = begin_run(session, account_id, Cycle.shipping_sync).row_id
    assert claim_due(session, account_id, OutboundKind.shipment, 1, run_id)
    call = CallData("UpdateSoldItems", reads=False, order_numbers=("3",))
    save_calls(session, account_id, run_id, [call], ids_by_number(session, account_id, ["3"]))
    add_picking(session, shop)
    document = issue_invoice(session, get_order(session, "3"), actor=Actor.person)
    save_files(session, {document.row_id: b"%PDF"})


def add_picking(session: Session, shop: Shop) -> None:
    """Put an article into a bin, and pick one unit of an order of two."""
    warehouse = session.get_one(Warehouse, shop.warehouse_id)
    save_bin(session, warehouse, "A", 1)
    article = add_article(session, shop, "PAN", on_hand=2)
    place_articles(session, warehouse, get_bin(session, warehouse, "A"), [article])
    release(session, shop, make_order("4", make_line("p", "PAN", 2)))
    scan(session, start_next_list(session, shop.tenant_id, PickMode.boxes, 1).row_id, "PAN")


def sizes(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    metadata = MetaData()
    metadata.reflect(get_engine(url))
    with get_engine(url).connect() as connection:
        return {table.name: len(connection.execute(select(table)).all()) for table in metadata.sorted_tables}


def test_models_and_migrations_agree(database: str) -> None:
    """Alembic finds nothing that the models declare and the migrations did not make."""
    command.check(migration_config())


def test_a_changed_model_is_noticed(sqlite_database: str) -> None:
    """The comparison is not blind: a column too many is found."""
    with get_engine().begin() as connection:
        connection.execute(text("ALTER TABLE tenant ADD COLUMN nickname VARCHAR"))

    with pytest.raises(CommandError, match="New upgrade operations detected"):
        command.check(migration_config())


def test_every_constraint_of_the_models_is_in_the_database(database: str) -> None:
    """Alembic compares no checks, so their names are compared here, with those of unique constraints."""
    for module in pkgutil.walk_packages(models.__path__, "models."):
        if not module.name.startswith("models.migrations"):
            importlib.import_module(module.name)
    inspector = inspect(get_engine())
    declared = {
        (table.name, constraint.name)
        for table in SQLModel.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, (CheckConstraint, UniqueConstraint))
    }
    made = {
        (table, item["name"])
        for table in inspector.get_table_names()
        for item in [*inspector.get_check_constraints(table), *inspector.get_unique_constraints(table)]
    }

    assert declared == made


def test_the_schema_goes_up_and_down_with_data_in_place(at_empty: str) -> None:
    """Upgrade, fill, downgrade, upgrade: each step works, and the end is a fresh database."""
    upgrade(at_empty)
    fresh = sizes(at_empty)
    with session_scope() as session:
        fill(session)
    filled = sizes(at_empty)

    downgrade("base", at_empty)
    assert find_schema(at_empty) is Schema.empty
    upgrade(at_empty)

    assert filled["sales_order"] == 4
    assert sizes(at_empty) == fresh
    assert find_schema(at_empty) is Schema.current


def test_what_stays_of_an_older_schema_keeps_its_rows(at_empty: str) -> None:
    """Down by one revision after the other and up again, with data in place."""
    upgrade(at_empty)
    with session_scope() as session:
        fill(session)
    filled = sizes(at_empty)
    scripts = ScriptDirectory.from_config(migration_config())

    for script in list(scripts.walk_revisions())[1:]:
        downgrade(script.revision, at_empty)
        left = sizes(at_empty)
        assert {table: filled[table] for table in left} == left
    upgrade(at_empty)

    assert {table: filled[table] for table in left} == {table: sizes(at_empty)[table] for table in left}
    with session_scope() as session:
        (told,) = session.scalars(select(Outbound).where(col(Outbound.kind) == OutboundKind.shipment))
        assert (told.run_id, told.in_doubt, told.reported_at) == (None, False, None)


def test_accounts_for_orders_by_hand_are_renamed_both_ways(at_empty: str) -> None:
    """`own` becomes `manual`, and a downgrade gives the older code its word back; channels stay."""
    upgrade(at_empty)
    downgrade("0019", at_empty)
    told = "language, country, currency, seller, bank, mails, taxes, retention, numbers_in_doubt, match_rules"
    with get_engine(at_empty).begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO tenant (id, name, title, {told}) "
                "VALUES (1, 'nord', '', 'de', 'DE', 'EUR', '{}', '{}', '{}', '{}', '{}', false, '[]')"
            )
        )
        for number, kind in enumerate(("own", "afterbuy"), start=1):
            connection.execute(
                text(
                    "INSERT INTO account (tenant_id, name, kind, mode, settings, created_at) "
                    "VALUES (1, :name, :kind, 'live', '{}', '2026-11-20 00:00:00')"
                ),
                {"name": f"account-{number}", "kind": kind},
            )

    found = []
    for step in ("up", "down", "up"):
        if step == "up":
            upgrade(at_empty, "0020")
        else:
            downgrade("0019", at_empty)
        with get_engine(at_empty).connect() as connection:
            found.append(connection.execute(text("SELECT kind FROM account ORDER BY id")).scalars().all())

    assert found == [["manual", "afterbuy"], ["own", "afterbuy"], ["manual", "afterbuy"]]


def test_what_was_anonymised_before_loses_its_reference(at_empty: str) -> None:
    """An order that still has its buyer keeps it."""
    upgrade(at_empty)
    with session_scope() as session:
        shop = make_shop(session)
        take_in(session, shop, make_order("1", make_line("a")), make_order("2", make_line("b")))
        for number, at in (("1", PLACED_AT), ("2", None)):
            order = get_order(session, number)
            order.anonymised_at = at
            origin = OrderOrigin(order_id=order.row_id, account_id=shop.account.id, kind=OriginKind.phone)
            origin.reference = f"Zettel {number}"
            session.add_all([order, origin])
    downgrade("0020", at_empty)

    upgrade(at_empty)

    with session_scope() as session:
        query = select(col(OrderOrigin.reference)).order_by(col(OrderOrigin.order_id))
        assert list(session.scalars(query)) == [None, "Zettel 2"]


def test_repeating_an_upgrade_changes_nothing(database: str) -> None:
    """A second upgrade leaves every row where it is."""
    with session_scope() as session:
        fill(session)
    before = sizes(database)

    upgrade()

    assert sizes(database) == before


def test_a_database_of_another_program_is_left_alone(at_empty: str) -> None:
    """Foreign tables are recognised before anything is written."""
    with get_engine(at_empty).begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))

    assert find_schema(at_empty) is Schema.foreign


def test_the_file_of_a_fresh_database_is_not_made_by_looking(tmp_path: Any) -> None:
    """Asking how a missing SQLite file stands leaves it missing."""
    file = tmp_path / "none.db"

    assert find_schema(f"sqlite:///{file}") is Schema.empty
    assert not file.exists()


def rows_that_break_a_rule(session: Session) -> list[tuple[str, SQLModel]]:
    """Return for each check and each unique constraint that matters a row that violates it."""
    shop = make_shop(session)
    mug = add_article(session, shop, "MUG", on_hand=3)
    cup = add_article(session, shop, "CUP")
    take_in(session, shop, make_order("1", make_line("a", "MUG")))
    order = get_order(session, "1")
    order_id, account_id = order.row_id, shop.account.id
    line_id = lines_of(session, [order_id])[order_id][0].row_id
    shipment = Shipment(order_id=order_id, told_by=Side.channel)
    session.add(shipment)
    session.flush()
    shipment_id = shipment.row_id
    parcel = Parcel(shipment_id=shipment_id, number=1)
    session.add(parcel)
    session.flush()

    pick_list = PickList(tenant_id=shop.tenant_id, mode=PickMode.single)
    session.add(pick_list)
    session.flush()
    list_id = pick_list.row_id
    session.add(PickOrder(pick_list_id=list_id, order_id=order_id, rank=1))
    session.flush()
    ended = PickList(tenant_id=shop.tenant_id, mode=PickMode.single)
    session.add(ended)
    session.add(Bin(warehouse_id=shop.warehouse_id, name="A", place=1))
    session.flush()

    def pick_item(**values: int) -> PickItem:
        fields = {"order_line_id": line_id, "level_id": 1, "article_id": mug, "quantity": 1, **values}
        return PickItem(pick_list_id=list_id, order_id=order_id, **fields)

    item = pick_item(level_id=2)
    session.add(item)
    session.flush()

    def order_line(**values: Any) -> OrderLine:
        fields = {"quantity": 1, "price": Decimal(1), "position": 0, "external_id": "new", **values}
        return OrderLine(order_id=order_id, account_id=account_id, **fields)

    def level(**values: int) -> StockLevel:
        return StockLevel(warehouse_id=shop.warehouse_id, article_id=cup, **values)

    def limit(**values: Any) -> StockLimit:
        return StockLimit(account_id=account_id, scope=LimitScope.account, **values)

    def booking(**of: Any) -> Booking:
        return Booking(
            tenant_id=shop.tenant_id,
            account_id=account_id,
            order_id=order_id,
            kind=BookingKind.payment,
            booked_on=PLACED_AT.date(),
            currency="EUR",
            gross=Decimal(1),
            taxes=[],
            label="",
            order_number="1",
            reference="",
            method="",
            **of,
        )

    session.add_all([booking(document_id=3), booking(payment_id=3)])
    same_order = Order(
        tenant_id=shop.tenant_id, account_id=account_id, external_id="1", currency="EUR", total=Decimal(0)
    )
    level_id = session.execute(text("SELECT id FROM stock_level")).scalar_one()
    alarm: dict[str, Any] = {"account_id": account_id, "cycle": Cycle.order_import, "kind": AlarmKind.failed}
    session.add(Alarm(**alarm))
    session.add(Outbound(account_id=account_id, kind=OutboundKind.stock, key="1"))
    session.flush()
    return [
        ("stock_level_allocated", level(on_hand=1, allocated=2)),
        ("stock_level_allocated", level(on_hand=1, allocated=-1)),
        ("stock_level_allocated", level(on_hand=-1)),
        ("stock_level.warehouse_id", StockLevel(warehouse_id=shop.warehouse_id, article_id=mug)),
        ("order_line_quantity", order_line(cancelled=-1)),
        ("order_line_", order_line(cancelled=2)),
        ("order_line_", order_line(quantity=-1)),
        ("order_line_", order_line(allocated=-1)),
        ("order_line_allocated", order_line(quantity=3, allocated=1, cancelled=1, shipped=2)),
        ("order_line_returned", order_line(quantity=3, shipped=1, returned=2)),
        ("order_line_returned", order_line(returned=-1)),
        ("order_line_invoiced", order_line(quantity=3, shipped=1, invoiced=2)),
        ("order_line_invoiced", order_line(invoiced=-1)),
        ("order_line.order_id", order_line(external_id="a")),
        ("line_part_quantity", LinePart(order_line_id=line_id, article_id=cup, quantity=0)),
        ("allocation_quantity", Allocation(order_line_id=line_id, level_id=level_id, quantity=0)),
        ("allocation_picked", Allocation(order_line_id=line_id, level_id=level_id, quantity=1, picked=2)),
        ("allocation_picked", Allocation(order_line_id=line_id, level_id=level_id, quantity=1, picked=-1)),
        ("order_line_picked", order_line(quantity=3, allocated=1, picked=2)),
        ("order_line_picked", order_line(picked=-1)),
        ("pick_order", PickOrder(pick_list_id=ended.row_id, order_id=order_id, rank=1)),
        ("pick_order_box", PickOrder(pick_list_id=ended.row_id, order_id=order_id, rank=1, box=-1)),
        ("pick_item_picked", pick_item(picked=2)),
        ("pick_item_picked", pick_item(picked=-1)),
        ("pick_item_put_back", pick_item(put_back=-1)),
        ("pick_item.order_line_id", pick_item(level_id=2)),
        (
            "pick_scan_quantity",
            PickScan(pick_list_id=list_id, number=1, pick_item_id=item.row_id, quantity=0),
        ),
        ("bin_place", Bin(warehouse_id=shop.warehouse_id, name="B", place=-1)),
        ("bin.warehouse_id", Bin(warehouse_id=shop.warehouse_id, name="A", place=2)),
        ("bundle_part_quantity", BundlePart(bundle_id=cup, part_id=mug, quantity=0)),
        ("parcel_line_quantity", ParcelLine(parcel_id=parcel.row_id, order_line_id=line_id, quantity=0)),
        ("parcel.shipment_id", Parcel(shipment_id=shipment_id, number=1)),
        ("stock_limit_buffer", limit(buffer=-1)),
        ("stock_limit_maximum", limit(maximum=-1)),
        (
            "article_price_min_quantity",
            ArticlePrice(article_id=mug, currency="EUR", min_quantity=0, amount=Decimal(1)),
        ),
        ("booking_source", booking()),
        ("booking_source", booking(document_id=1, payment_id=2)),
        ("booking.document_id", booking(document_id=3)),
        ("booking.payment_id", booking(payment_id=3)),
        ("sales_order.account_id", same_order),
        ("article.tenant_id", Article(tenant_id=shop.tenant_id, sku="MUG")),
        ("tenant.name", Tenant(name="nord")),
        ("warehouse.tenant_id", Warehouse(tenant_id=shop.tenant_id, name="main")),
        ("outbound.account_id", Outbound(account_id=account_id, kind=OutboundKind.stock, key="1")),
        ("alarm", Alarm(**alarm)),
    ]


def test_the_database_refuses_what_breaks_a_rule(database: str) -> None:
    """Every check and every key holds in the database itself, whoever writes."""
    accepted: list[str] = []
    with session_scope() as session:
        broken: Sequence[tuple[str, SQLModel]] = rows_that_break_a_rule(session)
        for name, row in broken:
            try:
                with session.begin_nested():
                    session.add(row)
            except IntegrityError as error:
                said = str(error.orig)
                assert name in said or name.replace(".", "_") in said or "uq_alarm_open" in said, said
            else:
                accepted.append(name)

    assert accepted == []


def test_sqlite_keeps_foreign_keys(sqlite_file: str) -> None:
    """A row that points nowhere is refused there too."""
    with pytest.raises(IntegrityError), session_scope() as session:
        session.add(Warehouse(tenant_id=4711, name="nowhere"))


def test_sqlite_writes_ahead(sqlite_file: str) -> None:
    """Readers are not stopped by a writer: the file is in WAL mode for everyone."""
    with session_scope() as session:
        make_shop(session)
    with sqlite3.connect(sqlite_file.removeprefix("sqlite:///")) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()

    assert mode == ("wal",)


def test_an_error_of_the_database_prints_no_parameters(database: str) -> None:
    """Parameters hold buyers' data, so the text of an error must not."""
    now = datetime.now(UTC)
    with pytest.raises(IntegrityError) as caught, session_scope() as session:
        session.execute(
            text(
                "INSERT INTO customer (account_id, external_id, user_name, email, created_at) "
                "VALUES (4711, :id, :name, :mail, :now)"
            ),
            {"id": "K-1", "name": "Änne Groß", "mail": "aenne@example.test", "now": str(now)},
        )
    assert "aenne" not in str(caught.value)
