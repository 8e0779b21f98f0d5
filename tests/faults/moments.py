"""The moments of a run at which a fault may occur: each statement, commit, call and mail.

A moment is named by its kind and its number within the run. A fault may raise, kill the process, or do
something else first.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

import tasks.watch.mail_delivery
from connectors.http.exchange import Exchange
from models.database.engine import get_engine

STATEMENT, COMMIT, COMMITTED = "statement", "commit", "committed"
ADDRESSES = "addresses"
"""A statement that inserts buyers' addresses is executed."""
REQUEST, ANSWER = "request", "answer"
MAIL, MAILED = "mail", "mailed"

Strike = Callable[[], None]


class Moments:
    """Counts the moments of a run; strikes at the chosen one, and at some later ones of its kind."""

    def __init__(self, kind: str, number: int, strike: Strike, *, times: int = 1) -> None:
        self.seen: Counter[str] = Counter()
        self.struck = 0
        self._kind, self._chosen, self._strike = kind, range(number, number + times), strike
        self._lock = threading.Lock()

    def reach(self, kind: str) -> None:
        """Count a moment and strike if it is a chosen one."""
        with self._lock:
            self.seen[kind] += 1
            due = kind == self._kind and self.seen[kind] in self._chosen
            self.struck += due
        if due:
            self._strike()


@contextmanager
def watched(moments: Moments) -> Iterator[None]:
    """Report the moments of a run in this process to `moments`."""
    engine = get_engine()
    commit, exchange, send = (
        engine.dialect.do_commit,
        Exchange.send,
        tasks.watch.mail_delivery._Link.send,
    )

    def do_commit(connection: Any) -> None:
        moments.reach(COMMIT)
        commit(connection)
        moments.reach(COMMITTED)

    def inserting(execute: Callable[..., None]) -> Callable[..., None]:
        def do_execute(cursor: Any, statement: str, *others: Any) -> None:
            if statement.startswith("INSERT INTO order_address"):
                moments.reach(ADDRESSES)
            execute(cursor, statement, *others)

        return do_execute

    def do_exchange(self: Exchange, *arguments: Any) -> Any:
        moments.reach(REQUEST)
        answer = exchange(self, *arguments)
        moments.reach(ANSWER)
        return answer

    def do_send(self: Any, *arguments: Any) -> Any:
        moments.reach(MAIL)
        replies = send(self, *arguments)
        moments.reach(MAILED)
        return replies

    def do_statement(connection: Any, *_: Any) -> None:
        if connection.engine is engine:
            moments.reach(STATEMENT)

    event.listen(Engine, "before_cursor_execute", do_statement)
    try:
        with (
            patch.object(engine.dialect, "do_commit", do_commit),
            patch.object(engine.dialect, "do_execute", inserting(engine.dialect.do_execute)),
            patch.object(engine.dialect, "do_executemany", inserting(engine.dialect.do_executemany)),
            patch.object(Exchange, "send", do_exchange),
            patch.object(tasks.watch.mail_delivery._Link, "send", do_send),
        ):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", do_statement)
