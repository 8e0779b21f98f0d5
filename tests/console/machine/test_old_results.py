"""What earlier versions left in Prefect's result storage goes; what may be somebody else's stays."""

from pathlib import Path

import pytest

from console.machine.old_results import delete_old_results

RESULT = '{"metadata": {}, "result": "gASVDAAAAAAAAACMCE11c3Rlcm1hbpQu"}'


def _make_results(storage: Path) -> Path:
    storage.mkdir(parents=True)
    (storage / "0123456789abcdef0123456789abcdef").write_text(RESULT)
    (storage / "deeper").mkdir()
    (storage / "deeper" / "0123456789abcdef0123456789abcdef").write_text(RESULT)
    return storage


def test_results_in_the_data_folder_go(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder beside the storage stays as it is, and a second call finds nothing to do."""
    home = data_dir / "prefect"
    storage = _make_results(home / "storage")
    (home / "prefect.db").write_bytes(b"runs")
    monkeypatch.setenv("PREFECT_HOME", str(home))

    delete_old_results()
    delete_old_results()

    assert not storage.exists()
    assert (home / "prefect.db").read_bytes() == b"runs"


def test_a_prefect_folder_elsewhere_is_left_alone(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be shared with other flows."""
    storage = _make_results(data_dir / "elsewhere" / "storage")
    monkeypatch.setenv("PREFECT_HOME", str(data_dir / "elsewhere"))

    delete_old_results()

    assert len(list(storage.rglob("0*"))) == 2


def test_a_linked_storage_is_left_alone(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it leads to may be anything; the log names it."""
    target = _make_results(data_dir / "elsewhere")
    home = data_dir / "prefect"
    home.mkdir()
    (home / "storage").symlink_to(target)
    monkeypatch.setenv("PREFECT_HOME", str(home))

    delete_old_results()

    assert len(list(target.rglob("0*"))) == 2
    assert str(home / "storage") in caplog.text
