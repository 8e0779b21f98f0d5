"""Prefect's environment: where Prefect keeps its data, and which server a process talks to.

This module imports nothing of Prefect: Prefect reads its environment once, when it is first imported.
"""

import http.client
import json
import os
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from models.settings import PREFIX, get_settings, project_folder

STATE_FILE = "up.json"
HEALTH_SECONDS = 2.0
DATABASE = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_")
"""How the settings begin that name the database of Prefect's server."""
ONE_CONNECTION = "one-connection"
"""The plugin of `deployments.sqlite_pool`; SQLAlchemy finds it by this name."""
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # By default Prefect gives its own server 20 seconds to start; a busy machine needs more.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Runs are planned ten minutes ahead, for a few deployments at a time: an hour of five hundred schedules
    # is thousands of rows in one transaction, and SQLite lets no one else write during it.
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT10M",
    "PREFECT_SERVER_SERVICES_SCHEDULER_DEPLOYMENT_BATCH_SIZE": "20",
    # Without `flow_runs` old runs are never deleted.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    # The automation of `deployments.silent_runs` expects a heartbeat every half minute.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}


def use_prefect() -> str:
    """Prepare this process's environment for Prefect; return the server's API address.

    Empty means that Prefect starts its own server inside this process. Variables that the user has set stay.
    Call it before anything imports Prefect; repeating it is harmless.
    Raises: SettingsError.
    """
    settings = get_settings()
    for name, value in _read_env_file().items():
        os.environ.setdefault(name, value)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    home = Path(os.environ.setdefault("PREFECT_HOME", str(settings.data_dir / "prefect")))
    # Prefect makes the folder but not its parents, and without them it runs on without a folder.
    home.mkdir(parents=True, exist_ok=True)
    if not any(name.startswith(DATABASE) for name in os.environ):
        os.environ[f"{DATABASE[0]}CONNECTION_URL"] = (
            f"sqlite+aiosqlite:///{home / 'prefect.db'}?plugin={ONE_CONNECTION}"
        )
    url = os.environ.get("PREFECT_API_URL") or find_server(settings.data_dir)
    if urlsplit(url).scheme != "https":
        os.environ.setdefault("PREFECT_API_SSL_CERT_FILE", str(write_one_authority(home)))
    if url:
        os.environ["PREFECT_API_URL"] = url
    else:
        os.environ.pop("PREFECT_API_URL", None)
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_ENABLED", "true")
    return url


def write_one_authority(folder: Path) -> Path:
    """Return a file with the certificate of one authority, for connections by plain HTTP.

    Each client of Prefect loads the certificates that it trusts, even for plain HTTP; 140 of them take 20 ms.
    """
    file = folder / "authority.pem"
    if not file.exists():
        everyone = Path(certifi.where()).read_text("ascii")
        end = "-----END CERTIFICATE-----\n"
        draft = folder / f"authority.{os.getpid()}.new"
        draft.write_text(everyone[everyone.index("-----BEGIN") : everyone.index(end) + len(end)], "ascii")
        draft.replace(file)
    return file


def env_file() -> Path:
    """Return the file with settings that are not in the environment; it may be missing."""
    return Path(os.environ.get(f"{PREFIX}ENV_FILE") or project_folder() / ".env").resolve()


def find_server(data_dir: Path) -> str:
    """Return the API address of the server that `up` runs for a data folder; empty if none answers."""
    state = read_state(data_dir)
    url = str(state.get("api_url", ""))
    return url if url and is_healthy(url) else ""


def read_state(data_dir: Path) -> dict[str, object]:
    """Return the state that a running `up` has saved; empty if none runs."""
    try:
        state = json.loads((data_dir / STATE_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(data_dir: Path, state: dict[str, object]) -> None:
    """Save where this `up` can be reached; a reader gets the old state or the new one, never a part."""
    draft = data_dir / f"{STATE_FILE}.new"
    draft.write_text(json.dumps(state), "utf-8")
    draft.replace(data_dir / STATE_FILE)


def clear_state(data_dir: Path) -> None:
    """Delete the saved state."""
    (data_dir / STATE_FILE).unlink(missing_ok=True)


def is_healthy(api_url: str) -> bool:
    """Return whether a Prefect server answers at this API address within `HEALTH_SECONDS`."""
    parts = urlsplit(api_url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    # Not httpx: it would send requests to this machine through a proxy of the environment.
    connection = connect(parts.hostname or "", parts.port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _read_env_file() -> dict[str, str]:
    """Return Prefect's variables in the settings file.

    Prefect reads `.env` of the working directory only, and each run has its own working directory.
    """
    try:
        lines = env_file().read_text("utf-8").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and name.strip().startswith("PREFECT_"):
            found[name.strip()] = value.strip().strip("'\"")
    return found
