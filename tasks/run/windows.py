"""The window that a run reads, and the cursor from which the next run continues."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.database.session import Session, read_scope
from models.sync.cursors import find_cursor, save_cursor
from models.tenants.account import options_as
from models.tenants.options import ArticleOptions
from tasks.run.work import Work


class Window(BaseModel):
    """What one run reads, by the channel's clock. An instant that is None is no limit."""

    # Cursors saved in earlier versions hold the first number as a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    numbers: tuple[str, ...] = ()
    """Only these records, whatever their age."""
    page: str | None = None
    """The page at which an unfinished window continues."""
    history_before: AwareDatetime | None = None
    """Orders completed before this instant are history: they are booked elsewhere."""
    first_number: str | None = None
    """An order number of the channel. Orders with earlier numbers are history."""
    first: bool = False
    """Whether this is the account's first window. It reads old orders, so its delays are not measured."""
    keep: bool = False
    """Whether the cursor is saved with each page."""

    def read_until(self, overlap_minutes: int) -> datetime | None:
        """Return up to when the records of a saved window need no further reading, by the channel's clock.

        None if nothing was read. Changes within the overlap before the window's end are read once more.
        """
        if self.page is not None:
            return self.since
        return self.until - timedelta(minutes=overlap_minutes) if self.until else None


def open_window(
    work: Work,
    cursor: str,
    *,
    since: datetime | None = None,
    numbers: Sequence[str] = (),
    start: Window | None = None,
    afresh: bool = False,
) -> Window:
    """Return what this run reads.

    Named records, and records read again from `since`, leave the cursor alone; but if there is no cursor yet,
    the first window begins at `since`, whatever the settings say. Otherwise an unfinished window continues
    where it stopped. A new window begins at the end of the last one, less the overlap. It ends at the
    channel's time before the first page is read: changes made while pages are read belong to the next window.
    `start` is the first window of the account. If `afresh` is true, reading begins with it again.
    """
    if numbers:
        return Window(numbers=tuple(numbers))
    now = work.connection.clock.check()
    with read_scope() as session:
        value = find_cursor(session, work.account.id, work.cursor(cursor))
    first = start or Window()
    saved = Window.model_validate(value) if value and not afresh else None
    keep = not work.is_inspection
    if since is not None:
        asked = Window(since=since, history_before=since, until=now)
        return asked if saved else asked.model_copy(update={"first": True, "keep": keep})
    if saved is None:
        return first.model_copy(update={"until": now, "first": True, "keep": keep})
    if saved.page is not None:
        return saved.model_copy(update={"keep": keep})
    overlap = timedelta(minutes=options_as(work.account, ArticleOptions).overlap_minutes)
    begin = saved.until - overlap if saved.until else None
    return saved.model_copy(update={"since": begin, "until": now, "first": False, "keep": keep})


def advance(session: Session, work: Work, cursor: str, window: Window, page: str | None) -> None:
    """Save how far a window was read, in the commit that saves the page. `page` is the next one, or None."""
    if window.keep:
        value: dict[str, Any] = window.model_copy(update={"page": page}).model_dump(
            mode="json", exclude_none=True, exclude={"keep", "numbers"}
        )
        save_cursor(session, work.account.id, work.cursor(cursor), value)
