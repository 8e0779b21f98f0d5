"""Reading ahead: the next page is under way while one is saved, and nothing else changes by it."""

from threading import Event, current_thread, main_thread

import pytest

from connectors.errors import TransientError
from connectors.protocols.results import Page
from tasks.run.read_ahead import ReadAhead

WAIT_SECONDS = 20


class Pages:
    """Three pages of one number each; keeps who read which, and fails as often as told."""

    def __init__(self, *failing: str | None) -> None:
        self.read: list[tuple[str, str | None]] = []
        self.in_main: list[bool] = []
        self.failing = list(failing)
        self.second_begun = Event()

    def fetch(self, query: str, cursor: str | None) -> Page[int]:
        self.read.append((query, cursor))
        self.in_main.append(current_thread() is main_thread())
        if cursor == "1":
            self.second_begun.set()
        if cursor in self.failing:
            self.failing.remove(cursor)
            raise TransientError("slow down")
        number = int(cursor or 0)
        return Page([number], next_cursor=str(number + 1) if number < 2 else None)


def test_the_next_page_is_read_while_one_is_saved() -> None:
    """Each page is read once, in order; nothing is read after the last."""
    pages, ahead = Pages(), ReadAhead()

    first = ahead.fetch(pages.fetch, "all", None)
    assert pages.second_begun.wait(WAIT_SECONDS)
    second = ahead.fetch(pages.fetch, "all", first.next_cursor)
    third = ahead.fetch(pages.fetch, "all", second.next_cursor)
    ahead.close()

    assert [first.records, second.records, third.records] == [[0], [1], [2]]
    assert pages.read == [("all", None), ("all", "1"), ("all", "2")]
    assert pages.in_main == [True, False, False]


def test_a_failure_ahead_is_raised_to_who_wants_the_page() -> None:
    """The page before is saved all the same, and another try reads afresh."""
    pages, ahead = Pages("1"), ReadAhead()

    first = ahead.fetch(pages.fetch, "all", None)
    with pytest.raises(TransientError):
        ahead.fetch(pages.fetch, "all", "1")
    second = ahead.fetch(pages.fetch, "all", "1")
    ahead.close()

    assert (first.records, second.records) == ([0], [1])
    assert pages.read == [("all", None), ("all", "1"), ("all", "1"), ("all", "2")]


def test_another_page_than_the_one_ahead_is_read_afresh() -> None:
    """A step that is repeated, and another query, get what they ask for."""
    pages, ahead = Pages(), ReadAhead()

    ahead.fetch(pages.fetch, "all", None)
    again = ahead.fetch(pages.fetch, "all", None)
    other = ahead.fetch(pages.fetch, "some", "1")
    ahead.close()

    assert (again.records, other.records) == ([0], [1])
    assert pages.read[-3:] == [("all", "1"), ("some", "1"), ("some", "2")]
