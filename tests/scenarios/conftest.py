"""What scenarios start from: the same as the tests of flows."""

from tests.flows.conftest import quick_retries, shop, simulator, sqlite_shop

__all__ = ["quick_retries", "shop", "simulator", "sqlite_shop"]
