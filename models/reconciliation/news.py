"""Which differences the next import or publication removes by itself: rules without a session."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from models.orders.records import OrderData, OrderLineData
from models.reconciliation.records import OUTBOUND_FOR, DifferenceData, DifferenceKind
from models.sync.records import OutboundKind, RejectedData


@dataclass
class Unread:
    """What changed at the channel since the last order import."""

    numbers: set[str] = field(default_factory=set)
    """Of orders."""
    lines: set[str] = field(default_factory=set)
    """Ids of order lines at the channel."""
    listings: set[str] = field(default_factory=set)
    """Numbers of the listings that were sold."""
    articles: set[int] = field(default_factory=set)
    """Ids here of the articles that were sold, and of the parts of bundles."""

    def add(self, orders: Sequence[OrderData], rejected: Iterable[RejectedData], articles: set[int]) -> None:
        """Add a page of orders and the articles that their lines stand for."""
        lines = lines_of_page(orders)
        self.numbers.update(data.external_id for data in orders)
        self.numbers.update(one.external_id for one in rejected)
        self.lines.update(line.external_id for line in lines)
        self.listings.update(listings_of(lines))
        self.articles.update(articles)


def lines_of_page(orders: Iterable[OrderData]) -> list[OrderLineData]:
    """Return the lines of some orders."""
    return [line for data in orders for line in data.lines]


def listings_of(lines: Iterable[OrderLineData]) -> set[str]:
    """Return the listings that lines and their components name."""
    lines = list(lines)
    found = {line.listing_id for line in lines if line.listing_id}
    return found | {part.external_id for line in lines for part in line.components if part.external_id}


class News(Protocol):
    """Changes on one side that the other side does not have yet."""

    def explains(self, finding: DifferenceData) -> bool:
        """Return whether one of these changes explains a difference."""


@dataclass(frozen=True)
class OrderNews:
    """Changes of orders, by the orders' numbers at the channel."""

    unread: Unread
    lines: Mapping[str, Collection[str]]
    """The line ids of each order here."""
    unpublished: Mapping[OutboundKind, Collection[str]]
    """Orders with a change of each kind that waits to be published, or is parked and shown as such."""
    paid_by: Mapping[str, datetime | None]
    """The latest time at which each order can have been paid, as the channel reports."""
    paid_until: datetime | None
    """Up to when the channel's payments were read; None if they are not read by their own date."""

    def explains(self, finding: DifferenceData) -> bool:
        """Return whether one of these changes explains a difference."""
        number, kind = finding.subject, OUTBOUND_FOR.get(finding.kind)
        return (
            number in self.unread.numbers
            or not self.unread.lines.isdisjoint(self.lines.get(number, ()))
            or (kind is not None and number in self.unpublished[kind])
            or (
                finding.kind is DifferenceKind.payment
                and _is_at_or_after(self.paid_by.get(number), self.paid_until)
            )
        )


@dataclass(frozen=True)
class StockNews:
    """Changes of the stock of listings, by the listings' numbers at the channel."""

    unread: Unread
    unpublished: Collection[str]
    """Listings with a quantity that waits to be published, or is parked and shown as such."""
    articles: Mapping[str, Collection[int]]
    """The article of each listing, and the parts of a bundle."""
    unallocated: Collection[str]
    """Listings that were sold in lines without allocated stock here: their quantity there is lower."""

    def explains(self, finding: DifferenceData) -> bool:
        """Return whether one of these changes explains a difference."""
        number = finding.subject
        return (
            number in self.unpublished
            or number in self.unread.listings
            or not self.unread.articles.isdisjoint(self.articles.get(number, ()))
            or (number in self.unallocated and int(finding.there) < int(finding.here))
        )


def confirm(
    first: Collection[DifferenceData], second: Iterable[DifferenceData], news: News
) -> tuple[list[DifferenceData], list[DifferenceData]]:
    """Return the differences that two comparisons found: the real ones, and those that news explains."""
    real: list[DifferenceData] = []
    on_the_way: list[DifferenceData] = []
    for finding in second:
        if finding in first:
            (on_the_way if news.explains(finding) else real).append(finding)
    return real, on_the_way


def _is_at_or_after(at: datetime | None, end: datetime | None) -> bool:
    return at is not None and end is not None and at >= end
