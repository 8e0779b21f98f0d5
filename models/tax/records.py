"""Tax cases."""

from enum import StrEnum

HOME = "DE"
"""The country whose tax law decides all cases, and from which goods are shipped."""


class TaxCase(StrEnum):
    domestic = "domestic"
    small_business = "small_business"
    """No tax is charged (§ 19 UStG), wherever the goods go, except under the One-Stop-Shop."""
    below_threshold = "below_threshold"
    """To a consumer in another member state, with German tax: § 3c (4) UStG."""
    oss = "oss"
    """To a consumer in another member state, with its tax (One-Stop-Shop): § 3c (1), § 18j UStG."""
    intra_community = "intra_community"
    """To a business in another member state, tax-free: § 4 no. 1 b, § 6a UStG."""
    export = "export"
    """To a place outside the VAT area of the Union, tax-free: § 4 no. 1 a, § 6 UStG."""


NORTHERN_IRELAND = "XI"
"""Counts as a member state for goods (Windsor Framework)."""
