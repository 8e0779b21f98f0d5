"""Matching rules: which of our numbers are compared with which fields of an order line, and how exactly.

A tenant without rules of its own has `DEFAULT_RULES`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ValidationError

from models.catalog.records import NumberKind
from models.errors import RuleError


class MatchBy(StrEnum):
    listing = "listing"
    """The channel's id of the article, as saved by the article import."""
    sku = "sku"
    gtin = "gtin"
    channel_number = "channel_number"
    manufacturer = "manufacturer"
    supplier = "supplier"
    custom_code = "custom_code"
    variant = "variant"
    """The parent's number plus the attribute values that the buyer chose."""


class Source(StrEnum):
    """A field of an order line that may hold a number."""

    listing_id = "listing_id"
    sku = "sku"
    gtin = "gtin"
    channel_number = "channel_number"
    manufacturer_number = "manufacturer_number"
    supplier_number = "supplier_number"


class Normalisation(StrEnum):
    case = "case"
    blanks = "blanks"
    leading_zeros = "leading_zeros"
    separators = "separators"
    """Hyphens, underscores, dots, slashes, backslashes and colons are ignored."""


SEPARATORS = "-_./\\:"


DEFAULT_SOURCES: Mapping[MatchBy, tuple[Source, ...]] = {
    MatchBy.listing: (Source.listing_id,),
    MatchBy.sku: (Source.sku, Source.channel_number),
    MatchBy.gtin: (Source.gtin,),
    MatchBy.channel_number: (Source.channel_number,),
    MatchBy.manufacturer: (Source.manufacturer_number, Source.sku),
    MatchBy.supplier: (Source.supplier_number, Source.sku),
    MatchBy.custom_code: (Source.sku, Source.gtin, Source.channel_number),
    MatchBy.variant: (Source.sku, Source.channel_number),
}


NUMBER_KINDS: Mapping[MatchBy, NumberKind] = {
    MatchBy.sku: NumberKind.sku,
    MatchBy.gtin: NumberKind.gtin,
    MatchBy.manufacturer: NumberKind.manufacturer,
    MatchBy.supplier: NumberKind.supplier,
    MatchBy.variant: NumberKind.sku,
}


class MatchRule(BaseModel, frozen=True, extra="forbid"):
    """One rule: which of our numbers is compared with which fields of a line, and what is ignored."""

    by: MatchBy
    sources: tuple[Source, ...] = ()
    """Empty means the `DEFAULT_SOURCES` of `by`."""
    ignore: frozenset[Normalisation] = frozenset({Normalisation.blanks})
    prefix: str = ""
    """Removed from the channel's number before the comparison, if present."""
    suffix: str = ""

    def read_sources(self) -> tuple[Source, ...]:
        """Return the fields of a line that this rule reads."""
        return self.sources or DEFAULT_SOURCES[self.by]

    def normalise(self, value: str) -> str:
        """Return a number in the form in which this rule compares it."""
        if Normalisation.blanks in self.ignore:
            value = "".join(value.split())
        if Normalisation.separators in self.ignore:
            value = "".join(sign for sign in value if sign not in SEPARATORS)
        if Normalisation.case in self.ignore:
            value = value.casefold()
        if Normalisation.leading_zeros in self.ignore:
            value = value.lstrip("0") or value[:1]
        return value

    def strip(self, value: str) -> str:
        """Return a channel's number without prefix, suffix and outer blanks."""
        value = value.strip()
        return value.removeprefix(self.prefix).removesuffix(self.suffix)


DEFAULT_RULES = (
    MatchRule(by=MatchBy.custom_code),
    MatchRule(by=MatchBy.listing),
    MatchRule(by=MatchBy.sku),
    MatchRule(by=MatchBy.gtin),
    MatchRule(by=MatchBy.channel_number),
    MatchRule(by=MatchBy.variant, ignore=frozenset({Normalisation.case, Normalisation.blanks})),
    MatchRule(by=MatchBy.manufacturer),
)


def read_rules(rules: Sequence[Mapping[str, Any]]) -> tuple[MatchRule, ...]:
    """Return a tenant's rules, or `DEFAULT_RULES` if it has none. Raises: RuleError, naming the bad rule."""
    if not rules:
        return DEFAULT_RULES
    read = []
    for position, rule in enumerate(rules, start=1):
        try:
            read.append(MatchRule.model_validate(rule))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise RuleError(f"Matching rule {position} is wrong at {where!r}: {first['msg']}.") from None
    return tuple(read)
