"""Account: one configured connection of a tenant to an outside system, and its mode (Anbindung)."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlmodel import JSON, Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.tenants.tenant  # noqa: F401
from models.database.columns import code, instant, need_id
from models.errors import Action, Advice, NotFoundError, RuleError
from models.tenants.options import ChannelOptions, OrderNotice
from models.tenants.records import AccountData, Mode, Side


class Installation(SQLModel, table=True):
    """The one row that tells this database from another, e.g. in names of Prefect blocks."""

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    key: str = Field(default_factory=lambda: uuid4().hex[:12])


class Account(SQLModel, table=True):
    __tablename__ = "account"

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: int = Field(foreign_key="tenant.id", index=True)
    name: str = Field(unique=True, max_length=60)
    kind: str = Field(max_length=40)
    mode: Mode = code(Mode, Mode.draft)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    activated_at: datetime | None = instant(nullable=True)


def makes_invoices(account: Account | AccountData) -> bool:
    """Return whether an account's invoices are made here."""
    return ChannelOptions.model_validate(account.settings).invoices is Side.warenfluss


def sends_mails(account: Account | AccountData) -> bool:
    """Return whether buyers, or operators of new orders, are mailed for an account."""
    options = ChannelOptions.model_validate(account.settings)
    return bool(options.buyer_mails) or options.order_notice is not OrderNotice.none


def add_account(session: Session, tenant_id: int, name: str, kind: str, settings: dict[str, Any]) -> Account:
    """Add an account in mode draft. Raises: RuleError, if the name is taken or unfit."""
    if not name or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise RuleError(f"The account name {name!r} may hold only letters, digits, '-' and '_'.")
    if session.exec(select(Account).where(Account.name == name)).first():
        raise name_taken(name)
    account = Account(tenant_id=tenant_id, name=name, kind=kind, settings=settings)
    session.add(account)
    session.flush()
    return account


def name_taken(name: str) -> RuleError:
    """Return the refusal of a second account with this name."""
    return RuleError(f"Account {name!r} exists already.", Advice(Action.account_set, name, {"setting": ""}))


def get_account(session: Session, name: str) -> Account:
    """Return the account of this name. Raises: NotFoundError."""
    account = session.exec(select(Account).where(Account.name == name)).first()
    if account is None:
        raise NotFoundError(f"There is no account {name!r}.", Advice(Action.account_list))
    return account


def account_id_of(session: Session, name: str | None) -> int | None:
    """Return the id of the account of this name, None if no name is given. Raises: NotFoundError."""
    return need_id(get_account(session, name).id) if name else None


def check_is_opened(account: Account | AccountData) -> None:
    """Make sure that an account is no draft any more. Raises: RuleError."""
    if account.mode is Mode.draft:
        raise RuleError(
            f"Account {account.name!r} is a draft.",
            Advice(Action.account_mode, account.name, {"mode": "test"}),
        )


def list_accounts(session: Session) -> list[Account]:
    """Return all accounts by name."""
    return list(session.exec(select(Account).order_by(col(Account.name))).all())


def account_names(session: Session) -> dict[int, str]:
    """Return the name of each account by its id."""
    return {need_id(row.id): row.name for row in list_accounts(session)}


def account_data(account: Account) -> AccountData:
    """Return the plain record of a row."""
    return AccountData(
        id=need_id(account.id),
        tenant_id=account.tenant_id,
        name=account.name,
        kind=account.kind,
        mode=account.mode,
        settings=dict(account.settings),
    )


def installation_key(session: Session) -> str:
    """Return the key of this database, made by its first migration."""
    return session.exec(select(Installation)).one().key
