"""Differences as people see them, ready for any face."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.database.session import Session
from models.errors import Advice
from models.reconciliation.differences import Difference, advice_on
from models.reconciliation.records import DifferenceKind
from models.tenants.account import account_names


@dataclass(frozen=True)
class DifferenceView:
    """One field in which a channel and this database differ."""

    id: int
    account: str
    kind: DifferenceKind
    subject: str
    """The channel's number of the order or listing."""
    field: str
    here: str
    there: str
    first_seen_at: datetime
    last_seen_at: datetime
    mended_at: datetime | None
    settled_at: datetime | None
    advice: Advice
    """What settles it or, if a person has to decide, what shows the order."""


def difference_views(session: Session, differences: Sequence[Difference]) -> list[DifferenceView]:
    """Return a view of each difference, in the order given."""
    accounts = account_names(session)
    return [
        DifferenceView(
            id=row.row_id,
            account=accounts[row.account_id],
            kind=row.kind,
            subject=row.subject,
            field=row.field,
            here=row.here,
            there=row.there,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            mended_at=row.mended_at,
            settled_at=row.settled_at,
            advice=advice_on(row, accounts[row.account_id]),
        )
        for row in differences
    ]
