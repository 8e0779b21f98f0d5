"""What operators are mailed of new orders: nothing that would tell who bought."""

from decimal import Decimal

from pydantic import BaseModel


class NewOrder(BaseModel, frozen=True):
    row_id: int
    """Of its outbound row."""
    number: str
    total: Decimal
    currency: str
    lines: int


class OrdersNotice(BaseModel, frozen=True):
    """One new order, or those of a day."""

    account: str
    tenant: str
    orders: list[NewOrder]
