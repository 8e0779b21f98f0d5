"""Files that other users can read: which are found, and that `up` closes them."""

import logging
import stat
from pathlib import Path

import pytest

from console.machine.open_files import close_open_files, find_open_files
from models.settings import Settings
from tasks.run.prefect_env import PASSWORD_FILE


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with its database, its settings file and Prefect's data in places of their own."""
    for name in ("data", "elsewhere", "home"):
        (tmp_path / name).mkdir(0o755)
        (tmp_path / name).chmod(0o755)
    files = (
        "data/up.json",
        f"data/{PASSWORD_FILE}",
        "elsewhere/shop.db",
        "elsewhere/shop.db-wal",
        "home/prefect.db",
    )
    for name in (*files, ".env"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    monkeypatch.setenv("WARENFLUSS_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    return Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        database_url=f"sqlite:///{tmp_path / 'elsewhere' / 'shop.db'}",
    )


def names(found: list[Path], folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in found}


def test_every_place_of_the_installation_is_searched(settings: Settings, tmp_path: Path) -> None:
    """The folder of a database elsewhere is not ours; its files are."""
    assert names(list(find_open_files(settings)), tmp_path) == {
        *("data", "data/up.json", f"data/{PASSWORD_FILE}", "home", "home/prefect.db", ".env"),
        *("elsewhere/shop.db", "elsewhere/shop.db-wal"),
    }
    (tmp_path / "elsewhere").chmod(0o700)
    (tmp_path / "data").chmod(0o700)
    # The folder of the settings file is closed to others from the beginning.
    assert names(list(find_open_files(settings, within_reach=True)), tmp_path) == {"home", "home/prefect.db"}


def test_up_closes_them_and_says_so(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A password that was within reach is not used again."""
    with caplog.at_level(logging.WARNING):
        close_open_files(settings)

    assert caplog.messages == [
        f"Other users of this machine could read {tmp_path / 'data'} and 6 more; they no longer can."
    ]
    assert list(find_open_files(settings)) == []
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "elsewhere" / "shop.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755
    assert not (tmp_path / "data" / PASSWORD_FILE).exists()

    caplog.clear()
    (tmp_path / "data" / PASSWORD_FILE).touch(0o600)
    close_open_files(settings)
    assert caplog.messages == []
    assert (tmp_path / "data" / PASSWORD_FILE).exists()
