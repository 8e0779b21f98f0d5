"""The files in which Prefect kept the errors of failed runs, before flows ended with a state of their own."""

import logging
import os
import shutil
from pathlib import Path

from models.settings import get_settings

logger = logging.getLogger(__name__)


def delete_old_results() -> None:
    """Empty Prefect's result storage in the data folder; log a warning if that cannot be done.

    Runs write nothing there. Files of earlier versions may hold buyers' data, because an error of the
    database was stored with its parameters. A Prefect folder elsewhere (`PREFECT_HOME`) may be shared with
    other flows, and a linked folder may lie anywhere: both are left alone.
    """
    home = Path(os.environ.get("PREFECT_HOME", ""))
    storage = home / "storage"
    if home.resolve() != (get_settings().data_dir / "prefect").resolve() or not storage.is_dir():
        return
    if storage.is_symlink():
        logger.warning("Prefect's old results in %s stay: the folder is a link.", storage)
        return
    try:
        shutil.rmtree(storage)
    except OSError as error:
        logger.warning("Prefect's old results in %s could not be deleted (%s).", storage, error.strerror)
