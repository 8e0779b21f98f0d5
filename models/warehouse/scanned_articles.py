"""Which article of a pick list a scanned code stands for, and why a scan does not count."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from models.catalog.records import ArticleKind
from models.database.conditions import among
from models.orders.queries import order_numbers
from models.orders.scanned_codes import LONGEST_SCAN, Scanned, find_scanned
from models.warehouse.pick_items import Refusal, ScanError
from models.warehouse.pick_lists import ITEM_IS_OF_ORDER, PickItem, PickList, PickOrder

SHOWN = 40
"""Number of a code's characters that a message quotes."""


def identify(session: Session, pick_list: PickList, code: str) -> tuple[int, str]:
    """Return the id and SKU of the article on a list that a code stands for. Raises: ScanError."""
    found = need_articles(code, find_scanned(session, pick_list.tenant_id, code))
    return narrow_to_list(session, pick_list.row_id, code, found)


def narrow_to_list(session: Session, list_id: int, code: str, found: Sequence[Scanned]) -> tuple[int, str]:
    """Return the id and SKU of the only one of these articles that is on the list.

    Raises: ScanError, if none or several are.
    """
    on_list = session.exec(
        select(PickItem.article_id)
        .where(
            PickItem.pick_list_id == list_id,
            among(col(PickItem.article_id), [each.article_id for each in found]),
        )
        .distinct()
    ).all()
    here = [each for each in found if each.article_id in on_list]
    if len(here) > 1:
        skus = ", ".join(sorted(each.sku for each in here))
        raise ScanError(Refusal.ambiguous, f"{_show(code)!r} may be any of {skus}; scan or type the SKU.")
    if not here:
        advice = "it is a set: scan its parts" if found[0].kind is ArticleKind.bundle else "put it back"
        raise ScanError(Refusal.not_on_list, f"{found[0].sku} is not on pick list {list_id}; {advice}.")
    return here[0].article_id, here[0].sku


def need_articles(code: str, found: list[Scanned]) -> list[Scanned]:
    """Return the articles found for a code. Raises: ScanError, if there are none."""
    if len(code) > LONGEST_SCAN:
        raise ScanError(Refusal.unknown, f"{_show(code)!r} is too long for a SKU or GTIN.")
    if not found:
        raise ScanError(Refusal.unknown, f"{_show(code)!r} is no SKU or GTIN of an article.")
    return found


def _show(code: str) -> str:
    shown = "".join(sign for sign in code[: SHOWN + 1] if sign.isprintable())
    return f"{shown[:SHOWN]}…" if len(code) > SHOWN else shown


def not_wanted(
    session: Session, list_id: int, article_id: int, sku: str, to_pick: int, stops: Mapping[int, str]
) -> ScanError:
    """Return the error that says why units of an article are refused; `to_pick` of them are still needed."""
    if to_pick:
        return ScanError(Refusal.surplus, f"Only {to_pick} more of {sku} are needed.")
    rows = session.execute(
        select(col(PickItem.order_id), col(PickItem.quantity), col(PickOrder.reason))
        .join(PickOrder, ITEM_IS_OF_ORDER)
        .where(col(PickItem.pick_list_id) == list_id, col(PickItem.article_id) == article_id)
    ).all()
    reasons = {order_id: reason for order_id, _, reason in rows if reason} | {
        order_id: stops[order_id] for order_id, _, _ in rows if order_id in stops
    }
    picked = sum(quantity for order_id, quantity, _ in rows if order_id not in reasons)
    if picked or not reasons:
        return ScanError(Refusal.surplus, f"No more of {sku} is needed: all {picked} are picked.")
    numbers = order_numbers(session, list(reasons))
    why = ", ".join(f"order {numbers[order_id]} {reason}" for order_id, reason in sorted(reasons.items()))
    return ScanError(Refusal.stopped, f"{sku} is no longer needed: {why}. Put it back.")
