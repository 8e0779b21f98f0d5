"""Records of articles and categories."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic import Field as RecordField

from models.values import MAX_COUNT, Amount, ExternalId, Indexed


class ArticleKind(StrEnum):
    single = "single"
    parent = "parent"
    """Groups variants; it has no stock and is never sold itself."""
    variant = "variant"
    bundle = "bundle"
    """Has no stock of its own; its parts have stock."""


class NumberKind(StrEnum):
    """The kind of an article's number; `sku` is our own."""

    sku = "sku"
    gtin = "gtin"
    manufacturer = "manufacturer"
    supplier = "supplier"


class TextData(BaseModel):
    title: str
    short_description: str = ""
    description: str = ""
    keywords: str = ""


class PriceData(BaseModel):
    """A gross unit price from `min_quantity` units on, for one price group ("" means everyone)."""

    amount: Amount
    currency: str = RecordField(min_length=3, max_length=3)
    price_group: Indexed = ""
    min_quantity: int = RecordField(default=1, ge=1, le=MAX_COUNT)


class ImageData(BaseModel):
    url: str
    alt: str = ""


class MemberData(BaseModel):
    """A variant of a parent or a part of a bundle, by the channel's ids."""

    external_id: str
    quantity: int = RecordField(default=1, ge=1, le=MAX_COUNT)
    label: str = ""
    position: int = 0
    values: dict[str, str] = RecordField(default_factory=dict)
    """Axis and value of a variant, e.g. {"Farbe": "rot"}."""


class CategoryData(BaseModel):
    external_id: ExternalId
    name: str
    parent_external_id: str = ""
    position: int = RecordField(default=0, ge=-MAX_COUNT, le=MAX_COUNT)
    visible: bool = True


class ArticleData(BaseModel):
    """An article as one channel describes it."""

    external_id: ExternalId
    sku: str = RecordField(min_length=1, max_length=120)
    kind: ArticleKind = ArticleKind.single
    channel_number: Indexed = ""
    """The number that the channel's listings show."""
    gtin: Indexed = ""
    manufacturer: str = ""
    manufacturer_number: Indexed = ""
    supplier: str = ""
    supplier_number: Indexed = ""
    texts: dict[Annotated[str, RecordField(max_length=5)], TextData] = RecordField(default_factory=dict)
    """By language, ISO 639-1."""
    prices: list[PriceData] = RecordField(default_factory=list)
    tax_rate: Amount | None = None
    """In percent."""
    weight_grams: int | None = RecordField(default=None, ge=0, le=MAX_COUNT)
    unit: str = ""
    unit_content: Amount | None = None
    country_of_origin: str = ""
    category_ids: list[ExternalId] = RecordField(default_factory=list)
    images: list[ImageData] = RecordField(default_factory=list)
    attributes: dict[str, str] = RecordField(default_factory=dict)
    members: list[MemberData] = RecordField(default_factory=list)
    meta: dict[str, Any] = RecordField(default_factory=dict)
    active: bool = True
    quantity: int | None = RecordField(default=None, ge=-MAX_COUNT, le=MAX_COUNT)
    """The stock that the channel reports; None if it keeps no stock."""
    modified_at: datetime | None = None
