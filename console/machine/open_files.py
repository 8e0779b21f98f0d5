"""Files of this installation that other users can read: `doctor` names them, `up` closes them."""

import logging
from collections.abc import Iterator
from pathlib import Path

from models.database.engine import SIDE_FILES, sqlite_file
from models.files import close, find_open
from models.settings import Settings
from tasks.run.prefect_env import PASSWORD_FILE, env_file, home_of

logger = logging.getLogger(__name__)


def find_open_files(settings: Settings, *, within_reach: bool = False) -> Iterator[Path]:
    """Yield each open file and folder once: data, Prefect's data, an SQLite file elsewhere, and `.env`.

    `within_reach`: as in `models.files.find_open`.
    """
    places = [settings.data_dir, home_of(settings), env_file()]
    if database := sqlite_file(settings.database_url):
        places += [database.with_name(f"{database.name}{suffix}") for suffix in SIDE_FILES]
    found = (path for place in places for path in find_open(place, within_reach=within_reach))
    yield from dict.fromkeys(found)


def close_open_files(settings: Settings) -> None:
    """Close the files of this installation to other users, and log what was open.

    If the password of Prefect's server was within their reach, it is deleted, so that a new one is made.
    """
    reached = list(find_open_files(settings, within_reach=True))
    for path in find_open_files(settings):
        close(path)
    password = settings.data_dir / PASSWORD_FILE
    if password in reached:
        password.unlink()
    if reached:
        logger.warning(
            "Other users of this machine could read %s%s; they no longer can.",
            reached[0],
            f" and {len(reached) - 1} more" if len(reached) > 1 else "",
        )
