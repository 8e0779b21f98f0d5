"""Prefect's environment: where Prefect keeps its data, which server a process talks to, and its password.

Importing this module imports nothing of Prefect, which reads its environment once, when it is first imported.
"""

import http.client
import json
import os
import secrets
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import certifi

from models.errors import SettingsError
from models.files import make_folder, narrow_umask, write_private
from models.settings import PREFIX, Settings, get_settings, project_folder

STATE_FILE = "up.json"
PASSWORD_FILE = "prefect.password"  # noqa: S105 - a name
PASSWORD = "PREFECT_API_AUTH_STRING"  # noqa: S105 - a name
"""Prefect's name for what a client sends."""
SERVER_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 - a name
"""Prefect's name for what its server wants."""
OWN_PAGES = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
"""Prefect's name for the origins whose pages may call its server."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
HEALTH_SECONDS = 2.0
HTTP_PORT = 80
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

    Empty means that Prefect starts a server for this process. Variables that the user has set stay. The
    password goes only to the server of this installation. From here on, this process writes files for their
    owner only. Call it before anything imports Prefect; repeating it is harmless.
    Raises: SettingsError; RuleError, if the data folder cannot be written.
    """
    narrow_umask()
    settings = get_settings()
    for name, value in _read_env_file().items():
        os.environ.setdefault(name, value)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    home = Path(os.environ.setdefault("PREFECT_HOME", str(home_of(settings))))
    # Prefect makes the folder but not its parents, and without them it runs on without a folder.
    make_folder(home)
    if not any(name.startswith(DATABASE) for name in os.environ):
        os.environ[f"{DATABASE[0]}CONNECTION_URL"] = (
            f"sqlite+aiosqlite:///{home / 'prefect.db'}?plugin={ONE_CONNECTION}"
        )
    own = find_server(settings.data_dir)
    url = os.environ.get("PREFECT_API_URL") or own
    if url == own:
        for name in (PASSWORD, SERVER_PASSWORD):
            os.environ[name] = find_password(settings.data_dir)
        os.environ.setdefault(OWN_PAGES, ",".join(origins_of(settings)))
    if urlsplit(url).scheme != "https":
        os.environ.setdefault("PREFECT_API_SSL_CERT_FILE", str(write_one_authority(home)))
    if url:
        os.environ["PREFECT_API_URL"] = url
    else:
        os.environ.pop("PREFECT_API_URL", None)
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_ENABLED", "true")
    return url


def use_prefect_now() -> None:
    """Prepare this process as `use_prefect` does, although Prefect is loaded, unless it has a server already.

    For code that imports a flow and calls it. Raises: as `use_prefect`.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    api = get_current_settings().api
    if not api.url or (not api.auth_string and api.url == find_server(get_settings().data_dir)):
        use_prefect()
        refresh_global_settings_context()


def find_password(data_dir: Path) -> str:
    """Return the password of this installation's Prefect server, as `user:password`.

    The user's variables come first. Else it is in a file of the data folder, which the first call makes.
    Raises: SettingsError, if the file holds none; RuleError, if it cannot be written.
    """
    for name in (SERVER_PASSWORD, PASSWORD):
        if name in os.environ:
            if not os.environ[name]:
                raise SettingsError(f"{name} is empty: remove it, or set it to user:password.")
            return os.environ[name]
    file = data_dir / PASSWORD_FILE
    if not file.exists():
        make_folder(data_dir)
        draft = data_dir / f".{PASSWORD_FILE}.{uuid4().hex[:8]}"
        write_private(draft, f"warenfluss:{secrets.token_urlsafe(24)}\n".encode())
        # Of several processes, the first one makes it.
        with suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    password = file.read_text("ascii", errors="replace").strip()
    if not all(password.partition(":")):
        raise SettingsError(f"{file} holds no password: delete it, and a new one is made.")
    return password


def names_of(settings: Settings) -> list[str]:
    """Return the host names to which this installation's Prefect server answers."""
    named = [urlsplit(str(settings.public_url)).hostname or "", *settings.prefect_names]
    if settings.prefect_host not in ANYWHERE:
        named.append(settings.prefect_host)
    return list(dict.fromkeys([*(name.lower() for name in named), *LOOPBACK]))


def origins_of(settings: Settings) -> list[str]:
    """Return the origins whose pages may call this installation's Prefect server: its own."""
    public = urlsplit(str(settings.public_url))
    own = f"{public.scheme}://{public.netloc}"
    return list(dict.fromkeys([own, *(base_url(name, settings.prefect_port) for name in names_of(settings))]))


def base_url(host: str, port: int) -> str:
    """Return the address of a server without TLS, as a browser writes it."""
    return f"http://{f'[{host}]' if ':' in host else host}{'' if port == HTTP_PORT else f':{port}'}"


def home_of(settings: Settings) -> Path:
    """Return the folder where Prefect keeps its data; it may be missing."""
    named = os.environ.get("PREFECT_HOME") or _read_env_file().get("PREFECT_HOME")
    return Path(named) if named else settings.data_dir / "prefect"


def write_one_authority(folder: Path) -> Path:
    """Return a file with the certificate of one authority, for connections by plain HTTP.

    Each client of Prefect loads the certificates that it trusts, even for plain HTTP; 140 of them take 20 ms.
    """
    file = folder / "authority.pem"
    if not file.exists():
        everyone = Path(certifi.where()).read_text("ascii")
        end = "-----END CERTIFICATE-----\n"
        first = everyone[everyone.index("-----BEGIN") : everyone.index(end) + len(end)]
        write_private(file, first.encode("ascii"))
    return file


def env_file() -> Path:
    """Return the file with settings that are not in the environment; it may be missing."""
    return Path(os.environ.get(f"{PREFIX}ENV_FILE") or project_folder() / ".env").resolve()


def find_server(data_dir: Path) -> str:
    """Return the API address of the server that `up` runs for a data folder; empty if none answers.

    The state of a killed `up` counts as none: another program may listen at its address now, and must not get
    the password.
    """
    state = read_state(data_dir)
    url, pid = str(state.get("api_url", "")), state.get("pid")
    return url if url and isinstance(pid, int) and _is_ours(pid) and is_healthy(url) else ""


def _is_ours(pid: int) -> bool:
    """Return whether a process lives and belongs to this user."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def read_state(data_dir: Path) -> dict[str, object]:
    """Return the state that a running `up` has saved; empty if none runs."""
    try:
        state = json.loads((data_dir / STATE_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(data_dir: Path, state: dict[str, object]) -> None:
    """Save where this `up` can be reached; a reader gets the old state or the new one, never a part."""
    write_private(data_dir / STATE_FILE, json.dumps(state).encode())


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
