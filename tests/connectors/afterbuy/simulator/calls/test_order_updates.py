"""UpdateSoldItems and CancelOrders."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.afterbuy.simulator import Address, Line, Simulator, State
from tests.connectors.afterbuy.simulator.requests import ask, data_filter, update_orders


def test_paid_and_shipped_can_be_written_and_read_back(simulator: Simulator, state: State) -> None:
    """Payment, tracking, memo, dates, labels, export mark; no buyer is mailed."""
    product = state.add_product("X", selling_price=Decimal(10))
    order = state.place_order([product.id, product.id])
    first, second = (item.id for item in order.items)
    label = (
        "<ParcelLabel><ItemID>{}</ItemID><PackageNumber>{}</PackageNumber>"
        "<ParcelLabelNumber>L{}</ParcelLabelNumber><PackageWeight>1,5</PackageWeight></ParcelLabel>"
    )
    body = update_orders(
        f"<OrderID>{order.order_id}</OrderID><AdditionalInfo>00340</AdditionalInfo><OrderMemo>Notiz</OrderMemo>"
        "<OrderExported>1</OrderExported><VorgangsInfo><VorgangsInfo2>V2</VorgangsInfo2></VorgangsInfo>"
        "<PaymentInfo><PaymentDate>30.06.2026 10:00:00</PaymentDate>"
        "<AlreadyPaid>24,90</AlreadyPaid></PaymentInfo>"
        "<ShippingInfo><DeliveryDate>01.07.2026 11:00:00</DeliveryDate><DeliveryService>DHL</DeliveryService>"
        f"<ParcelLabels>{label.format(first, 1, 1)}{label.format(second, 1, 1)}{label.format(second, 2, 2)}"
        "</ParcelLabels></ShippingInfo>"
    )

    reply = ask(simulator, "UpdateSoldItems", body)

    read = ask(simulator, "GetSoldItems", data_filter("DefaultFilter", "CompletedAuctions"))
    assert (reply.status, reply.all("Result")) == ("Success", [""])
    assert (order.already_paid, order.additional_info, order.delivery_service) == (
        Decimal("24.90"),
        "00340",
        "DHL",
    )
    assert order.delivery_date == datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    assert read.one("Order/Memo") == "Notiz"
    assert read.all("ParcelLabel/PackageNumber") == ["1", "1", "2"]
    assert read.all("SoldItem/ItemXmlDate") == ["01.07.2026 12:00:00"] * 2
    assert read.one("VorgangsInfo2") == "V2"
    assert ask(simulator, "GetSoldItems", data_filter("DefaultFilter", "NoXMLDate")).codes == [15]
    assert state.mails_to_buyers == []
    assert [received.effects for received in simulator.written("UpdateSoldItems")] == [1]


def test_mail_switches_reach_real_buyers(simulator: Simulator, state: State) -> None:
    """Every mail is noted; which spellings of true count is a switch."""
    order = state.place_order([state.add_product("X").id])
    body = update_orders(
        f"<OrderID>{order.order_id}</OrderID><PaymentInfo><SendPaymentMail>{{0}}</SendPaymentMail></PaymentInfo>"
        "<ShippingInfo><SendShippingMail>{0}</SendShippingMail></ShippingInfo>"
    )

    for text in ("0", "nein", "", "vielleicht"):
        ask(simulator, "UpdateSoldItems", body.format(text))
    assert state.mails_to_buyers == []
    ask(simulator, "UpdateSoldItems", body.format("Yes"))
    assert [mail.kind for mail in state.mails_to_buyers] == ["payment", "shipping"]
    simulator.switches.change(true_spellings=["1"], false_spellings=["0"])
    ask(simulator, "UpdateSoldItems", body.format("Yes"))
    assert len(state.mails_to_buyers) == 2


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ([("", 1)], 3001),
        ([("999", 1)], 3001),
        ([("item", "")], 3002),
        ([("item", 0)], 3002),
        ([("item", 2)], 3003),
        ([("item", 1), ("item", 2), ("item", 1)], 3003),
        ([("item", 1), ("item", 3)], 3003),
    ],
)
def test_a_wrong_label_rejects_the_whole_batch(
    simulator: Simulator, state: State, labels: list[tuple[str, object]], code: int
) -> None:
    """Nothing of the batch is applied."""
    product = state.add_product("X")
    good, bad = state.place_order([product.id]), state.place_order([product.id])
    inside = "".join(
        f"<ParcelLabel><ItemID>{item.replace('item', str(bad.key))}</ItemID>"
        f"<PackageNumber>{number}</PackageNumber></ParcelLabel>"
        for item, number in labels
    )

    reply = ask(
        simulator,
        "UpdateSoldItems",
        update_orders(
            f"<OrderID>{good.order_id}</OrderID><OrderMemo>neu</OrderMemo>",
            f"<OrderID>{bad.order_id}</OrderID><ShippingInfo><ParcelLabels>{inside}</ParcelLabels></ShippingInfo>",
        ),
    )

    assert (reply.status, reply.codes) == ("Error", [code])
    assert (good.memo, bad.parcel_labels) == ("", [])
    assert simulator.written("UpdateSoldItems") == []


@pytest.mark.parametrize(
    ("reading", "codes", "memo"),
    [
        ("warning_12", [12], "neu"),
        ("error_33_rest_done", [33], "neu"),
        ("error_33_nothing_done", [33], ""),
    ],
)
def test_an_unknown_order_in_a_batch_is_a_switch(
    simulator: Simulator, state: State, reading: str, codes: list[int], memo: str
) -> None:
    """Three readings, for updates and cancellations alike."""
    order = state.place_order([state.add_product("X").id])
    simulator.switches.change(unknown_order=reading)

    reply = ask(
        simulator,
        "UpdateSoldItems",
        update_orders(
            f"<OrderID>{order.order_id}</OrderID><OrderMemo>neu</OrderMemo>", "<OrderID>5</OrderID>"
        ),
    )
    cancelled = ask(
        simulator,
        "CancelOrders",
        "<OrderCancellations>"
        + "".join(
            f"<OrderCancellation><OrderId>{number}</OrderId></OrderCancellation>"
            for number in (order.order_id, 5)
        )
        + "</OrderCancellations>",
    )

    assert (reply.codes, order.memo) == (codes, memo)
    assert (cancelled.codes, order.cancelled_at is not None) == (codes, memo == "neu")
    assert simulator.writes[0].effects == (memo == "neu")


def test_order_updates_that_are_refused(simulator: Simulator, state: State) -> None:
    """75 above 150, 74 without orders, 32 or 59 without a name, 33 for strangers, 98, 3004."""
    order = state.place_order([state.add_product("X").id])
    one = f"<OrderID>{order.order_id}</OrderID><OrderMemo>neu</OrderMemo>"

    def codes(*orders: str) -> list[int]:
        return ask(simulator, "UpdateSoldItems", update_orders(*orders)).codes

    assert codes(*[one] * 151) == [75]
    assert codes() == [74]
    assert codes(one, "<OrderMemo>x</OrderMemo>") == [32]
    assert codes("<OrderID>5</OrderID>") == [33]
    assert codes(one + "<Attributes><Attribute><Name>Farbe</Name></Attribute></Attributes>") == [98]
    assert codes(one + "<PaymentInfo><PaymentDate>morgen</PaymentDate></PaymentInfo>") == [3004]
    simulator.switches.change(missing_order_id_code=59)
    assert codes("<OrderID>0</OrderID>") == [59]
    assert order.memo == ""


@pytest.mark.parametrize(("reading", "paid"), [("absolute", Decimal(8)), ("increment", Decimal(13))])
def test_already_paid_is_a_total_or_an_increment(
    simulator: Simulator, state: State, reading: str, paid: Decimal
) -> None:
    """The switch decides what 8,00 does to 5,00."""
    order = state.place_order([state.add_product("X").id], paid=Decimal(5))
    simulator.switches.change(already_paid=reading)

    body = f"<OrderID>{order.order_id}</OrderID><PaymentInfo><AlreadyPaid>8,00</AlreadyPaid></PaymentInfo>"
    ask(simulator, "UpdateSoldItems", update_orders(body))

    assert order.already_paid == paid


def test_spelling_of_the_payment_cost_is_a_switch(simulator: Simulator, state: State) -> None:
    """PaymentAadditionalCost is read only if the switch lists it."""
    order = state.place_order([state.add_product("X", selling_price=Decimal(10)).id])
    body = update_orders(
        f"<OrderID>{order.order_id}</OrderID><PaymentInfo>"
        "<PaymentAadditionalCost>2,00</PaymentAadditionalCost></PaymentInfo>"
    )

    ask(simulator, "UpdateSoldItems", body)
    assert order.surcharge == 0
    simulator.switches.change(payment_cost_elements=["PaymentAadditionalCost"])
    ask(simulator, "UpdateSoldItems", body)
    assert (order.surcharge, order.full_amount) == (Decimal(2), Decimal("16.90"))


def test_an_item_without_process_by_item_id(simulator: Simulator, state: State) -> None:
    """ItemID names it; a feedback date gives it a process; whether it may be changed is a switch."""
    order = state.place_order([state.add_product("X").id], process=False)
    body = update_orders(
        f"<OrderID>0</OrderID><ItemID>{order.key}</ItemID><FeedbackDate>01.07.2026 12:00:00</FeedbackDate>"
    )
    simulator.switches.change(items_without_process_changeable=False)

    assert ask(simulator, "UpdateSoldItems", body).codes == [33]
    simulator.switches.change(items_without_process_changeable=True)
    assert ask(simulator, "UpdateSoldItems", body).codes == []
    assert order.order_id == order.key


def test_shipping_address_and_flags_can_be_written(simulator: Simulator, state: State) -> None:
    """Absent parts stay, UseShippingAddress 0 takes the address away, flags land on items."""
    product = state.add_product("X")
    order = state.place_order(
        [Line(product.id, attributes=[("Farbe", "Rot")])],
        shipping_address=Address(city="Köln", street="Alt 1"),
    )
    address = "<BuyerInfo><ShippingAddress>{}</ShippingAddress></BuyerInfo>"

    def write(body: str) -> None:
        ask(simulator, "UpdateSoldItems", update_orders(f"<OrderID>{order.order_id}</OrderID>{body}"))

    write(
        address.format("<Street>Neu 2</Street>")
        + "<UserDefinedFlag>7002</UserDefinedFlag><Tags><Tag>x</Tag></Tags>"
        "<Attributes><Attribute><Name>Farbe</Name><Value>Blau</Value></Attribute></Attributes>"
    )
    assert order.shipping_address is not None
    assert (order.shipping_address.street, order.shipping_address.city) == ("Neu 2", "Köln")
    assert (order.items[0].flag, order.tags, order.items[0].attributes) == (7002, ["x"], [("Farbe", "Blau")])
    write(address.format("<UseShippingAddress>0</UseShippingAddress>") + "<HideOrder>1</HideOrder>")
    assert state.order(order.order_id).shipping_address is None
    assert order.hidden
    assert ask(simulator, "GetSoldItems").codes == [15]
    assert len(ask(simulator, "GetSoldItems", "<ReturnHiddenItems>1</ReturnHiddenItems>").all("Order")) == 1


def test_cancelling_books_stock_back_once(simulator: Simulator, state: State) -> None:
    """Stock by StockBooking, a mark on the items, VersionID 0; cancelled ones stay or vanish."""
    product = state.add_product("X", quantity=5)
    order = state.place_order([(product.id, 2)])
    body = (
        f"<OrderCancellations><OrderCancellation><OrderId>{order.order_id}</OrderId>"
        "<StockBooking>0</StockBooking><MarkId>7003</MarkId></OrderCancellation></OrderCancellations>"
    )

    replies = [ask(simulator, "CancelOrders", body) for _ in range(2)]

    assert [reply.status for reply in replies] == ["Success", "Success"]
    assert replies[0].one("VersionID") == "0"
    assert (product.quantity, order.items[0].flag) == (5, 7003)
    assert ask(simulator, "GetSoldItems").one("UserDefinedFlag") == "7003"
    simulator.switches.change(cancelled_orders="vanish")
    assert ask(simulator, "GetSoldItems").codes == [15]
    assert ask(simulator, "CancelOrders").codes == [74]
    assert ask(simulator, "CancelOrders", body.replace(str(order.order_id), "")).codes == [32]
