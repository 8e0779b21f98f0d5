"""`warenfluss db`: the schema there and back."""

from pathlib import Path

import pytest

from tests.support.cli_steps import call, read, refused


def test_migrating_there_and_back(
    empty_database_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`db upgrade` makes the tables and is repeatable; an unknown revision is refused in one sentence."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_DATABASE_URL", empty_database_url)
    get_settings.cache_clear()

    assert call("db", "upgrade").exit_code == 0
    assert "up to date" in call("db", "upgrade").stderr
    assert read("tenant", "list") == []
    assert "no way to revision 'nix'" in refused("db", "upgrade", "--revision", "nix")
    assert call("db", "downgrade", "base", given="n\n").exit_code == 1
    assert read("tenant", "list") == []
    assert call("db", "downgrade", "base", "--yes").exit_code == 0
    assert "no tables yet" in refused("tenant", "list")
