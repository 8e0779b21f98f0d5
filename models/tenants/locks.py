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
"""PostgreSQL ends a transaction that locks a tenant and is idle for this long."""


def lock_tenants(session: Session, tenant_ids: Iterable[int]) -> None:
    """Lock these tenants' goods until the transaction ends; wait while another transaction holds the lock.

    Goods are orders, stock, articles, listings and outbound rows. A transaction takes this lock before it
    locks or changes any of their rows, after a lease, and for all its tenants at once, in the order of their
    ids. Repeating it is harmless. SQLite needs no lock: one transaction writes at a time.
    """
    run_lock(session, _LOCK, {"tenants": sorted(set(tenant_ids))})


class _StandstillEnds(FunctionElement[str]):
    """Makes PostgreSQL end the transaction after `STANDSTILL_SECONDS` without a statement."""

    inherit_cache = True
    type = String()


@compiles(_StandstillEnds)
def _set_limit(_element: _StandstillEnds, _compiler: SQLCompiler, **_options: Any) -> str:
    return f"set_config('idle_in_transaction_session_timeout', '{STANDSTILL_SECONDS}s', true)"


@compiles(_StandstillEnds, "sqlite")
def _set_nothing(_element: _StandstillEnds, _compiler: SQLCompiler, **_options: Any) -> str:
    # The lock of SQLite ends with its process.
    return "NULL"


def with_tenant_lock(query: Select[Any], *others: type[SQLModel]) -> Select[Any]:
    """Return a query that also locks the tenants it joins, as `lock_tenants` does, and its rows of `others`.

    Rows that it does not lock may be read as they were before it waited.
    """
    # A process that is suspended in this transaction must not block all others for ever.
    ended = query.add_columns(_StandstillEnds())
    # Weak enough: others can still insert rows that point to the tenant.
    return ended.with_for_update(key_share=True, of=[Tenant, *others])


def lock_statement(tenant_ids: Any) -> Select[Any]:
    """Return the statement for `run_lock`; `tenant_ids` is a query or a parameter."""
    query = sqlalchemy_select(col(Tenant.id)).where(col(Tenant.id).in_(tenant_ids)).order_by(col(Tenant.id))
    return with_tenant_lock(query)


_LOCK = lock_statement(bindparam("tenants", expanding=True))


def run_lock(session: Session, lock: Select[Any], parameters: Mapping[str, Any]) -> None:
    """Lock tenants as `lock_tenants` does, by a statement that `lock_statement` returned."""
    if session.get_bind().dialect.name != "sqlite":
        session.connection().execute(lock, parameters)
