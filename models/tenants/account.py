"""Account: one configured connection of a tenant to an outside system, and its mode (Anbindung)."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import ValidationError
from sqlmodel import JSON, Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.tenants.tenant  # noqa: F401
from models.database.columns import Numbered, code, instant
from models.errors import Action, Advice, NotFoundError, RuleError
from models.tenants.account_kinds import kind_of
from models.tenants.options import options_model
from models.tenants.records import AccountData, AccountOptions, Mode
from models.values import describe_faults

Options = TypeVar("Options", bound=AccountOptions)


class Installation(SQLModel, table=True):
    """The only row: its key tells this database from others, e.g. in names of Prefect blocks."""

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    key: str = Field(default_factory=lambda: uuid4().hex[:12])


class Account(Numbered, table=True):
    __tablename__ = "account"

    tenant_id: int = Field(foreign_key="tenant.id", index=True)
    name: str = Field(unique=True, max_length=60)
    kind: str = Field(max_length=40)
    mode: Mode = code(Mode, Mode.draft)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = instant()
    activated_at: datetime | None = instant(nullable=True)


def add_account(session: Session, tenant_id: int, name: str, kind: str, settings: dict[str, Any]) -> Account:
    """Add an account in mode draft. Raises: RuleError, if the name is taken or holds other characters."""
    if not name or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise RuleError(f"The account name {name!r} may hold only letters, digits, '-' and '_'.")
    if session.exec(select(Account).where(Account.name == name)).first():
        raise name_taken(name)
    account = Account(tenant_id=tenant_id, name=name, kind=kind, settings=settings)
    session.add(account)
    session.flush()
    return account


def name_taken(name: str) -> RuleError:
    """Return the error for a second account with this name."""
    return RuleError(f"Account {name!r} exists already.", Advice(Action.account_set, name, {"setting": ""}))


def get_account(session: Session, name: str) -> Account:
    """Return the account of this name. Raises: NotFoundError."""
    account = session.exec(select(Account).where(Account.name == name)).first()
    if account is None:
        raise NotFoundError(f"There is no account {name!r}.", Advice(Action.account_list))
    return account


def account_id_of(session: Session, name: str | None) -> int | None:
    """Return the id of the account of this name, None if no name is given. Raises: NotFoundError."""
    return get_account(session, name).row_id if name else None


def check_is_opened(account: Account | AccountData) -> None:
    """Make sure that an account is not a draft. Raises: RuleError."""
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
    return {row.row_id: row.name for row in list_accounts(session)}


def account_data(account: Account) -> AccountData:
    """Return the plain record of a row. Raises: RuleError, if the stored settings do not fit."""
    return AccountData(
        id=account.row_id,
        tenant_id=account.tenant_id,
        name=account.name,
        kind=account.kind,
        mode=account.mode,
        settings=dict(account.settings),
        options=account_options(account),
    )


def find_options(account: Account) -> AccountOptions | None:
    """Return the options of an account, or None if its stored settings do not fit."""
    try:
        return _read_options(account)
    except ValidationError:
        return None


def account_options(account: Account) -> AccountOptions:
    """Return the options of an account. Raises: RuleError, naming each stored setting that does not fit."""
    try:
        return _read_options(account)
    except ValidationError as error:
        faults = " ".join(describe_faults(error, options_model(kind_of(account.kind))))
        raise RuleError(
            f"Stored settings of account {account.name!r} do not fit. {faults}",
            Advice(Action.account_set, account.name, {"setting": ""}),
        ) from None


def options_as(account: Account | AccountData, model: type[Options]) -> Options:
    """Return the options of an account as those of one family.

    Example: `options_as(account, ChannelOptions).release`.

    Raises: RuleError, if the account's family has no such options, or its settings do not fit.
    """
    options = account.options if isinstance(account, AccountData) else account_options(account)
    if not isinstance(options, model):
        raise RuleError(f"Account {account.name!r} of kind {account.kind!r} has no {model.__name__}.")
    return options


def _read_options(account: Account) -> AccountOptions:
    return options_model(kind_of(account.kind)).model_validate(account.settings)


def installation_key(session: Session) -> str:
    """Return the key of this database, made by its first migration."""
    return session.exec(select(Installation)).one().key
