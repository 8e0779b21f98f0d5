"""What every command says of a database that does not fit, or is not there."""

from pathlib import Path

import pytest

from models.database.engine import dispose, get_engine
from tests.support.cli_steps import call, read, refused

READING = [
    ("tenant", "list"),
    ("account", "list"),
    ("order", "list"),
    ("article", "list"),
    ("stock", "list"),
    ("match", "list"),
    ("rejected", "list"),
    ("outbound", "list"),
    ("run", "list"),
    ("schedule", "list"),
]


def test_a_database_without_tables(data_dir: Path) -> None:
    """Reading tells what to do and makes no file; the first writing command makes the tables."""
    for command in READING:
        assert refused(*command) == (
            "The database has no tables yet. `warenfluss db upgrade` brings the tables up to date."
        )
    assert not list(data_dir.glob("*.db"))

    assert call("tenant", "add", "acme").exit_code == 0

    assert [row["name"] for row in read("tenant", "list")] == ["acme"]
    dispose()


def test_a_data_folder_that_cannot_be(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder should be: one sentence, no traceback."""
    from models.settings import get_settings

    (data_dir / "taken").write_text("", "utf-8")
    monkeypatch.setenv("WARENFLUSS_DATA_DIR", str(data_dir / "taken"))
    get_settings.cache_clear()

    assert "set WARENFLUSS_DATA_DIR to another" in refused("tenant", "add", "acme")


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        (
            "0000",
            "The database is of an older version. `warenfluss db upgrade` brings the tables up to date.",
        ),
        ("9999", "The database was made by a newer version of Warenfluss: update the program."),
        ("a1b2c3", "The database holds tables that are not Warenfluss's"),
    ],
)
def test_a_database_of_another_version(database: str, revision: str, sentence: str) -> None:
    """Nothing is migrated behind the operator's back."""
    with get_engine().begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")

    assert sentence in refused("order", "list")
    assert sentence in refused("tenant", "add", "other")


def test_a_database_that_is_not_reached(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence without the password."""
    from models.settings import get_settings

    monkeypatch.setenv(
        "WARENFLUSS_DATABASE_URL", "postgresql://user:s3cret@127.0.0.1:1/none?connect_timeout=2"
    )
    get_settings.cache_clear()

    sentence = refused("order", "list")

    assert "cannot be reached" in sentence
    assert "s3cret" not in sentence
