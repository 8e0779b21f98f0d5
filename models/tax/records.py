"""The cases of tax, as records."""

from enum import StrEnum

HOME = "DE"
"""Whose law all cases are seen by."""


class TaxCase(StrEnum):
    domestic = "domestic"
    small_business = "small_business"
    """Tax is not charged (§ 19 UStG), wherever goods go, but where the One-Stop-Shop is used."""
    below_threshold = "below_threshold"
    """To a consumer in another member state, with German tax: § 3c (4) UStG."""
    oss = "oss"
    """To a consumer in another member state, with the tax of that state: § 3c (1), § 18j UStG."""
    intra_community = "intra_community"
    """To a business in another member state, tax-free: § 4 no. 1 b, § 6a UStG."""
    export = "export"
    """Out of the VAT area of the Union, tax-free: § 4 no. 1 a, § 6 UStG."""


NORTHERN_IRELAND = "XI"
"""Counts as a member state where goods are concerned (Windsor Framework)."""
