"""Reading ahead: while one page is saved, another thread reads the next."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import Any, TypeVar

from connectors.protocols.results import Page

Query = TypeVar("Query")
Record = TypeVar("Record")

LEAVE_SECONDS = 5.0
"""How long a failed run waits at its end for a page that is still being read."""


class ReadAhead:
    """Reads the pages of one channel in order: one request at a time, at most one page ahead.

    An error in reading ahead is raised when that page is asked for; asking again reads the page again. After
    the last page nothing is read.
    """

    def __init__(self) -> None:
        self._wanted: tuple[Any, ...] = ()
        self._page: Future[Any] = Future()
        self._thread: Thread | None = None

    def fetch(
        self, read: Callable[[Query, str | None], Page[Record]], query: Query, cursor: str | None
    ) -> Page[Record]:
        """Return one page and begin to read the next. Raises: what `read` raises."""
        page = self._take(read, query, cursor) or read(query, cursor)
        if page.next_cursor is not None:
            self._begin(read, query, page.next_cursor)
        return page

    def close(self) -> None:
        """Wait for a read under way, `LEAVE_SECONDS` at most, and drop its page."""
        if self._thread is not None:
            self._thread.join(LEAVE_SECONDS)

    def _take(self, *wanted: Any) -> Any:
        if self._thread is None:
            return None
        self._thread.join()
        self._thread = None
        return self._page.result() if self._wanted == wanted else None

    def _begin(self, read: Callable[..., Page[Any]], *arguments: Any) -> None:
        page: Future[Any] = Future()

        def work() -> None:
            try:
                page.set_result(read(*arguments))
            except BaseException as error:
                page.set_exception(error)

        self._wanted, self._page = (read, *arguments), page
        # Copied context: its log lines belong to the step that began it. Daemon: no process waits for it.
        self._thread = Thread(target=copy_context().run, args=(work,), name="read-ahead", daemon=True)
        self._thread.start()
