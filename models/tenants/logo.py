"""Logo: a picture on papers, saved under its hash.

A paper is always drawn with the logo that it was issued with, also after the tenant has a new one.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from models.clock import utc_now
from models.database.bulk import insert_or_update
from models.database.columns import instant


class Logo(SQLModel, table=True):
    """One picture. The database refuses every change of a row, as for documents."""

    __tablename__ = "logo"

    sha256: str = Field(primary_key=True, max_length=64)
    png: bytes
    added_at: datetime = instant()


def save_logo(session: Session, png: bytes) -> str:
    """Save a picture and return its hash; saving it again changes nothing."""
    sha256 = hashlib.sha256(png).hexdigest()
    row = {"sha256": sha256, "png": png, "added_at": utc_now()}
    insert_or_update(session, Logo, [row], key=("sha256",))
    return sha256


def find_logos(session: Session, hashes: Iterable[str]) -> dict[str, bytes]:
    """Return the pictures by their hashes; the empty hash stands for no logo."""
    wanted = sorted({sha256 for sha256 in hashes if sha256})
    if not wanted:
        return {}
    rows = session.exec(select(Logo).where(col(Logo.sha256).in_(wanted))).all()
    return {row.sha256: row.png for row in rows}
