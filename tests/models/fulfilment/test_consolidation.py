"""Orders that go together are released, picked, printed and sent as one parcel, and are two in all else."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models.clock import utc_now
from models.database.session import session_scope
from models.errors import Action, Advice, RuleError
from models.fulfilment.consolidation import (
    consolidate_orders,
    separate_order,
    ship_consolidated,
    suggest_consolidations,
)
from models.fulfilment.holding import cancel_order, hold_order
from models.fulfilment.release import list_open_orders, release_order, release_ready
from models.fulfilment.shipments import Parcel, ParcelData, Shipment, ShipmentData, shipments_of
from models.order_desk.edits import set_address, set_payment_kind, set_shipping_method
from models.orders.history import Actor
from models.orders.holds import HoldReason
from models.orders.order import AddressRole, Order, OrderState
from models.orders.queries import consolidated_numbers, consolidated_orders
from models.papers.parcel_papers import address_label, packing_slip
from models.payments.payment import record_payment
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind
from models.tenants.account import Account, account_data, get_account
from models.tenants.methods import save_shipping_method
from models.tenants.records import PaymentKind
from models.warehouse.pick_lists import PickMode, PickOrder
from models.warehouse.picking import create_list, start_next_list
from tests.support.builders import (
    BILLING,
    Shop,
    add_article,
    check_laws,
    details_in,
    events_in,
    get_order,
    make_account,
    make_line,
    make_order,
    make_shop,
    take_in,
)
from tests.support.races import run_at_once, ship_at_once

FAR = BILLING.model_copy(update={"street": "Weg 1"})


def sell(session: Session, **settings: Any) -> Shop:
    """Orders 1 and 2 go to one place, of two accounts; 3 does, too, 4 does not. Each is of one mug, paid."""
    shop = make_shop(session, **settings)
    second = make_account(session, shop.tenant_id, "sued", **settings)
    add_article(session, shop, "MUG", on_hand=10)
    for number, account, address in (
        ("1", shop.account, BILLING.model_copy(update={"email": "anna@buyer.example"})),
        ("2", second, BILLING.model_copy(update={"street": "am ölberg  3"})),
        ("3", shop.account, BILLING),
        ("4", shop.account, FAR),
    ):
        line = make_line(f"{number}-1", "MUG")
        data = make_order(number, line, billing=address, paid_amount=Decimal("10.00"))
        take_in(session, shop, data, account=account)
    return shop


def orders(session: Session, *numbers: str) -> list[Order]:
    return [get_order(session, number) for number in numbers]


def ship(session: Session, number: str, tracking: str = "T1", **parcel: Any) -> Any:
    data = ShipmentData(
        get_order(session, number), "DHL", [ParcelData(tracking_number=tracking, **parcel)], utc_now()
    )
    return ship_consolidated(session, [data])[0]


def groups(session: Session) -> dict[str, int | None]:
    session.flush()
    rows = session.exec(select(Order).order_by(col(Order.id)).execution_options(populate_existing=True))
    return {order.external_id: order.ships_with_id for order in rows}


def states(session: Session) -> dict[str, str]:
    session.flush()
    rows = session.exec(select(Order).order_by(col(Order.id)).execution_options(populate_existing=True))
    return {order.external_id: str(order.state) for order in rows}


def test_two_orders_go_in_one_parcel(database: str) -> None:
    """One is released, and both are; one box, slip, label and number; each channel hears of its own."""
    with session_scope() as session:
        shop = sell(session)
        first, second = consolidate_orders(session, orders(session, "2", "1"))
        release_order(session, second)
        walk = start_next_list(session, shop.tenant_id, PickMode.boxes, 1)
        slip = packing_slip(session, second)
        label = address_label(session, first)

        assert (first.external_id, second.external_id) == ("1", "2")
        assert states(session) == {"1": "released", "2": "released", "3": "open", "4": "open"}
        boxes = session.exec(select(PickOrder.box).where(PickOrder.pick_list_id == walk.id)).all()
        assert boxes == [1, 1]
        assert (slip.order_number, slip.further_numbers, len(slip.goods)) == ("2", ["1"], 2)
        assert (label.order_number, label.further_numbers) == ("1", ["2"])
        ship(session, "2")

        parcels = [
            (shipment.carrier, parcel.tracking_number)
            for order in (first, second)
            for shipment, its_parcels in shipments_of(session, order.row_id)
            for parcel in its_parcels
        ]
        assert parcels == [("DHL", "T1")] * 2
        assert states(session)["1"] == states(session)["2"] == "shipped"
        told = session.exec(select(Outbound).where(Outbound.kind == OutboundKind.shipment)).all()
        assert Counter((row.account_id, row.key) for row in told) == Counter(
            (order.account_id, str(order.id)) for order in (first, second)
        )
        assert consolidated_numbers(session, first) == ["2"]
        assert len(packing_slip(session, first).goods) == 2
        assert ("person", "joined") in events_in(session, "2")
        check_laws(session)


def test_a_parcel_leaves_once_though_two_ship_it(database: str) -> None:
    """Who is second finds it gone; all that went together has one number."""
    with session_scope() as session:
        sell(session)
        consolidate_orders(session, orders(session, "1", "2", "3"))

    told = run_at_once(database, ship_at_once, [("1",), ("2",), ("3",)])

    assert sorted(each == "shipped" for each in told) == [False, False, True], told
    with session_scope() as session:
        assert len(session.exec(select(Shipment)).all()) == 3
        assert len(set(session.exec(select(Parcel.tracking_number)).all())) == 1
        check_laws(session)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda session: None, "Orders 1 and 4 have different shipping addresses"),
        (
            lambda session: cancel_order(session, get_order(session, "4"), actor=Actor.person),
            "4 is cancelled",
        ),
        (lambda session: release_order(session, get_order(session, "4")), "4 is released"),
        (
            lambda session: hold_order(session, get_order(session, "4"), HoldReason.suspected_duplicate, {}),
            r"4 is held \(suspected_duplicate\)",
        ),
        (
            lambda session: setattr(get_order(session, "4"), "payment_kind", PaymentKind.cash_on_delivery),
            "4 is paid on delivery",
        ),
    ],
)
def test_who_cannot_go_together_is_told_why(sqlite_database: str, spoil: Any, said: str) -> None:
    with session_scope() as session:
        sell(session)
        spoil(session)
        session.flush()
        with pytest.raises(RuleError, match=said):
            consolidate_orders(session, orders(session, "1", "4"))
        with pytest.raises(RuleError, match="not 1"):
            consolidate_orders(session, orders(session, "1"))
        assert set(groups(session).values()) == {None}


def test_orders_part_again(sqlite_database: str) -> None:
    """A group is named by one of its own, so that two never become one by chance; a last one goes alone."""
    with session_scope() as session:
        sell(session)
        consolidate_orders(session, orders(session, "1", "2", "3"))
        separate_order(session, get_order(session, "1"))
        second, third = (order.id for order in orders(session, "2", "3"))

        assert groups(session) == {"1": None, "2": second, "3": second, "4": None}
        consolidate_orders(session, orders(session, "1", "3"))
        assert len({groups(session)[number] for number in "123"}) == 1, "those that go with one go, too"
        separate_order(session, get_order(session, "3"))
        separate_order(session, get_order(session, "2"))
        assert set(groups(session).values()) == {None}
        assert details_in(session, "1", "parted") == [{}, {"reason": "the other orders were separated"}]
        with pytest.raises(RuleError, match="is not consolidated"):
            separate_order(session, get_order(session, "3"))
        assert third is not None


def test_one_that_is_held_stops_the_others(database: str) -> None:
    """Neither released nor shipped, until it is settled or goes by itself."""
    with session_scope() as session:
        sell(session)
        consolidate_orders(session, orders(session, "1", "2"))
        hold_order(session, get_order(session, "2"), HoldReason.changed_after_release, {})
        session.flush()
        with pytest.raises(RuleError, match="Order 2 is held"):
            release_order(session, get_order(session, "1"))
        refused = ship(session, "1")

        assert str(refused).startswith("Orders 1, 2 are consolidated: Order 2 is held")
        assert session.exec(select(Shipment)).all() == []
        assert states(session)["1"] == "open"
        with pytest.raises(RuleError, match="consolidated orders ship whole"):
            release_order(session, get_order(session, "1"), partly=True)
        refused = ship(session, "1", lines={1: 1})
        assert isinstance(refused, RuleError)
        assert str(refused) == "Orders 1, 2 are consolidated: they ship whole."
        assert refused.advice == (Advice(Action.order_separate, "1"),)
        separate_order(session, get_order(session, "2"))
        assert isinstance(ship(session, "1"), Shipment)
        assert states(session) == {"1": "shipped", "2": "open", "3": "open", "4": "open"}
        check_laws(session)


def test_who_was_cancelled_or_goes_elsewhere_leaves(sqlite_database: str) -> None:
    """Found when the others are released, with the reason in its history; at the parcel it stops them."""
    with session_scope() as session:
        sell(session)
        consolidate_orders(session, orders(session, "1", "2", "3"))
        cancel_order(session, get_order(session, "3"), actor=Actor.channel)
        set_address(session, get_order(session, "2"), AddressRole.shipping, {"street": "Weg 9"})
        release_order(session, get_order(session, "1"))

        assert states(session) == {"1": "released", "2": "open", "3": "cancelled", "4": "open"}
        assert details_in(session, "3", "parted") == [{"reason": "is cancelled"}]
        assert details_in(session, "2", "parted") == [{"reason": "has another address or shipping method"}]
        assert set(groups(session).values()) == {None}


def test_who_goes_elsewhere_after_the_release_stops_the_parcel(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = sell(session)
        save_shipping_method(session, shop.tenant_id, "Express", {"carrier": "DHL"})
        consolidate_orders(session, orders(session, "1", "2"))
        release_order(session, get_order(session, "1"))
        set_shipping_method(session, get_order(session, "2"), "Express")

        assert "their addresses or shipping methods differ by now" in str(ship(session, "1"))
        assert states(session)["1"] == "released"


def release_all(session: Session, shop: Shop) -> tuple[int, int, int]:
    """Run the cycle for the first account; return how many it released, and how many wait."""
    account = account_data(session.get_one(Account, shop.account.id))
    done = release_ready(session, account, list_open_orders(session, account.id, 0, 100))
    return len(done.released), done.held, done.unpaid


def join_automatic(session: Session, *accounts: str) -> Shop:
    """Orders 1 and 2 go together; those of these accounts are released by themselves, all are explained."""
    shop = sell(session)
    save_shipping_method(session, shop.tenant_id, "Paket", {"carrier": "DHL"})
    for name in accounts:
        account = get_account(session, name)
        account.settings = {"release": "automatic"}
        session.add(account)
    for order in orders(session, "1", "2", "3", "4"):
        set_payment_kind(session, order, PaymentKind.prepayment)
        set_shipping_method(session, order, "Paket")
    consolidate_orders(session, orders(session, "1", "2"))
    return shop


@pytest.mark.parametrize("both_paid", [True, False])
def test_the_cycle_releases_all_or_none(database: str, both_paid: bool) -> None:
    """Also those of another account, which has its own settings; who goes with nobody is not kept back."""
    with session_scope() as session:
        shop = join_automatic(session, "nord", "sued")
        if not both_paid:
            owner = account_data(get_account(session, "sued"))
            record_payment(session, owner, get_order(session, "2"), Decimal(-10), utc_now())

        assert release_all(session, shop) == ((4, 0, 0) if both_paid else (2, 1, 0))
        expected = "released" if both_paid else "open"
        assert states(session) == {"1": expected, "2": expected, "3": "released", "4": "released"}


def test_an_account_released_by_hand_keeps_its_mates_back(sqlite_database: str) -> None:
    with session_scope() as session:
        shop = join_automatic(session, "nord")

        assert release_all(session, shop) == (2, 1, 0)
        release_order(session, get_order(session, "2"))
        assert states(session)["1"] == "released"


def test_what_could_go_together_is_suggested(sqlite_database: str) -> None:
    """Open, held by nothing, to the same place; who goes with others already is not."""
    with session_scope() as session:
        shop = sell(session)
        shown = [
            [order.external_id for order in group]
            for group in suggest_consolidations(session, shop.tenant_id)
        ]
        consolidate_orders(session, orders(session, "1", "2"))

        assert shown == [["1", "2", "3"]]
        assert suggest_consolidations(session, shop.tenant_id) == []


def test_a_list_of_one_order_has_its_mates(sqlite_database: str) -> None:
    """Without who waits for goods; in boxes each group has one, and others their own."""
    with session_scope() as session:
        shop = sell(session)
        take_in(session, shop, make_order("5", make_line("5-1", "MUG"), billing=FAR))
        consolidate_orders(session, orders(session, "1", "3"))
        for number in ("1", "2", "4"):
            release_order(session, get_order(session, number))
        wanted = [order.row_id for order in orders(session, "1", "2", "4")]
        walk = create_list(session, shop.tenant_id, PickMode.boxes, wanted)
        rows = session.exec(
            select(Order.external_id, PickOrder.box)
            .join(PickOrder, col(PickOrder.order_id) == col(Order.id))
            .where(PickOrder.pick_list_id == walk.id)
            .order_by(col(PickOrder.rank))
        ).all()

        assert [tuple(row) for row in rows] == [("1", 1), ("3", 1), ("2", 2), ("4", 3)]


def test_all_of_a_group_may_be_named(sqlite_database: str) -> None:
    """A file of parcels names each with its own number, and each keeps it; others share the first's."""
    with session_scope() as session:
        sell(session)
        consolidate_orders(session, orders(session, "1", "2", "3"))
        now = utc_now() - timedelta(hours=1)
        wanted = [
            ShipmentData(get_order(session, number), "DHL", [ParcelData(tracking_number=f"T{number}")], now)
            for number in ("4", "1", "2")
        ]
        results = ship_consolidated(session, wanted)

        assert [result.order_id for result in results if isinstance(result, Shipment)] == [
            order.id for order in orders(session, "4", "1", "2")
        ]
        numbers = {
            order.external_id: [
                parcel.tracking_number
                for _, parcels in shipments_of(session, order.row_id)
                for parcel in parcels
            ]
            for order in orders(session, "1", "2", "3", "4")
        }
        assert numbers == {"1": ["T1"], "2": ["T2"], "3": ["T1"], "4": ["T4"]}
        assert next(iter(consolidated_orders(session, [1]).values()))[0].state is OrderState.shipped
