"""Records of accounts and their methods for lists and pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database.session import Session
from models.tenants.account import account_names, list_accounts
from models.tenants.methods import list_channel_methods
from models.tenants.records import MethodKind, Mode
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


@dataclass(frozen=True)
class ChannelMethodView:
    """A method that a channel lists or an order has named, and what it means here."""

    account: str
    kind: MethodKind
    code: str
    name: str
    means: str
    """A kind of payment, or the name of a shipping method; empty until a person maps it."""


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


def channel_method_views(session: Session, account_id: int | None = None) -> list[ChannelMethodView]:
    """Return the methods by account, kind and code, of one account or of all."""
    accounts = account_names(session)
    return [
        ChannelMethodView(accounts[row.account_id], row.kind, row.external_id, row.name, row.mapped_to)
        for row in list_channel_methods(session, account_id)
    ]
