"""Stock as people set it: articles that can be counted, and limits of the quantities that channels sell."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from models.catalog.article import Article
from models.catalog.listing import LimitScope, StockLimit
from models.catalog.records import ArticleKind
from models.database.conditions import in_batches
from models.errors import NotFoundError, RuleError
from models.tenants.account import Account
from models.tenants.account_kinds import Capability, kind_of
from models.values import MAX_COUNT
from models.warehouse.sellable import queue_account_listings


def stockable_articles(session: Session, tenant_id: int, skus: Sequence[str]) -> dict[str, int | str]:
    """Return {SKU: article id, or a sentence that says why no stock can be set}."""
    found: dict[str, int | str] = {}
    wanted = sorted(set(skus))
    for batch in in_batches(wanted):
        rows = session.exec(
            select(Article).where(Article.tenant_id == tenant_id, col(Article.sku).in_(batch))
        )
        for article in rows:
            if article.kind is ArticleKind.bundle:
                found[article.sku] = f"{article.sku} is a bundle; its stock is that of its parts."
            elif article.kind is ArticleKind.parent:
                found[article.sku] = f"{article.sku} groups variants; set the stock of each of them."
            else:
                found[article.sku] = article.row_id
    return {sku: found.get(sku, f"There is no article with SKU {sku!r}.") for sku in wanted}


def list_limits(session: Session, account_id: int) -> list[StockLimit]:
    """Return an account's limits: for all articles, then by category, then by article."""
    query = select(StockLimit).where(StockLimit.account_id == account_id).order_by(col(StockLimit.id))
    return sorted(
        session.exec(query).all(), key=lambda row: (list(LimitScope).index(row.scope), row.scope_key)
    )


def set_limit(
    session: Session, account_id: int, scope: LimitScope, scope_key: str, buffer: int, maximum: int | None
) -> None:
    """Limit what an account may sell, and queue its listings for stock export. Takes the tenant's lock.

    A general limit that restricts nothing is deleted.
    Raises: RuleError, for a negative or too large figure, or an account that takes no quantities.
    """
    account = session.get_one(Account, account_id)
    if Capability.stock not in kind_of(account.kind).capabilities:
        raise RuleError(
            f"Account {account.name!r} of the kind {account.kind!r} takes no quantities, so they cannot be "
            "limited."
        )
    if not 0 <= buffer <= MAX_COUNT or (maximum is not None and not 0 <= maximum <= MAX_COUNT):
        raise RuleError("Buffer and maximum are whole numbers from 0 on.")
    row = _find_limit(session, account_id, scope, scope_key)
    restricts_nothing = buffer == 0 and maximum is None and scope is LimitScope.account
    if restricts_nothing and row is not None:
        session.delete(row)
    elif not restricts_nothing:
        row = row or StockLimit(account_id=account_id, scope=scope, scope_key=scope_key)
        row.buffer, row.maximum = buffer, maximum
        session.add(row)
    session.flush()
    queue_account_listings(session, account_id)


def delete_limit(session: Session, account_id: int, scope: LimitScope, scope_key: str) -> None:
    """Delete a limit, so that the next wider one applies, and queue the account's listings for stock export.

    Takes the tenant's lock. Raises: NotFoundError.
    """
    row = _find_limit(session, account_id, scope, scope_key)
    if row is None:
        raise NotFoundError("There is no such limit.")
    session.delete(row)
    session.flush()
    queue_account_listings(session, account_id)


def _find_limit(session: Session, account_id: int, scope: LimitScope, scope_key: str) -> StockLimit | None:
    query = select(StockLimit).where(
        StockLimit.account_id == account_id, StockLimit.scope == scope, StockLimit.scope_key == scope_key
    )
    return session.exec(query).first()
