"""Accounts as people see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database.session import Session
from models.tenants.account import list_accounts
from models.tenants.records import Mode
from models.tenants.tenant import tenant_names


@dataclass(frozen=True)
class AccountView:
    """One account without its secrets: they are not in this database."""

    name: str
    tenant: str
    kind: str
    mode: Mode
    settings: dict[str, Any]
    created_at: datetime
    activated_at: datetime | None


def account_views(session: Session) -> list[AccountView]:
    """Return all accounts by name."""
    tenants = tenant_names(session)
    return [
        AccountView(
            name=row.name,
            tenant=tenants[row.tenant_id],
            kind=row.kind,
            mode=row.mode,
            settings=dict(row.settings),
            created_at=row.created_at,
            activated_at=row.activated_at,
        )
        for row in list_accounts(session)
    ]
