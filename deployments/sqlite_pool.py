"""Makes Prefect's server use one connection to its SQLite database, as it does for a database in memory.

A server process has one event loop. With several connections, a request that finds the database locked waits
in one of SQLite's threads. If the loop then collects a cursor left over from an error, it waits for that
thread: the whole server stands still until the lock times out. See docs/decisions/0009.
"""

from typing import Any

from sqlalchemy import URL
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.pool import Pool

WAIT_SECONDS = 60.0
"""How long a request waits for the connection: as long as Prefect makes SQLite wait for a lock."""


class OneConnection(CreateEnginePlugin):
    """A pool of one connection, for addresses that end in `?plugin=one-connection`."""

    def update_url(self, url: URL) -> URL:
        """Return the address without the plugin's name."""
        return url.difference_update_query(["plugin"])

    def handle_pool_kwargs(self, pool_cls: type[Pool], pool_args: dict[str, Any]) -> None:
        """Limit the pool to one connection."""
        pool_args.update(pool_size=1, max_overflow=0, timeout=WAIT_SECONDS)
