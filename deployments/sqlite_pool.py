"""Lets Prefect's server use one connection to its SQLite database, as it does with a database in memory.

A server process has one event loop. With several connections a request that finds the database locked waits
in a thread of SQLite's, and the loop then waits for that thread when it collects a cursor left over from an
error: nothing moves until the lock's time is up. docs/decisions/0009 tells more.
"""

from typing import Any

from sqlalchemy import URL
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.pool import Pool

WAIT_SECONDS = 60.0
"""How long a request waits for its turn, as long as Prefect lets SQLite wait for a lock."""


class OneConnection(CreateEnginePlugin):
    """A pool of one connection, taken in turn; for addresses that end in `?plugin=one-connection`."""

    def update_url(self, url: URL) -> URL:
        """Return the address without what asked for this."""
        return url.difference_update_query(["plugin"])

    def handle_pool_kwargs(self, pool_cls: type[Pool], pool_args: dict[str, Any]) -> None:
        """Set the pool's size."""
        pool_args.update(pool_size=1, max_overflow=0, timeout=WAIT_SECONDS)
