"""Activation: what changes when an account changes its mode."""

from sqlalchemy import delete
from sqlmodel import Session, col

from models.clock import utc_now
from models.intake.order_deletion import delete_all_test_orders
from models.sync.cursors import TEST_SUFFIX, Cursor
from models.tenants.account import Account
from models.tenants.locks import lock_tenants
from models.tenants.records import Mode


def set_mode(session: Session, account: Account, mode: Mode) -> int:
    """Change an account's mode; return how many test orders were deleted. Takes the tenant's lock.

    Going live deletes the test orders and the cursors of test mode. The account is then read from where its
    settings say it starts, or, if it was live before, from where it stopped.
    """
    lock_tenants(session, [account.tenant_id])
    removed = 0
    if mode is Mode.live and account.mode is not Mode.live:
        removed = delete_all_test_orders(session, account.row_id)
        session.execute(
            delete(Cursor).where(col(Cursor.account_id) == account.id, col(Cursor.name).endswith(TEST_SUFFIX))
        )
        account.activated_at = utc_now()
    account.mode = mode
    session.add(account)
    session.flush()
    return removed
