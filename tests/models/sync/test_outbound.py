"""Law 2: a change is queued once."""

from sqlmodel import select

from models.database.session import session_scope
from models.sync.delivery import count_due
from models.sync.outbound import Outbound, queue_outbound
from models.sync.records import OutboundKind
from tests.support.builders import make_account, make_shop
from tests.support.outbound import STOCK, shown


def test_a_change_is_queued_once(database: str) -> None:
    """Changing it again before it was sent raises the version and nothing else."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        queue_outbound(session, account_id, STOCK, [1, "2"])
        first = [(row.changed_at, row.next_try_at) for row in session.exec(select(Outbound))]
        queue_outbound(session, account_id, STOCK, [2])

        assert shown(session) == [("1", "pending", 1, 0), ("2", "pending", 2, 0)]
        assert [(row.changed_at, row.next_try_at) for row in session.exec(select(Outbound))] == first


def test_kinds_and_accounts_are_apart(database: str) -> None:
    """The same key is another subject there."""
    with session_scope() as session:
        shop = make_shop(session)
        other = make_account(session, shop.tenant_id, "sued").id
        for account_id, kind in ((shop.account.id, STOCK), (other, STOCK), (other, OutboundKind.payment)):
            queue_outbound(session, account_id, kind, [1])

        assert len(shown(session)) == 3
        assert [count_due(session, account_id, STOCK) for account_id in (shop.account.id, other)] == [1, 1]
