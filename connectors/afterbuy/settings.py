"""Settings and login of an Afterbuy account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, Field, field_validator

from connectors.spec import SecretSpec

ENDPOINT = "https://api.afterbuy.de/afterbuy/ABInterface.aspx"
_PATH = "/afterbuy/ABInterface.aspx"

TOKEN_LOGIN = ("partner_token", "account_token")
LEGACY_LOGIN = ("partner_id", "partner_password", "user_id", "user_password")
SECRETS = (
    *(SecretSpec(name, login="tokens") for name in TOKEN_LOGIN),
    *(SecretSpec(name, login="passwords") for name in LEGACY_LOGIN),
)


class StockPool(StrEnum):
    """Which of Afterbuy's two stock quantities counts (wire notes 4, pitfall 23)."""

    quantity = "quantity"
    auction = "auction"
    both = "both"
    """Both are written; the smaller one is read."""


class SkuField(StrEnum):
    ean = "ean"
    """The free text "external article number", which most merchants use as SKU."""
    anr = "anr"
    product_id = "product_id"
    sku = "sku"
    """The first entry of the list Skus."""


class WeightUnit(StrEnum):
    kg = "kg"
    g = "g"


class DateFilter(StrEnum):
    """The date by which changed orders are found, as Afterbuy spells it."""

    ModDate = "ModDate"
    AuctionEndDate = "AuctionEndDate"
    FeedbackDate = "FeedbackDate"
    PayDate = "PayDate"
    ShippingDate = "ShippingDate"


class Paging(StrEnum):
    cursor = "cursor"
    """From the last ProductID on: exact even while products change."""
    pages = "pages"
    """By page number, if products do not come in the order of their ProductID."""


class TrackingField(StrEnum):
    first = "first"
    """AdditionalInfo gets the first tracking number: Afterbuy builds TrackingLink from it."""
    joined = "joined"
    """AdditionalInfo gets all tracking numbers, separated by commas."""


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Listed = Annotated[tuple[str, ...], BeforeValidator(_split)]


class AfterbuySettings(BaseModel, frozen=True, extra="ignore"):
    """What may be set for an Afterbuy account, beside what every channel has."""

    base_url: str = ENDPOINT
    page_size: int = Field(default=250, ge=2, le=250)
    """Orders in one reply. Two at least: an order that comes twice must not fill a page."""
    article_page_size: int = Field(default=100, ge=2, le=250)
    """Articles in one reply; large replies are slow."""
    article_paging: Paging = Paging.cursor
    order_detail_level: int = Field(default=62, ge=0, le=127)
    """Sum of the parts that orders are read with. 62 names all: to some servers 0 is order data only."""
    article_detail_level: int = Field(default=0, ge=0, le=255)
    """Sum of the parts that articles are read with. 0 is all, perhaps only in German; 222 names all."""
    order_date_filter: DateFilter = DateFilter.ModDate
    stock_pool: StockPool = StockPool.quantity
    stock_batch_size: int = Field(default=250, ge=1, le=250)
    status_batch_size: int = Field(default=150, ge=1, le=150)
    sku_field: SkuField = SkuField.ean
    weight_unit: WeightUnit = WeightUnit.kg
    """The unit of its weights, which Afterbuy does not name."""
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    """The currency of the account: Afterbuy sends amounts without one."""
    language: str = Field(default="de", pattern="^[a-z]{2}$")
    """The language of an article's main texts."""
    cancelled_flags: Listed = ()
    """Ids of the account's own markers (UserDefinedFlag) that mean "cancelled"."""
    cancelled_tags: Listed = ()
    """Tags that mean "cancelled", in whatever case."""
    tracking_field: TrackingField = TrackingField.first
    mail_buyer_payment: bool = False
    """Whether Afterbuy mails the buyer when a payment is published."""
    mail_buyer_shipping: bool = False
    """Whether Afterbuy mails the buyer when a shipment is published."""
    read_timeout_seconds: float = Field(default=60, gt=0, le=600)
    total_timeout_seconds: float = Field(default=300, gt=0, le=3600)

    @field_validator("base_url")
    @classmethod
    def _base_url_is_safe(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise ValueError(f"base_url must be an address like {ENDPOINT}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base_url must hold no user, password, query or fragment")
        if parts.scheme == "http" and parts.hostname.endswith("afterbuy.de"):
            raise ValueError("base_url must be https: over http the login could be read on the way")
        path = _PATH if parts.path in ("", "/") else parts.path
        return f"{parts.scheme}://{parts.netloc}{path}"


@dataclass(frozen=True)
class Login:
    """The elements of AfterbuyGlobal that log in; they are never shown."""

    elements: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def values(self) -> tuple[str, ...]:
        """The secrets themselves, so that they can be kept out of what is shown."""
        return tuple(value for _, value in self.elements)


_ELEMENTS = {
    "partner_token": "PartnerToken",
    "account_token": "AccountToken",
    "partner_id": "PartnerID",
    "partner_password": "PartnerPassword",
    "user_id": "UserID",
    "user_password": "UserPassword",
}


def login_from(secrets: Mapping[str, str]) -> Login:
    """Return the login by tokens, or else the older login by passwords; one of them must be complete."""
    has_tokens = all(secrets.get(name, "").strip() for name in TOKEN_LOGIN)
    names = TOKEN_LOGIN if has_tokens else LEGACY_LOGIN
    return Login(tuple((_ELEMENTS[name], secrets[name].strip()) for name in names))
