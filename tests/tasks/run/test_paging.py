"""Calling a step page by page."""

from types import SimpleNamespace
from typing import cast

import pytest

import tasks.run.paging
from models.sync.records import Counts, Cycle
from tasks.run.paging import each_page
from tasks.run.work import Work

WORK = cast(
    Work,
    SimpleNamespace(cycle=Cycle.order_import, account=SimpleNamespace(name="shop"), counts=Counts(read=7)),
)


@pytest.mark.parametrize(
    ("pages", "shown"),
    [
        ([None], []),
        (["2", "3", None], ["7 read so far", "7 read so far", "7 read"]),
    ],
)
def test_a_step_is_called_for_every_page(
    pages: list[str | None], shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beginning with the first; a progress bar is shown from the second on."""
    texts: list[str] = []
    monkeypatch.setattr(tasks.run.paging, "start_progress", lambda *_: "bar")
    monkeypatch.setattr(tasks.run.paging, "show_progress", lambda *arguments: texts.append(arguments[-1]))
    asked: list[str | None] = []
    answers = iter(pages)

    def step(page: str | None) -> str | None:
        asked.append(page)
        return next(answers)

    each_page(WORK, step, "first")

    assert asked == ["first", *pages[:-1]]
    assert texts == shown
