"""Files for their owner alone: new, replaced, and in folders that were open before."""

import os
import stat
from pathlib import Path

import pytest

from models.errors import RuleError
from models.files import close, find_open, make_folder, narrow_umask, open_private, write_private, write_whole


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_and_its_missing_parents_are_closed(tmp_path: Path) -> None:
    """A parent that was there keeps its mode."""
    (tmp_path / "there").mkdir()

    make_folder(tmp_path / "there" / "data" / "logs")

    assert mode_of(tmp_path / "there") == 0o755
    assert mode_of(tmp_path / "there" / "data") == 0o700
    assert mode_of(tmp_path / "there" / "data" / "logs") == 0o700


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_an_opened_file_is_closed_to_others_also_if_it_was_there(tmp_path: Path, mode: str) -> None:
    """Reading alone changes nothing."""
    file = tmp_path / "log"
    file.write_text("before")
    assert mode_of(file) == 0o644

    with open(file, opener=open_private):
        assert mode_of(file) == 0o644
    with open(file, mode, opener=open_private):
        assert mode_of(file) == 0o600


def test_a_replaced_file_is_closed_to_others(tmp_path: Path) -> None:
    """The content is whole, and nothing else lies beside it."""
    file = tmp_path / "export.csv"
    file.write_text("a longer content than the new one")

    write_private(file, b"new")

    assert file.read_bytes() == b"new"
    assert mode_of(file) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]


def test_a_file_stays_as_it_was_if_the_new_one_fails(tmp_path: Path) -> None:
    """An error in the block leaves the old content and no part."""
    file = tmp_path / "export.csv"
    file.write_text("old")

    with pytest.raises(ZeroDivisionError), write_whole(file) as part:
        part.write_text(f"half {1 / 0}")

    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    """The link stays a link."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)

    write_private(link, b"new")

    assert link.is_symlink()
    assert target.read_text() == "new"


def test_no_device_or_folder_is_replaced(tmp_path: Path) -> None:
    """It is refused in a sentence."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for file in (pipe, tmp_path):
        with pytest.raises(RuleError, match="cannot be written: it is no ordinary file"):
            write_private(file, b"")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_is_open_is_found_and_closed(tmp_path: Path) -> None:
    """Folders count, too; links and closed files do not."""
    folder = tmp_path / "data"
    folder.mkdir(0o755)
    (folder / "open").write_text("")
    (folder / "closed").write_text("")
    (folder / "closed").chmod(0o600)
    (folder / "link").symlink_to("/etc/hostname")
    (folder / "below").mkdir(0o700)
    (folder / "below" / "shared").write_text("")
    (folder / "below" / "shared").chmod(0o620)
    (folder / "program").write_text("")
    (folder / "program").chmod(0o700)

    below = folder / "below" / "shared"
    assert set(find_open(folder, within_reach=True)) == {folder, folder / "open"}
    found = set(find_open(folder))
    assert found == {folder, folder / "open", below}

    for path in found:
        close(path)
    assert list(find_open(folder)) == []
    below.chmod(0o644)
    assert list(find_open(folder, within_reach=True)) == list(find_open(below, within_reach=True)) == []
    assert list(find_open(below)) == [below]
    assert list(find_open(folder / "none")) == list(find_open(folder / "none" / "at" / "all")) == []
    assert mode_of(folder / "program") == 0o700
    assert mode_of(folder) == 0o700


def test_a_narrow_umask_closes_what_libraries_write(tmp_path: Path) -> None:
    """New files and folders have no permissions for others."""
    narrow_umask()

    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    assert mode_of(tmp_path / "file") == 0o600
    assert mode_of(tmp_path / "folder") == 0o700
