"""The list of erasures, as it leaves the database and comes back after a restore."""

import json
from datetime import UTC, datetime

import pytest

from models.database.session import session_scope
from models.errors import Action, RuleError
from models.privacy.erasure import ErasedOrder, import_erasures, list_erasures, note_erasures, read_erasures
from tests.support.builders import make_shop

FIRST, LATER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


def test_an_erasure_is_noted_once_with_its_first_request(database: str) -> None:
    """Orders of accounts that are not there are left out, and not counted."""
    with session_scope() as session:
        make_shop(session)

        assert note_erasures(session, [("nord", "1"), ("nord", "1"), ("gone", "7")], FIRST) == 1
        erased = [ErasedOrder(account="nord", order=number, asked_at=LATER) for number in ("1", "2")]
        assert (
            import_erasures(session, [*erased, ErasedOrder(account="gone", order="7", asked_at=FIRST)]) == 2
        )
        assert [(each.order, each.asked_at) for each in list_erasures(session)] == [
            ("1", FIRST),
            ("2", LATER),
        ]


def test_a_list_is_read_as_it_was_written() -> None:
    """Anything else is refused with the command that writes one."""
    erased = ErasedOrder(account="nord", order="1", asked_at=FIRST)

    assert read_erasures(json.dumps([erased.model_dump(mode="json")])) == [erased]
    for text in ("Guten Tag", "{}", '[{"account": "nord", "order": "1", "asked_at": "2026-03-01T00:00:00"}]'):
        with pytest.raises(RuleError, match="holds no list of erasures") as refused:
            read_erasures(text)
        assert [each.action for each in refused.value.advice] == [Action.erasure_list]
