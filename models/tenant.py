"""Tenant: one seller with its own articles, warehouses and order of matching rules (Mandant).

The lock that every change of a tenant's goods goes by (`lock_tenants`).
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, StringConstraints
from pydantic import Field as RecordField
from sqlalchemy import Select, String, bindparam
from sqlalchemy import select as sqlalchemy_select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import JSON, Field, Session, SQLModel, col, select

# Whichever table is declared first: the names of its constraints are said there.
import models.columns  # noqa: F401
from models.errors import NotFoundError, RuleError

STANDSTILL_SECONDS = 60
"""A transaction that locks a tenant and does nothing for so long is ended by PostgreSQL."""

PrintedLine = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
"""One line of a paper."""


class SellerData(BaseModel):
    """Who issues a tenant's papers, in the words that are printed."""

    name: str = RecordField(default="", max_length=100)
    """The legal name, e.g. of the company."""
    address: list[PrintedLine] = RecordField(default_factory=list, max_length=4)
    """Street, then postcode and city."""
    tax_number: str = RecordField(default="", max_length=40)
    vat_id: str = RecordField(default="", max_length=20)
    small_business: bool = False
    """Tax is not charged (§ 19 UStG) and must not be shown."""
    footer: list[PrintedLine] = RecordField(default_factory=list, max_length=6)
    """Bank, register, managing directors …"""
    logo: str = RecordField(default="", max_length=64)
    """By which hash `models.logo` has it; empty without one."""


class Tenant(SQLModel, table=True):
    __tablename__ = "tenant"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=60)
    title: str = ""
    language: str = "de"
    country: str = "DE"
    currency: str = "EUR"
    seller: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `SellerData`."""
    bank: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `BankData` in `models.tenant_options`."""
    mails: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `MailOptions`, there."""
    taxes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `TaxOptions`, there."""
    retention: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `RetentionOptions` in `models.retention`."""
    numbers_in_doubt: bool = False
    """The database was restored, and documents may have been issued that it does not know."""
    match_rules: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """Rules of `models.matching` in the order in which they are tried; empty means the default order."""


def add_tenant(session: Session, name: str, title: str = "") -> Tenant:
    """Add a tenant. Raises: RuleError, if the name is taken."""
    if session.exec(select(Tenant).where(Tenant.name == name)).first():
        raise RuleError(f"Tenant {name!r} exists already.")
    tenant = Tenant(name=name, title=title or name)
    session.add(tenant)
    session.flush()
    return tenant


def get_tenant(session: Session, name: str) -> Tenant:
    """Return the tenant of this name. Raises: NotFoundError."""
    tenant = session.exec(select(Tenant).where(Tenant.name == name)).first()
    if tenant is None:
        raise NotFoundError(f"There is no tenant {name!r}; `warenfluss tenant list` shows those there are.")
    return tenant


def list_tenants(session: Session) -> list[Tenant]:
    """Return all tenants by name."""
    return list(session.exec(select(Tenant).order_by(col(Tenant.name))).all())


def lock_tenants(session: Session, tenant_ids: Iterable[int]) -> None:
    """Wait until no other transaction changes these tenants' goods, and let none until this one ends.

    Goods are orders, stock, articles, listings and outbound rows. Whoever changes any of them takes this lock
    before any row of theirs and after a lease; several tenants at once, in the order of their ids. Repeating
    it is harmless. SQLite lets one transaction write at a time anyway.
    """
    take_lock(session, _LOCK, {"tenants": sorted(set(tenant_ids))})


class _StandstillEnds(FunctionElement[str]):
    """Have PostgreSQL end the transaction when it does nothing for long."""

    inherit_cache = True
    type = String()


@compiles(_StandstillEnds)
def _set_limit(_element: _StandstillEnds, _compiler: SQLCompiler, **_options: Any) -> str:
    return f"set_config('idle_in_transaction_session_timeout', '{STANDSTILL_SECONDS}s', true)"


@compiles(_StandstillEnds, "sqlite")
def _set_nothing(_element: _StandstillEnds, _compiler: SQLCompiler, **_options: Any) -> str:
    # Its lock goes with the process.
    return "NULL"


def locking(query: Select[Any], *others: type[SQLModel]) -> Select[Any]:
    """Return a query that joins tenants as one that locks them as `lock_tenants` does, and then these rows.

    What it says of rows that it does not lock may be from before it waited.
    """
    # A process that was stopped in here must not stop all others for ever.
    ended = query.add_columns(_StandstillEnds())
    # Weak enough to let others insert rows that point to the tenant.
    return ended.with_for_update(key_share=True, of=[Tenant, *others])


def lock_of(tenant_ids: Any) -> Select[Any]:
    """Return the statement that `take_lock` locks tenants by, whose ids are a query or a parameter."""
    query = sqlalchemy_select(col(Tenant.id)).where(col(Tenant.id).in_(tenant_ids)).order_by(col(Tenant.id))
    return locking(query)


_LOCK = lock_of(bindparam("tenants", expanding=True))


def take_lock(session: Session, lock: Select[Any], parameters: Mapping[str, Any]) -> None:
    """Lock tenants as `lock_tenants` does, by a statement of `lock_of` that was made once."""
    if session.get_bind().dialect.name != "sqlite":
        session.connection().execute(lock, parameters)


def pick_tenant(session: Session, name: str | None) -> Tenant:
    """Return the tenant of this name, or the only one if none is named.

    Raises: NotFoundError, if there is none; RuleError, if there are several to choose from.
    """
    if name is not None:
        return get_tenant(session, name)
    tenants = list_tenants(session)
    if not tenants:
        raise NotFoundError("There is no tenant yet; `warenfluss tenant add NAME` adds one.")
    if len(tenants) > 1:
        names = ", ".join(tenant.name for tenant in tenants)
        raise RuleError(f"There are several tenants ({names}); name one with --tenant.")
    return tenants[0]
