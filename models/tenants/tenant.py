"""Tenant: one seller with its own articles, warehouses, orders and matching rules (Mandant)."""

from typing import Any

from sqlmodel import JSON, Field, Session, col, select

from models.database.columns import Numbered
from models.errors import Action, Advice, NotFoundError, RuleError


class Tenant(Numbered, table=True):
    __tablename__ = "tenant"

    name: str = Field(unique=True, max_length=60)
    title: str = ""
    language: str = "de"
    country: str = "DE"
    currency: str = "EUR"
    seller: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `SellerData`."""
    bank: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `BankData` in `models.tenants.records`."""
    mails: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `MailOptions` in `models.tenants.records`."""
    taxes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `TaxOptions` in `models.tax.options`."""
    retention: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """The fields of `RetentionOptions` in `models.privacy.retention`."""
    numbers_in_doubt: bool = False
    """Whether documents may exist that this database lacks, because it was restored from a backup."""
    match_rules: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """Rules of `models.orders.matching`, in the order of trying them; empty: the default order."""


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
        raise NotFoundError(f"There is no tenant {name!r}.", Advice(Action.tenant_list))
    return tenant


def tenant_id_of(session: Session, name: str | None) -> int | None:
    """Return the id of the tenant of this name, None if no name is given. Raises: NotFoundError."""
    return get_tenant(session, name).row_id if name else None


def list_tenants(session: Session) -> list[Tenant]:
    """Return all tenants by name."""
    return list(session.exec(select(Tenant).order_by(col(Tenant.name))).all())


def tenant_names(session: Session) -> dict[int, str]:
    """Return the name of each tenant by its id."""
    return {row.row_id: row.name for row in list_tenants(session)}


def pick_tenant(session: Session, name: str | None) -> Tenant:
    """Return the tenant of this name, or the only one if none is named.

    Raises: NotFoundError, if there is none; RuleError, if there are several to choose from.
    """
    if name is not None:
        return get_tenant(session, name)
    tenants = list_tenants(session)
    if not tenants:
        raise NotFoundError("There is no tenant yet.", Advice(Action.tenant_add))
    if len(tenants) > 1:
        names = ", ".join(tenant.name for tenant in tenants)
        raise RuleError(f"There are several tenants ({names}).", Advice(Action.tenant_choose))
    return tenants[0]
