"""Custom codes: a channel's codes for articles, as a person once chose them."""

from collections.abc import Sequence

from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint, delete
from sqlmodel import Field, Session, SQLModel, col, select

# Foreign keys point to their tables.
import models.tenants.account
import models.tenants.tenant  # noqa: F401
from models.catalog.article import loose_form
from models.database.columns import Numbered, code
from models.errors import RuleError
from models.orders.match_rules import DEFAULT_SOURCES, MatchBy, Source
from models.orders.records import OrderLineData


class CustomCode(Numbered, table=True):
    """A channel's code that stands for articles of ours, e.g. "3-pack" for three units of one article."""

    __tablename__ = "custom_code"
    __table_args__ = (
        UniqueConstraint("tenant_id", "account_id", "value"),
        Index("ix_custom_code_loose", "tenant_id", "loose"),
    )

    tenant_id: int = Field(foreign_key="tenant.id")
    account_id: int = Field(foreign_key="account.id")
    value: str
    loose: str
    source: Source = code(Source, Source.sku)


class CustomCodePart(SQLModel, table=True):
    __tablename__ = "custom_code_part"
    __table_args__ = (PrimaryKeyConstraint("custom_code_id", "article_id"),)

    custom_code_id: int = Field(foreign_key="custom_code.id")
    article_id: int = Field(foreign_key="article.id")
    quantity: int = 1


def remember_code(
    session: Session,
    tenant_id: int,
    account_id: int,
    line: OrderLineData,
    parts: Sequence[tuple[int, int]],
) -> CustomCode:
    """Save a person's choice as a custom code for the line's number, so that it matches from now on.

    Raises: RuleError, if the line has no SKU, GTIN or channel number.
    """
    for source in DEFAULT_SOURCES[MatchBy.custom_code]:
        value = getattr(line, source.value).strip()
        if value:
            return save_custom_code(session, tenant_id, account_id, value, parts, source)
    raise RuleError("The line has no number for which the choice could be remembered.")


def save_custom_code(
    session: Session,
    tenant_id: int,
    account_id: int,
    value: str,
    parts: Sequence[tuple[int, int]],
    source: Source = Source.sku,
) -> CustomCode:
    """Add a custom code, or replace the parts of an existing one."""
    row = session.exec(
        select(CustomCode).where(
            CustomCode.tenant_id == tenant_id,
            CustomCode.account_id == account_id,
            CustomCode.value == value,
        )
    ).first()
    if row is None:
        row = CustomCode(tenant_id=tenant_id, account_id=account_id, value=value, loose=loose_form(value))
    row.source = source
    session.add(row)
    session.flush()
    session.execute(delete(CustomCodePart).where(col(CustomCodePart.custom_code_id) == row.id))
    for article_id, quantity in parts:
        session.add(CustomCodePart(custom_code_id=row.row_id, article_id=article_id, quantity=quantity))
    session.flush()
    return row
