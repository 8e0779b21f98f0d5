"""Decisions of people about order lines that no rule matched, or that several articles match."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from models.errors import RuleError
from models.intake.line_matching import set_match
from models.order_desk.edits import find_line
from models.orders.custom_codes import remember_code
from models.orders.history import Actor, add_event
from models.orders.holds import NO_ARTICLE, Hold
from models.orders.match_rules import MatchRule
from models.orders.matching import Match, match_lines
from models.orders.order import Order, OrderLine
from models.orders.queries import lock_order
from models.orders.records import OrderLineData
from models.orders.states import NOT_RELEASED
from models.tenants.account import Account
from models.tenants.locks import lock_tenants
from models.tenants.records import AccountData
from models.warehouse.allocation import allocate, allocate_freed
from models.warehouse.shrinking import release_allocation

BY_HAND = "by_hand"


@dataclass(frozen=True)
class UnmatchedLine:
    """A held line; its hold names the candidates, if any."""

    order: Order
    line: OrderLine
    hold: Hold

    @property
    def candidates(self) -> list[str]:
        """SKUs to choose from."""
        return [str(sku) for sku in self.hold.detail.get("candidates", [])]


def list_unmatched(session: Session, account_id: int | None = None) -> list[UnmatchedLine]:
    """Return the lines that wait for an article, oldest orders first."""
    query = (
        select(Order, OrderLine, Hold)
        .join(OrderLine, col(OrderLine.order_id) == col(Order.id))
        .join(Hold, col(Hold.order_line_id) == col(OrderLine.id))
        .where(col(Hold.released_at).is_(None), col(Hold.reason).in_(NO_ARTICLE))
        .order_by(col(Order.placed_at), col(Order.id), col(OrderLine.position))
    )
    if account_id is not None:
        query = query.where(Order.account_id == account_id)
    return [UnmatchedLine(order, line, hold) for order, line, hold in session.exec(query).all()]


def resolve_line(
    session: Session,
    account: Account,
    order: Order,
    line_external_id: str,
    parts: Sequence[tuple[int, int]],
    *,
    remember: bool = False,
) -> None:
    """Match a line to these articles, given as (id, quantity per unit of the line), and allocate their stock.

    `remember`: the choice is stored as a custom code, and matches later lines with this code automatically.
    Raises: RuleError, if the order's state allows no change, or if the line has no code to remember;
    NotFoundError, as `find_line`.
    """
    lock_order(session, order)
    if order.state not in NOT_RELEASED:
        raise RuleError(
            f"Order {order.external_id} is {order.state}; lines can be matched while it is open or pending."
        )
    line = find_line(session, order, line_external_id)
    free = release_allocation(session, [line.row_id])
    session.refresh(line)
    set_match(session, order, line, Match(parts=list(parts), rule=BY_HAND))
    add_event(
        session, order, "matched", {"line": line.external_id, "remembered": remember}, actor=Actor.person
    )
    if remember:
        remember_code(session, order.tenant_id, account.row_id, reported_line(line), parts)
    allocate(session, [order.row_id])
    allocate_freed(session, free)


def rematch_lines(session: Session, account: AccountData, rules: Sequence[MatchRule]) -> int:
    """Apply the matching rules again to lines that wait for an article; return how many were matched."""
    lock_tenants(session, [account.tenant_id])
    waiting = [row for row in list_unmatched(session, account.id) if row.order.state in NOT_RELEASED]
    lines = [reported_line(row.line) for row in waiting]
    matches = match_lines(session, account.tenant_id, account.id, rules, lines)
    found = [(row, match) for row, match in zip(waiting, matches, strict=True) if match.parts]
    for row, match in found:
        set_match(session, row.order, row.line, match)
    allocate(session, list(dict.fromkeys(row.order.row_id for row, _ in found)))
    return len(found)


def reported_line(line: OrderLine) -> OrderLineData:
    """Return what matching reads from a line, as the channel reported it."""
    return OrderLineData.model_validate(
        {"external_id": line.external_id, "quantity": line.quantity, "price": line.price, **line.codes}
    )
