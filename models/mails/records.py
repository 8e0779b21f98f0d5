"""What mails hold, and what operators are mailed of new orders: nothing that would tell who bought."""

import re
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


class MailPart(BaseModel, frozen=True):
    """A file in a mail: an attachment, or with a content id a picture that its HTML shows."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""


class MailContent(BaseModel, frozen=True):
    """What a person reads; the subject is one line."""

    subject: str
    text: str
    html: str = ""
    parts: tuple[MailPart, ...] = ()


class Sender(BaseModel, frozen=True):
    """Who a mail is from; what is empty is as the settings say at the time of sending."""

    name: str = ""
    address: str = ""
    reply_to: str = ""


_LOGO = re.compile(r"cid:logo-([0-9a-f]{64})")


def logo_id(sha256: str) -> str:
    """Return the id by which a mail's HTML names a logo of `tenants.logo`: it is not kept with each mail."""
    return f"logo-{sha256}"
