"""What was had of an order is counted as that: a second stocktaking finds nothing new."""

from dataclasses import replace

from sqlmodel import Session

from models.accounting.issued import list_documents
from models.accounting.records import DocumentKind
from models.clock import utc_now
from models.database.session import session_scope
from models.fulfilment.returns import InspectedUnits, announce_return, receive_return
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.orders.history import add_event
from models.payments.payment import record_refund
from models.reconciliation.effects import (
    DESCRIBE,
    PUBLISHED,
    WAITING,
    Effect,
    EffectKind,
    ReplayOutcome,
    as_if_published,
    compare_effects,
    list_effects,
    unknown_at_channel,
)
from models.sync.outbound import ORDER_UPDATES
from models.sync.records import OutboundKind
from tests.support.builders import Shop, get_order
from tests.support.returns import sell


def _take_back(session: Session, shop: Shop) -> None:
    order = get_order(session, "1")
    line_id = find_line(session, order, "a").id or 0
    row = announce_return(session, order, {line_id: 1})
    receive_return(session, row, {line_id: InspectedUnits(to_stock=1)})
    credit_return(session, row)
    record_refund(session, shop.account, order, row.credited_amount, utc_now())
    add_event(session, order, "mail_queued", {"event": "return_received", "of": str(row.id)})
    session.flush()


def test_every_effect_of_an_order_is_listed_once_and_known_again(database: str) -> None:
    """Papers, mails and returns stand beside goods, money and what the channel was told."""
    with session_scope() as session:
        shop = sell(session)
        before = list_effects(session, shop.account.id, ["1"])
        _take_back(session, shop)
        after = list_effects(session, shop.account.id, ["1"])
        (note,) = list_documents(session, kind=DocumentKind.credit_note)

    assert len({effect.key for effect in after}) == len(after)
    new = [each.effect for each in compare_effects(before, after) if each.outcome is ReplayOutcome.new]
    assert {(effect.kind, effect.of) for effect in new} == {
        (EffectKind.document_issued, note.label),
        (EffectKind.buyer_mailed, "return_received 1"),
        (EffectKind.goods_returned, "return 1"),
        (EffectKind.payment_booked, "payment 2"),
    }
    again = [each for each in compare_effects(after, after) if each.outcome is not ReplayOutcome.waits]
    assert {each.outcome for each in again} == {ReplayOutcome.done_before}
    documents = [effect for effect in before if effect.kind is EffectKind.document_issued]
    assert [effect.value for effect in documents] == ["invoice, 51.30 EUR"]


def effect(kind: EffectKind, value: str = "", of: str = "", order_id: int = 1) -> Effect:
    return Effect("7", order_id, kind, of, value, utc_now())


def test_what_test_mode_held_back_counts_as_published() -> None:
    """What waits and what was published before; the message of another kind or order stays as it is."""
    waits, other = effect(EffectKind.shipment_waits), effect(EffectKind.payment_waits)
    before = effect(EffectKind.payment_published, "5.00 in all", order_id=2)

    assert as_if_published([waits, other, before], {("shipment", "1"), ("payment", "2")}) == [
        other,
        replace(waits, kind=EffectKind.shipment_published, value="what waits", at=None),
        replace(before, at=None),
    ]


def test_an_order_that_the_channel_does_not_know() -> None:
    """Whether we know it is said with it."""
    unknown = unknown_at_channel(["7", "8", "9"], {"9"}, [effect(EffectKind.taken_in)])

    assert [(one.effect.order, one.effect.value, one.outcome) for one in unknown] == [
        ("7", "known here", ReplayOutcome.unknown),
        ("8", "not known here either", ReplayOutcome.unknown),
    ]


def test_every_message_about_an_order_has_its_effects() -> None:
    """One for what was published, one for what waits, and words for what was said."""
    assert set(PUBLISHED) == set(WAITING) == set(DESCRIBE) == set(ORDER_UPDATES)
    assert not set(PUBLISHED.values()) & set(WAITING.values())


def test_what_was_published_is_put_into_words() -> None:
    """Without a number that leads to the buyer; what an older version did not save is not known."""
    assert {kind: say({}) for kind, say in DESCRIBE.items()} == {
        OutboundKind.payment: "? in all",
        OutboundKind.shipment: "shipped ?, 0 tracking numbers",
        OutboundKind.cancellation: "0 units left",
    }
    assert DESCRIBE[OutboundKind.shipment]({"shipped_at": "2026", "tracking": "X1\nX2"}) == (
        "shipped 2026, 2 tracking numbers"
    )
    assert DESCRIBE[OutboundKind.cancellation]({"left": "a=2\nb=0\nc=1"}) == "3 units left"
