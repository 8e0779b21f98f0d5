"""What was erased stands in none of the database's files any more."""

import random
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from models.database import erased_text
from models.database.erased_text import empty_log, remove_old_remains, remove_remains, rewrite
from models.database.session import session_scope
from models.errors import RuleError
from models.orders.order import Customer
from tests.support.builders import make_shop

BUYERS = 1_500


def files_of(url: str) -> dict[str, bytes]:
    """Return the content of the database's files by the end of their name."""
    file = Path(url.removeprefix("sqlite:///"))
    return {
        path.name.removeprefix(file.name): path.read_bytes() for path in file.parent.glob(f"{file.name}*")
    }


def remains(url: str, words: list[str]) -> list[str]:
    found = files_of(url).values()
    return [word for word in words if any(word.encode() in content for content in found)]


def erase_half() -> list[str]:
    """Add buyers in random order, which splits pages of indexes; erase half of them, return their words."""
    chance = random.Random(7)
    numbers = list(range(BUYERS))
    chance.shuffle(numbers)
    with session_scope() as session:
        account_id = make_shop(session).account.id
    for begin in range(0, BUYERS, 100):
        with session_scope() as session:
            session.add_all(
                Customer(
                    account_id=account_id,
                    external_id=f"user-{number:05}-secret",
                    user_name="x" * chance.randrange(200),
                    email=f"mail-{number:05}-secret",
                )
                for number in numbers[begin : begin + 100]
            )
    erased = sorted(chance.sample(numbers, BUYERS // 2))
    with session_scope() as session:
        for number in erased:
            session.execute(
                update(Customer)
                .where(col(Customer.external_id) == f"user-{number:05}-secret")
                .values(external_id=f"anonymous {number}", email="", user_name="")
            )
    return [f"{kind}-{number:05}-secret" for kind in ("user", "mail") for number in erased]


def test_nothing_of_erased_text_is_left(sqlite_file: str) -> None:
    """Neither in the log, nor in unused parts of pages; what was not erased is there."""
    erased = erase_half()
    assert remains(sqlite_file, erased)

    assert remove_remains()

    assert remains(sqlite_file, erased) == []
    with session_scope() as session:
        kept = session.exec(select(Customer.email).where(col(Customer.email) != "")).all()
    assert len(kept) == BUYERS - BUYERS // 2
    assert set(remains(sqlite_file, list(kept))) == set(kept)


def test_a_large_file_is_left_to_a_quiet_hour(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log is emptied at once; a rewrite that a person asks for does the rest."""
    monkeypatch.setattr(erased_text, "SMALL_BYTES", 0)
    erased = erase_half()

    assert not remove_remains()
    assert files_of(sqlite_file)["-wal"] == b""
    rewrite()

    assert remains(sqlite_file, erased) == []


def test_readers_are_waited_for_a_little(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that stays in use fails nothing; the next call empties it."""
    monkeypatch.setattr(erased_text, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(erased_text, "ATTEMPT_SECONDS", 0.0)
    reader = sqlite3.connect(sqlite_file.removeprefix("sqlite:///"), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM customer").fetchone()
    erase_half()

    assert not empty_log()
    assert not remove_remains()
    with pytest.raises(RuleError, match="others read it all the time"):
        rewrite()
    reader.execute("COMMIT")

    assert empty_log()
    assert files_of(sqlite_file)["-wal"] == b""
    reader.close()


def test_a_writer_is_waited_for_a_little(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the rewrite is refused in a sentence, and what only tries goes on."""
    monkeypatch.setattr(erased_text, "BUSY_TIMEOUT_SECONDS", 0)
    writer = sqlite3.connect(sqlite_file.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(RuleError, match=r"cannot be rewritten now \(database is locked\)"):
        rewrite()
    assert not remove_remains()
    writer.close()


def test_what_older_programs_erased_goes_once(sqlite_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They did not overwrite it; later starts find nothing to do."""
    with sqlite3.connect(sqlite_file.removeprefix("sqlite:///"), isolation_level=None) as older:
        older.execute("PRAGMA secure_delete=OFF")
        older.execute("CREATE TABLE old (words TEXT)")
        older.executemany("INSERT INTO old VALUES (?)", [(f"{number}-secret" * 40,) for number in range(500)])
        older.execute("DELETE FROM old")
        older.execute("DROP TABLE old")
    older.close()
    assert remains(sqlite_file, ["7-secret"])

    remove_old_remains()

    assert remains(sqlite_file, ["7-secret"]) == []
    monkeypatch.setattr(erased_text, "remove_remains", lambda: pytest.fail("it was done before"))
    remove_old_remains()


def test_postgres_is_rewritten_when_asked_to(postgres_database: str) -> None:
    """A vacuum alone overwrites nothing, so nothing is promised."""
    erase_half()

    assert empty_log()
    assert not remove_remains()
    remove_old_remains()
    rewrite()

    with session_scope() as session:
        assert len(session.exec(select(Customer.email).where(col(Customer.email) != "")).all()) == BUYERS // 2
