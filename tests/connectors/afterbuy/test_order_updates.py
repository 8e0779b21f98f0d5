"""Payments and shipments are published; nothing that is not known is sent."""

from decimal import Decimal

import pytest

from connectors.protocols.order_updates import ParcelItem, PaymentItem
from connectors.protocols.results import Outcome
from tests.connectors.afterbuy.rig import AfterbuyRig
from tests.connectors.afterbuy.steps import NOW, outcomes, payment, place, shipment, texts
from tests.connectors.contract.rig import need


def test_a_payment_is_an_absolute_total_with_a_comma_and_mails_nobody(rig: AfterbuyRig) -> None:
    [order_id] = place(rig, 1)
    item = PaymentItem("k", order_id, Decimal("1234.5"), NOW, method_name="PayPal", reference="TX")
    with rig.open() as connection:
        for _ in range(2):
            [result] = need(connection.payments).publish_payments([item])
    assert result.fields == {
        "OrderID": order_id,
        "PaymentInfo/PaymentMethod": "PayPal",
        "PaymentInfo/PaymentDate": "01.07.2026 14:00:00",
        "PaymentInfo/PaymentTransactionID": "TX",
        "PaymentInfo/AlreadyPaid": "1234,50",
    }
    assert rig.paid_of(order_id) == Decimal("1234.5")


def test_one_parcel_has_no_labels_and_mails_nobody(rig: AfterbuyRig) -> None:
    [order_id] = place(rig, 1)
    with rig.open() as connection:
        [result] = need(connection.shipments).publish_shipments(
            [shipment(order_id, ParcelItem("T1", {order_id: 1}))]
        )
    assert result.fields == {
        "OrderID": order_id,
        "AdditionalInfo": "T1",
        "ShippingInfo/DeliveryDate": "01.07.2026 14:00:00",
        "ShippingInfo/DeliveryService": "DHL",
    }


def test_nothing_empty_is_sent_for_what_is_not_known(rig: AfterbuyRig) -> None:
    [order_id] = place(rig, 1)
    with rig.open() as connection:
        [result] = need(connection.shipments).publish_shipments(
            [shipment(order_id, ParcelItem("", {}), carrier="")]
        )
    assert result.fields == {"OrderID": order_id, "ShippingInfo/DeliveryDate": "01.07.2026 14:00:00"}
    [call] = rig.simulator.writes
    assert call.body is not None
    assert [one.tag for one in call.body.findall("Orders/Order/*")] == ["OrderID", "ShippingInfo"]


@pytest.mark.parametrize(("field", "info"), [("first", "T1"), ("joined", "T1,T2")])
def test_several_parcels_have_labels_with_ascending_numbers(rig: AfterbuyRig, field: str, info: str) -> None:
    article = int(rig.add_article("MUG", stock=9))
    order = rig.state.place_order([article, article])
    first, second = (str(item.id) for item in order.items)
    parcels = [ParcelItem("T1", {second: 1, first: 1}), ParcelItem("T2", {first: 1})]
    with rig.open(tracking_field=field) as connection:
        [result] = need(connection.shipments).publish_shipments([shipment(str(order.order_id), *parcels)])
        [status] = need(connection.orders).fetch_order_statuses([str(order.order_id)])
    assert (result.outcome, result.fields["AdditionalInfo"]) == (Outcome.sent, info)
    [call] = rig.simulator.writes
    assert texts(call, "PackageNumber") == ["1", "1", "2"]
    assert texts(call, "ItemID") == [first, second, first]
    assert texts(call, "ParcelLabelNumber") == ["T1", "T1", "T2"]
    assert status.tracking_numbers == ["T1", "T2"]


@pytest.mark.parametrize("mails", [False, True])
def test_a_buyer_is_mailed_only_if_the_setting_says_so(rig: AfterbuyRig, mails: bool) -> None:
    [order_id] = place(rig, 1)
    with rig.open(mail_buyer_payment=mails, mail_buyer_shipping=mails) as connection:
        need(connection.payments).publish_payments([payment(order_id)])
        need(connection.shipments).publish_shipments([shipment(order_id, ParcelItem("T1", {}))])
    paid, shipped = rig.simulator.writes
    assert texts(paid, "SendPaymentMail") == (["1"] if mails else [])
    assert texts(shipped, "SendShippingMail") == (["1"] if mails else [])


def test_an_order_without_number_is_written_by_its_item(rig: AfterbuyRig) -> None:
    waiting = rig.state.place_order([int(rig.add_article("MUG", stock=9))], process=False)
    with rig.open() as connection:
        [result] = need(connection.payments).publish_payments([payment(f"item-{waiting.key}")])
    assert (result.outcome, result.fields["ItemID"]) == (Outcome.sent, str(waiting.key))
    assert waiting.already_paid == Decimal("7.50")


@pytest.mark.parametrize("reading", ["warning_12", "error_33_rest_done", "error_33_nothing_done"])
def test_an_unknown_order_in_a_batch_is_found_and_the_rest_is_done(reading: str) -> None:
    with AfterbuyRig(unknown_order=reading) as rig:
        placed = place(rig, 6)
        names = [*placed[:4], "2147480000", *placed[4:]]
        with rig.open() as connection:
            results = need(connection.payments).publish_payments([payment(one, key=one) for one in names])
        assert outcomes(results) == [
            (one, Outcome.refused if one == "2147480000" else Outcome.sent) for one in names
        ]
        assert {rig.paid_of(one) for one in placed} == {Decimal("7.50")}


def test_with_mails_on_a_batch_is_never_sent_twice() -> None:
    with AfterbuyRig(unknown_order="error_33_rest_done") as rig:
        placed = place(rig, 2)
        with rig.open(mail_buyer_payment=True) as connection:
            results = need(connection.payments).publish_payments(
                [payment(one, key=one) for one in [*placed, "2147480000"]]
            )
        assert {one.outcome for one in results} == {Outcome.refused}
        assert len(rig.simulator.writes) == 1


def test_a_batch_of_orders_never_exceeds_150(rig: AfterbuyRig) -> None:
    placed = place(rig, 160)
    with rig.open(page_size=250) as connection:
        assert need(connection.payments).batch_size == 150
        results = need(connection.payments).publish_payments([payment(one, key=one) for one in placed])
        assert {one.outcome for one in results} == {Outcome.sent}
        assert len(need(connection.orders).fetch_order_statuses(placed)) == 160
    assert [len(texts(call, "OrderID")) for call in rig.simulator.writes] == [150, 10]
