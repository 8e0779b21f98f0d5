"""Gapless number series of documents, manual orders and offers."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy import PrimaryKeyConstraint
from sqlmodel import Field, Session, SQLModel

from models.database.bulk import conflict_insert, table_of
from models.database.columns import code
from models.errors import Action, Advice, RuleError
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant


class SeriesKind(StrEnum):
    """The things that have a number series. The names of documents are those of `DocumentKind`."""

    invoice = "invoice"
    credit_note = "credit_note"
    order = "order"
    """For manual orders."""
    offer = "offer"


_LABEL = re.compile(r"(?P<prefix>[A-Z]+)-(?P<year>[0-9]{4})-(?P<number>[0-9]{5,9})")
PREFIXES: Mapping[SeriesKind, str] = {
    SeriesKind.invoice: "RE",
    SeriesKind.credit_note: "RK",
    SeriesKind.order: "W",
    SeriesKind.offer: "AN",
}


class DocumentSeries(SQLModel, table=True):
    """The last number given in a series of a tenant, kind and year."""

    __tablename__ = "document_series"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "kind", "year"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    kind: SeriesKind = code(SeriesKind)
    year: int
    last: int


def take_number(session: Session, tenant_id: int, kind: SeriesKind, year: int, count: int = 1) -> int:
    """Return the next number of a series; with `count`, the first of that many consecutive numbers.

    The numbers are taken in the caller's transaction: a rollback returns them, so no gap remains. Another
    transaction that needs the same series waits until this one has ended.
    """
    table = table_of(DocumentSeries)
    counted = (
        conflict_insert(session, DocumentSeries)
        .values(tenant_id=tenant_id, kind=kind, year=year, last=count)
        .on_conflict_do_update(
            index_elements=["tenant_id", "kind", "year"], set_={"last": table.c.last + count}
        )
    )
    last = session.connection().execute(counted.returning(table.c.last)).scalar_one()
    return int(last) - count + 1


def label_of(kind: SeriesKind, year: int, number: int) -> str:
    """Return a number in its printed form, such as RE-2026-00042."""
    return f"{PREFIXES[kind]}-{year}-{number:05}"


def check_numbers_known(tenant: Tenant) -> None:
    """Raises: RuleError, if a restore may have lost numbers that were already given."""
    if tenant.numbers_in_doubt:
        raise RuleError(
            f"The database was restored, and tenant {tenant.name!r} may have given numbers after the backup "
            "was made.",
            Advice(Action.document_resume, tenant.name),
        )


def resume_numbers(session: Session, tenant: Tenant, labels: Sequence[str]) -> None:
    """Continue a tenant's series after these last labels; without labels, after the numbers stored here.

    After a restore, the tenant can issue documents again (`check_numbers_known`). Takes the tenant's lock.
    Raises: RuleError, for a malformed label or one below the stored number; then nothing changes.
    """
    kinds = {prefix: kind for kind, prefix in PREFIXES.items()}
    lock_tenants(session, [tenant.row_id])
    for label in labels:
        found = _LABEL.fullmatch(label.strip().upper())
        if found is None or found["prefix"] not in kinds:
            raise RuleError(f"{label!r} is no number of a document, such as RE-2026-00042.")
        key = (tenant.row_id, kinds[found["prefix"]], int(found["year"]))
        series = session.get(DocumentSeries, key) or DocumentSeries(
            tenant_id=key[0], kind=key[1], year=key[2], last=0
        )
        if int(found["number"]) < series.last:
            raise RuleError(f"{label}: number {series.last} of {series.year} was given already.")
        series.last = int(found["number"])
        session.add(series)
    tenant.numbers_in_doubt = False
    session.add(tenant)
    session.flush()
