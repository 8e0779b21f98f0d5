"""Exporting a person's data."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import LargeBinary, Table, select
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as select_rows

from models.accounting.issued import DocumentFile
from models.database.conditions import among
from models.mails.outbox import MailFile
from models.privacy.persons import Person

PARENTS = {
    "order_id": "sales_order",
    "order_line_id": "order_line",
    "document_id": "document",
    "shipment_id": "shipment",
    "parcel_id": "parcel",
    "return_id": "order_return",
    "mail_id": "mail",
}
"""Parent table by the name of the referring column; most of these columns have no foreign key."""


def export_person(
    session: Session, person: Person
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, bytes]]:
    """Return all rows that belong to a buyer, by table, and the files among them, by name.

    Every table that refers to an order, directly or through a line, a parcel …, is included, also new tables.
    """
    tables = SQLModel.metadata.tables
    ids: dict[str, Collection[int]] = {
        "customer": person.customers,
        "sales_order": person.orders,
        "offer": person.offers,
        "mail": person.mails,
        "aside": person.rejected,
    }
    rows = {name: _rows(session, tables[name], "id", keys) for name, keys in ids.items()}
    others = {name: table for name, table in tables.items() if name not in rows}
    # A table may refer to one that is read later, so the others are searched until none is added.
    count = -1
    while count != len(rows):
        count = len(rows)
        for name, table in list(others.items()):
            link = next((link for link in PARENTS if link in table.columns and PARENTS[link] in rows), None)
            if link is not None:
                parents = [row["id"] for row in rows[PARENTS[link]]]
                rows[name] = _rows(session, others.pop(name), link, parents)
    labels = {row["id"]: row["label"] for row in rows["document"]}
    files = {
        f"{labels[one.document_id]}.pdf": one.pdf
        for one in session.exec(select_rows(DocumentFile).where(among(col(DocumentFile.document_id), labels)))
    }
    for one in session.exec(select_rows(MailFile).where(among(col(MailFile.mail_id), person.mails))):
        files[f"mail-{one.mail_id}-{one.number}"] = one.content
    return {name: found for name, found in rows.items() if found}, files


def _rows(session: Session, table: Table, link: str, keys: Iterable[int]) -> list[dict[str, Any]]:
    columns = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
    query = select(*columns).where(among(table.columns[link], keys)).order_by(*table.primary_key.columns)
    return [dict(row) for row in session.execute(query).mappings()]
