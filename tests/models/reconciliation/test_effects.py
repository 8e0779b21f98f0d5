"""What was had of an order is counted as that: a second stocktaking finds nothing new."""

from sqlmodel import Session

from models.accounting.issued import list_documents
from models.accounting.records import DocumentKind
from models.clock import utc_now
from models.database.session import session_scope
from models.fulfilment.returns import Judged, announce_return, receive_return
from models.invoicing.return_credits import credit_return
from models.order_desk.edits import find_line
from models.orders.history import add_event
from models.payments.payment import record_refund
from models.reconciliation.effects import EffectKind, ReplayOutcome, compare, effects_of
from tests.models.fulfilment.test_returns import sell
from tests.support.builders import Shop, get_order


def _take_back(session: Session, shop: Shop) -> None:
    order = get_order(session, "1")
    line_id = find_line(session, order, "a").id or 0
    row = announce_return(session, order, {line_id: 1})
    receive_return(session, row, {line_id: Judged(to_stock=1)})
    credit_return(session, row)
    record_refund(session, shop.account, order, row.credited_amount, utc_now())
    add_event(session, order, "mail_queued", {"event": "return_received", "of": str(row.id)})
    session.flush()


def test_every_effect_of_an_order_is_listed_once_and_known_again(database: str) -> None:
    """Papers, mails and returns stand beside goods, money and what the channel was told."""
    with session_scope() as session:
        shop = sell(session)
        before = effects_of(session, shop.account.id, ["1"])
        _take_back(session, shop)
        after = effects_of(session, shop.account.id, ["1"])
        (note,) = list_documents(session, kind=DocumentKind.credit_note)

    assert len({effect.key for effect in after}) == len(after)
    new = [each.effect for each in compare(before, after) if each.outcome is ReplayOutcome.new]
    assert {(effect.kind, effect.of) for effect in new} == {
        (EffectKind.document_issued, note.label),
        (EffectKind.buyer_mailed, "return_received 1"),
        (EffectKind.goods_returned, "return 1"),
        (EffectKind.payment_booked, "payment 2"),
    }
    again = [each for each in compare(after, after) if each.outcome is not ReplayOutcome.waits]
    assert {each.outcome for each in again} == {ReplayOutcome.had}
    documents = [effect for effect in before if effect.kind is EffectKind.document_issued]
    assert [effect.value for effect in documents] == ["invoice, 51.30 EUR"]
