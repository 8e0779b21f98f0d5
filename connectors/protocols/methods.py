"""Listing the payment and shipping methods of a system."""

from typing import Protocol

from models.tenants.records import ChannelMethodData


class ListsMethods(Protocol):
    """A system that lists its payment and shipping methods."""

    def fetch_methods(self) -> list[ChannelMethodData]:
        """Return all methods, each once."""
