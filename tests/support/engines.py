"""Engines of tests, which compile each statement once for a process instead of once for each test's database.

Compiling took more time than all else in tests of tables.
"""

from typing import Any

import sqlalchemy
from sqlalchemy import URL, Dialect, Engine, event
from sqlalchemy.util import LRUCache

MOST_STATEMENTS = 4_000
_compiled: LRUCache[Any, Any] = LRUCache(MOST_STATEMENTS)
_dialects: dict[URL, Dialect] = {}
"""What has learnt from a connection what its server can do, by the server; a statement is compiled for it."""


def create_engine(url: str, **values: Any) -> Engine:
    """Create an engine as SQLAlchemy does, with the dialect and the statements of those before it."""
    engine = sqlalchemy.create_engine(url, **values)
    engine.update_execution_options(compiled_cache=_compiled)
    server = engine.url.set(database="")
    if server in _dialects:
        engine.dialect = _dialects[server]
    else:
        event.listen(engine, "connect", lambda *_: _dialects.setdefault(server, engine.dialect))
    return engine
