"""Chores of a running installation: a failing one stops no other, and is logged once."""

import logging

import pytest

from console.machine.chores import Chore
from models.errors import RuleError


def test_a_failure_is_logged_once_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    """Of an unknown error only its kind is logged: its text may quote a buyer."""
    failures = [RuleError("no server"), RuleError("no server"), KeyError("Erika")]

    def action() -> None:
        if failures:
            raise failures.pop(0)

    chore = Chore("Overview", action, every_seconds=0)
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            chore.due_at = 0.0
            chore.do_if_due()

    assert caplog.messages == [
        "Overview: no server; trying again.",
        "Overview: KeyError; trying again.",
        "Overview: works again.",
    ]


def test_a_chore_waits_until_it_is_due() -> None:
    """It is done at once, and then not before its pause is over."""
    done: list[int] = []
    chore = Chore("Old records", lambda: done.append(1), every_seconds=600)
    chore.do_if_due()
    chore.do_if_due()
    assert len(done) == 1
