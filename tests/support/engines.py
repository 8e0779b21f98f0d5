"""Engines for tests. Each statement is compiled once a process instead of once for each test's database.

Compiling took more time than everything else in tests of tables.
"""

from typing import Any

import sqlalchemy
from sqlalchemy import URL, Dialect, Engine, event
from sqlalchemy.util import LRUCache

MOST_STATEMENTS = 4_000
_compiled: LRUCache[Any, Any] = LRUCache(MOST_STATEMENTS)
_dialects: dict[URL, Dialect] = {}
"""By server: the dialect, which knows what the server can do and is what statements are compiled for."""


def create_engine(url: str, **values: Any) -> Engine:
    """Create an engine as SQLAlchemy does, with the dialect and statements of earlier engines."""
    engine = sqlalchemy.create_engine(url, **values)
    engine.update_execution_options(compiled_cache=_compiled)
    server = engine.url.set(database="")
    if server in _dialects:
        engine.dialect = _dialects[server]
    else:
        event.listen(engine, "connect", lambda *_: _dialects.setdefault(server, engine.dialect))
    return engine
