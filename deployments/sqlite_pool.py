"""A pool of one connection, for Prefect's server and its SQLite database.

A server process has one event loop. With several connections, a request that finds the database locked waits
in a thread of SQLite. If the loop then collects a cursor that is left over from an error, it waits for that
thread, and the server answers nothing until the lock times out. See docs/decisions/0009.
"""

from typing import Any

from sqlalchemy import URL
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.pool import Pool

WAIT_SECONDS = 60.0
"""How long a request waits for the connection: as long as SQLite waits for a lock under Prefect."""


class OneConnection(CreateEnginePlugin):
    """One connection that requests use in turn; for addresses that end in `?plugin=one-connection`."""

    def update_url(self, url: URL) -> URL:
        """Return the address without the name of this plugin."""
        return url.difference_update_query(["plugin"])

    def handle_pool_kwargs(self, pool_cls: type[Pool], pool_args: dict[str, Any]) -> None:
        """Set the pool's size and how long a request waits for it."""
        pool_args.update(pool_size=1, max_overflow=0, timeout=WAIT_SECONDS)
