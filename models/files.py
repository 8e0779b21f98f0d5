"""Files and folders that only their owner can read: mode 0600, folders 0700.

Nothing here depends on the umask of the process. `narrow_umask` is for what libraries write by themselves.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from models.errors import RuleError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
OTHERS = 0o077
"""The permission bits of everybody but the owner."""


def narrow_umask() -> None:
    """Make every file that this process and its children create readable by their owner only."""
    os.umask(OTHERS)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents for the owner only; existing ones stay as they are.

    Raises: OSError.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        # Another process may create it at the same moment.
        one.mkdir(FOLDER_MODE, exist_ok=True)


def open_private(path: str, flags: int) -> int:
    """Open a file that only its owner can read, also if it exists: an `opener` for `open`."""
    descriptor = os.open(path, flags, FILE_MODE)
    if flags & (os.O_WRONLY | os.O_RDWR) and os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


@contextmanager
def write_whole(file: Path) -> Iterator[Path]:
    """Yield the name of a temporary file, which replaces `file` when the block ends without an error.

    Then it is on the disk, and only its owner can read it. Other processes see the old file or the new one,
    never a part. Raises: RuleError, if it cannot be written.
    """
    target = file.resolve()
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        if target.exists() and not target.is_file():
            raise RuleError(f"{file} cannot be written: it is no ordinary file.")
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
        yield part
        with part.open("rb") as written:
            os.fchmod(written.fileno(), FILE_MODE)
            os.fsync(written.fileno())
        part.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise RuleError(f"{file} cannot be written ({error.strerror or type(error).__name__}).") from None
    finally:
        part.unlink(missing_ok=True)


def write_private(file: Path, content: bytes) -> None:
    """Write a file for the owner only, as `write_whole` does. Raises: RuleError."""
    with write_whole(file) as part:
        part.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk: new, renamed and deleted files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_open(folder: Path, *, within_reach: bool = False) -> Iterator[Path]:
    """Yield the folder, and all below it, that others than the owner can read or write.

    `folder` may also be a file. If `within_reach` is true, what lies in a folder that is closed to others is
    left out. Symbolic links are not followed, and files of other users are left out, because this user cannot
    close them.
    """
    if _is_open(folder) and not (within_reach and _is_behind_closed_folder(folder)):
        yield folder
    elif within_reach:
        return
    for place, folders, files in os.walk(folder):
        found = {name for name in (*folders, *files) if _is_open(Path(place, name))}
        yield from (Path(place, name) for name in sorted(found))
        if within_reach:
            folders[:] = [name for name in folders if name in found]


def close(path: Path) -> None:
    """Take the permissions of everybody but the owner from a file or folder. Raises: OSError."""
    path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~OTHERS)


def _is_open(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    is_ours = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
    return is_ours and bool(found.st_mode & OTHERS)


def _is_behind_closed_folder(path: Path) -> bool:
    return not path.is_dir() and not path.parent.stat().st_mode & OTHERS
