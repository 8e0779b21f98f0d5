"""The content of mails, and of the notice to operators about new orders, which does not name the buyer."""

import re
from decimal import Decimal

from pydantic import BaseModel


class NewOrder(BaseModel, frozen=True):
    row_id: int
    """Id of its outbound row."""
    number: str
    total: Decimal
    currency: str
    lines: int


class OrdersNotice(BaseModel, frozen=True):
    """One new order, or all new orders of a day."""

    account: str
    tenant: str
    orders: list[NewOrder]


class MailPart(BaseModel, frozen=True):
    """A file in a mail: an attachment, or, with a content id, a picture in the HTML."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""


class MailContent(BaseModel, frozen=True):
    """What a person reads; the subject is a single line."""

    subject: str
    text: str
    html: str = ""
    parts: tuple[MailPart, ...] = ()


class Sender(BaseModel, frozen=True):
    """The sender of a mail; empty fields come from the settings when it is sent."""

    name: str = ""
    address: str = ""
    reply_to: str = ""


LOGO_LINK = re.compile(r"cid:logo-([0-9a-f]{64})")
"""How a mail's HTML points to a logo, by the id that `logo_id` returns."""


def logo_id(sha256: str) -> str:
    """Return the id by which a mail's HTML refers to a logo; logos are stored once (`tenants.logo`)."""
    return f"logo-{sha256}"
