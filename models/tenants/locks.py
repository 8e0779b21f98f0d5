"""The lock of a tenant: one writer at a time."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, String, bindparam
from sqlalchemy import select as sqlalchemy_select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, SQLModel, col

from models.tenants.tenant import Tenant

STANDSTILL_SECONDS = 60
"""A transaction that locks a tenant and does nothing for so long is ended by PostgreSQL."""


def lock_tenants(session: Session, tenant_ids: Iterable[int]) -> None:
    """Wait until no other transaction changes these tenants' goods, and let none until this one ends.

    Goods are orders, stock, articles, listings and outbound rows. Whoever changes any of them takes this lock
    before any row of theirs and after a lease; several tenants at once, in the order of their ids. Repeating
    it is harmless. SQLite lets one transaction write at a time anyway.
    """
    run_lock(session, _LOCK, {"tenants": sorted(set(tenant_ids))})


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


def with_tenant_lock(query: Select[Any], *others: type[SQLModel]) -> Select[Any]:
    """Return a query that joins tenants as one that locks them as `lock_tenants` does, and then these rows.

    What it says of rows that it does not lock may be from before it waited.
    """
    # A process that was stopped in here must not stop all others for ever.
    ended = query.add_columns(_StandstillEnds())
    # Weak enough to let others insert rows that point to the tenant.
    return ended.with_for_update(key_share=True, of=[Tenant, *others])


def lock_statement(tenant_ids: Any) -> Select[Any]:
    """Return the statement that `run_lock` locks tenants by, whose ids are a query or a parameter."""
    query = sqlalchemy_select(col(Tenant.id)).where(col(Tenant.id).in_(tenant_ids)).order_by(col(Tenant.id))
    return with_tenant_lock(query)


_LOCK = lock_statement(bindparam("tenants", expanding=True))


def run_lock(session: Session, lock: Select[Any], parameters: Mapping[str, Any]) -> None:
    """Lock tenants as `lock_tenants` does, by a statement of `lock_statement` that was made once."""
    if session.get_bind().dialect.name != "sqlite":
        session.connection().execute(lock, parameters)
