"""Listing the payment and shipping methods of a system."""

from typing import Protocol

from models.tenants.records import ServiceData


class ListsMethods(Protocol):
    """A system that lists its payment and shipping methods."""

    def fetch_methods(self) -> list[ServiceData]:
        """Return all methods, each once."""
