"""Outbound rows of one kind as tests claim and show them."""

from sqlmodel import Session, col, select

from models.sync.delivery import claim_due
from models.sync.outbound import Outbound
from models.sync.records import OutboundKind

STOCK = OutboundKind.stock
RUN = 4711
"""A run that holds no lease, so that whoever asks may take over what it claims."""


def shown(session: Session) -> list[tuple[str, str, int, int]]:
    """Return the rows as (key, state, version, attempts)."""
    session.flush()
    session.expire_all()
    return [
        (row.key, str(row.state), row.version, row.attempts)
        for row in session.exec(select(Outbound).order_by(col(Outbound.id)))
    ]


def claim_one(session: Session, account_id: int) -> Outbound:
    (row,) = claim_due(session, account_id, STOCK, 10, RUN)
    return row
