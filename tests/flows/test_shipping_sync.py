"""The cycle `shipping-sync`: the channel hears what has left, once, and never mails a buyer by itself."""

from datetime import UTC, datetime

from connectors.afterbuy.simulator import Order as TheirOrder
from models.database.session import session_scope
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.shipments import ParcelData, shipments_of
from models.orders.order import OrderState
from models.orders.queries import find_order
from models.sync.records import Cycle
from tests.flows.conftest import Shop
from tests.support.steps import Figures, add_mug, line_rows, outbound, prepare, set_stock, stock_of, sync

SHIPPING = Cycle.shipping_sync
SHIPPED_AT = datetime(2026, 11, 20, 15, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)


def ship(shop: Shop, number: int, *parcels: ParcelData, at: datetime = SHIPPED_AT) -> None:
    """Book parcels of an order out of the house."""
    with session_scope() as session:
        record_shipment(session, find_order(session, str(number)), "DHL", list(parcels), at)


def _order(shop: Shop, *quantities: int) -> TheirOrder:
    mugs = [add_mug(shop, 20, f"M-{number}") for number in range(len(quantities))]
    prepare(shop, Cycle.article_import)
    theirs = shop.channel.place_order([(mug.id, n) for mug, n in zip(mugs, quantities, strict=True)])
    sync(Cycle.order_import, shop)
    return theirs


def test_a_shipment_is_told(shop: Shop) -> None:
    """Date, carrier and tracking number stand at the channel; nobody was mailed; once is enough."""
    theirs = _order(shop, 2)
    ship(shop, theirs.order_id, ParcelData(tracking_number="00340434161094000001"))

    first, second = sync(SHIPPING, shop), sync(SHIPPING, shop)

    record = shop.channel.order(theirs.order_id)
    assert (first.sent, second.read) == (1, 0)
    assert (record.delivery_date, record.delivery_service) == (SHIPPED_AT, "DHL")
    assert record.additional_info == "00340434161094000001"
    assert record.parcel_labels == []
    assert shop.channel.mails_to_buyers == []
    assert shop.simulator.effects_by_name["UpdateSoldItems"] == 1
    assert stock_of("M-0") == Figures(18, 0)


def test_several_parcels_are_labelled(shop: Shop) -> None:
    """Each parcel has its number, item by item, ascending from one."""
    theirs = _order(shop, 2, 1)
    lines = [line.id or 0 for line in line_rows(shop.order(theirs.order_id))]
    ship(
        shop,
        theirs.order_id,
        ParcelData(tracking_number="P1", lines={lines[0]: 1}),
        ParcelData(tracking_number="P2", lines={lines[0]: 1, lines[1]: 1}),
    )

    sync(SHIPPING, shop)

    record = shop.channel.order(theirs.order_id)
    first, second = (item.id for item in theirs.items)
    assert record.additional_info == "P1"
    assert [(one.item_id, one.package_number, one.label_number) for one in record.parcel_labels] == [
        (first, 1, "P1"),
        (first, 2, "P2"),
        (second, 2, "P2"),
    ]
    assert shop.channel.mails_to_buyers == []


def test_a_part_is_told_and_not_taken_for_the_whole(shop: Shop) -> None:
    """What we told of a part comes back with the order and ships nothing more; the rest is told later."""
    theirs = _order(shop, 3)
    line_id = line_rows(shop.order(theirs.order_id))[0].id or 0
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1", lines={line_id: 1}))
    sync(SHIPPING, shop)

    sync(Cycle.order_import, shop)
    partly = shop.order(theirs.order_id)
    shipped = [line.shipped for line in line_rows(partly)]
    stock = stock_of("M-0")
    ship(shop, theirs.order_id, ParcelData(tracking_number="P2"), at=LATER)
    sync(SHIPPING, shop)
    sync(Cycle.order_import, shop)

    assert (partly.state, shipped, stock) == (OrderState.open, [1], Figures(19, 2))
    order = shop.order(theirs.order_id)
    record = shop.channel.order(theirs.order_id)
    assert (order.state, order.shipped_at) == (OrderState.shipped, LATER)
    assert record.delivery_date == LATER
    assert [label.label_number for label in record.parcel_labels] == ["P1", "P2"]
    assert stock_of("M-0") == Figures(17, 0)
    with session_scope() as session:
        assert len(shipments_of(session, order.id or 0)) == 2


def test_a_shipment_at_the_channel_is_taken_over(shop: Shop) -> None:
    """What somebody shipped there leaves our stock, and is not told back."""
    theirs = _order(shop, 2)
    shop.channel.ship(theirs.order_id, tracking_number="X1", at=SHIPPED_AT)

    sync(Cycle.order_import, shop)
    counts = sync(SHIPPING, shop)

    assert shop.order(theirs.order_id).state is OrderState.shipped
    assert stock_of("M-0") == Figures(18, 0)
    assert counts.sent == 0
    assert shop.simulator.writes == []


def test_the_buyer_is_mailed_only_if_the_account_says_so(sqlite_shop: Shop) -> None:
    """With the setting switched on the channel mails the buyer, once."""
    shop = sqlite_shop
    shop.configure(mail_buyer_shipping=True)
    theirs = _order(shop, 1)
    ship(shop, theirs.order_id, ParcelData(tracking_number="P1"))

    sync(SHIPPING, shop)
    sync(SHIPPING, shop)

    assert [(mail.kind, mail.order_id) for mail in shop.channel.mails_to_buyers] == [
        ("shipping", theirs.order_id)
    ]


def test_a_merged_order_is_told_by_its_heir(sqlite_shop: Shop) -> None:
    """The channel hears of a shipment under the number that lives on."""
    shop = sqlite_shop
    first = _order(shop, 1)
    mug = next(iter(shop.channel.products.values()))
    second = shop.channel.place_order([(mug.id, 1)])
    sync(Cycle.order_import, shop)
    merged = shop.channel.merge([first.order_id, second.order_id])
    sync(Cycle.order_import, shop)
    set_stock(shop, M_0=20)

    ship(shop, merged.order_id, ParcelData(tracking_number="P1"))
    sync(SHIPPING, shop)

    assert shop.channel.order(merged.order_id).delivery_date == SHIPPED_AT
    assert outbound(shop)[-1] == ("shipment", "sent")
