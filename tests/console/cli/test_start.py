"""`warenfluss password`: it is printed to its owner, and never for a server of somebody else."""

from pathlib import Path

import pytest

from tasks.run.prefect_env import PASSWORD, PASSWORD_FILE, SERVER_PASSWORD
from tests.support.cli_steps import call, refused


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a server nor a password is named."""
    for name in ("PREFECT_API_URL", PASSWORD, SERVER_PASSWORD):
        monkeypatch.delenv(name, raising=False)


def test_the_password_is_printed(data_dir: Path) -> None:
    """Also before the first `up`, which then uses it."""
    printed = call("password").stdout

    assert printed.strip() == (data_dir / PASSWORD_FILE).read_text().strip()
    assert call("password").stdout == printed


def test_another_server_has_its_own(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This installation does not know it."""
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")

    assert "names the server at http://prefect.example/api" in refused("password")
    assert not (data_dir / PASSWORD_FILE).exists()
