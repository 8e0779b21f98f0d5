"""Law 6: a record that cannot be used is kept as it came, counted, and closed when it can."""

import pytest
from sqlmodel import Session

from models.database.session import session_scope
from models.errors import NotFoundError, RuleError
from models.sync.records import RAW_LIMIT, RejectedData
from models.sync.rejected import RejectedRecord, find_rejected, list_rejected, save_rejected, settle_rejected
from tests.support.builders import make_account, make_shop, row_counts


def reject(
    external_id: str, reason: str = "no price", kind: str = "order", raw: str = "<Order/>"
) -> RejectedData:
    return RejectedData(kind=kind, external_id=external_id, reason=reason, raw=raw)


def shown(session: Session, *, settled: bool = False) -> list[tuple[str, str, str, int]]:
    session.flush()
    session.expire_all()
    return [
        (row.kind, row.external_id, row.reason, row.times) for row in list_rejected(session, settled=settled)
    ]


def test_a_record_is_kept_raw(database: str) -> None:
    """With its reason, as long as it was, and readable by every database."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        save_rejected(
            session,
            account_id,
            [reject("1", raw="<Order>Änne\x00</Order>"), reject("2", raw="x" * 2_000_000)],
        )
        session.expire_all()
        one, two = list_rejected(session)

        assert (one.raw, one.reason, one.times) == ("<Order>Änne</Order>", "no price", 1)
        assert len(two.raw) == RAW_LIMIT


def test_one_seen_again_is_counted(database: str) -> None:
    """The latest reason and form are kept, and when it was first and last seen; neighbours stay."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        save_rejected(session, account_id, [reject("1"), reject("2")])
    with session_scope() as session:
        save_rejected(session, account_id, [reject("1", "no lines", raw="<New/>")])

    with session_scope() as session:
        assert shown(session) == [("order", "1", "no lines", 2), ("order", "2", "no price", 1)]
        row = find_rejected(session, "1")
        assert (row.raw, row.first_seen_at < row.last_seen_at) == ("<New/>", True)


def test_one_told_twice_in_a_page_is_one(database: str) -> None:
    """The later form counts."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        save_rejected(session, account_id, [reject("1"), reject("1", "no lines")])

        assert shown(session) == [("order", "1", "no lines", 1)]


def test_one_that_could_be_used_is_settled(database: str) -> None:
    """Of its kind and account alone; coming back it is open again, in the same row."""
    with session_scope() as session:
        shop = make_shop(session)
        account_id, other = shop.account.id, make_account(session, shop.tenant_id, "sued").id
        save_rejected(session, account_id, [reject("1"), reject("1", kind="article"), reject("2")])
        save_rejected(session, other, [reject("1")])
    with session_scope() as session:
        settle_rejected(session, account_id, "order", ["1", "3"])
    with session_scope() as session:
        assert shown(session, settled=True) == [("order", "1", "no price", 1)]
        assert len(list_rejected(session, account_id)) == 2
        assert len(list_rejected(session, other)) == 1
        save_rejected(session, account_id, [reject("1", "again")])

        assert shown(session)[0] == ("order", "1", "again", 2)
        assert row_counts(session, RejectedRecord) == [4]


def test_nothing_to_reject_is_nothing(database: str) -> None:
    """Empty lists ask the database nothing."""
    with session_scope() as session:
        account_id = make_shop(session).account.id
        save_rejected(session, account_id, [])
        settle_rejected(session, account_id, "order", [])

        assert shown(session) == []


def test_an_entry_is_found_by_its_number_or_its_record(database: str) -> None:
    """What does not exist or is not clear is said."""
    with session_scope() as session:
        shop = make_shop(session)
        save_rejected(session, shop.account.id, [reject("O-1"), reject("O-2"), reject("O-2", kind="article")])
        session.flush()
        first = find_rejected(session, "O-1")

        assert find_rejected(session, str(first.id)) is first
        with pytest.raises(NotFoundError, match="There is no rejected record 'O-9'"):
            find_rejected(session, "O-9")
        with pytest.raises(RuleError, match="Several rejected records are named 'O-2'"):
            find_rejected(session, "O-2")
