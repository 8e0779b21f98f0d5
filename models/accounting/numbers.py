"""Number series of documents, without gaps."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy import PrimaryKeyConstraint
from sqlmodel import Field, Session, SQLModel

from models.database.bulk import insert_or, table_of
from models.database.columns import code, need_id
from models.errors import RuleError
from models.tenants.locks import lock_tenants
from models.tenants.tenant import Tenant


class SeriesKind(StrEnum):
    """What has numbers of its own; those of documents are named as their kinds."""

    invoice = "invoice"
    credit_note = "credit_note"
    order = "order"
    """Of orders taken by hand."""
    offer = "offer"


_LABEL = re.compile(r"(?P<prefix>[A-Z]+)-(?P<year>[0-9]{4})-(?P<number>[0-9]{5,9})")
PREFIXES: Mapping[SeriesKind, str] = {
    SeriesKind.invoice: "RE",
    SeriesKind.credit_note: "RK",
    SeriesKind.order: "W",
    SeriesKind.offer: "AN",
}


class DocumentSeries(SQLModel, table=True):
    """The last number that was given, of a tenant, kind and year."""

    __tablename__ = "document_series"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "kind", "year"),)

    tenant_id: int = Field(foreign_key="tenant.id")
    kind: SeriesKind = code(SeriesKind)
    year: int
    last: int


def take_number(session: Session, tenant_id: int, kind: SeriesKind, year: int, count: int = 1) -> int:
    """Return the next number of a series, the first of so many that follow each other.

    They are taken in the caller's transaction: undone with it, no gap is left. Whoever asks for one of the
    same series meanwhile waits until that transaction has ended.
    """
    table = table_of(DocumentSeries)
    counted = (
        insert_or(session, DocumentSeries)
        .values(tenant_id=tenant_id, kind=kind, year=year, last=count)
        .on_conflict_do_update(
            index_elements=["tenant_id", "kind", "year"], set_={"last": table.c.last + count}
        )
    )
    last = session.connection().execute(counted.returning(table.c.last)).scalar_one()
    return int(last) - count + 1


def label_of(kind: SeriesKind, year: int, number: int) -> str:
    """Return a number as it is printed, e.g. RE-2026-00042."""
    return f"{PREFIXES[kind]}-{year}-{number:05}"


def check_numbers(tenant: Tenant) -> None:
    """Make sure that no number can be given a second time. Raises: RuleError, after a restore."""
    if tenant.numbers_in_doubt:
        raise RuleError(
            f"The database was restored, and numbers of tenant {tenant.name!r} may have been given since the "
            f"copy was made: `warenfluss document resume {tenant.name}` with the last ones, e.g. --last "
            f"{PREFIXES[SeriesKind.invoice]}-2026-00042, goes on after them."
        )


def resume_numbers(session: Session, tenant: Tenant, labels: Sequence[str]) -> None:
    """Let a tenant's series go on after the last labels that were given; none means what is known here.

    Raises: RuleError, for a label of another form, or one below what is known here; nothing is changed.
    """
    kinds = {prefix: kind for kind, prefix in PREFIXES.items()}
    lock_tenants(session, [need_id(tenant.id)])
    for label in labels:
        found = _LABEL.fullmatch(label.strip().upper())
        if found is None or found["prefix"] not in kinds:
            raise RuleError(f"{label!r} is no number of a document, such as RE-2026-00042.")
        key = (need_id(tenant.id), kinds[found["prefix"]], int(found["year"]))
        series = session.get(DocumentSeries, key) or DocumentSeries(
            tenant_id=key[0], kind=key[1], year=key[2], last=0
        )
        if int(found["number"]) < series.last:
            raise RuleError(f"{label}: {series.last} was given in {series.year} already, as is known here.")
        series.last = int(found["number"])
        session.add(series)
    tenant.numbers_in_doubt = False
    session.add(tenant)
    session.flush()
