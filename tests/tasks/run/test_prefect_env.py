"""Which server a process talks to, and that its password goes to no other."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from models.errors import SettingsError
from models.settings import Settings
from tasks.run.prefect_env import (
    OWN_PAGES,
    PASSWORD,
    PASSWORD_FILE,
    SERVER_PASSWORD,
    find_password,
    find_server,
    names_of,
    origins_of,
    use_prefect,
    write_state,
)


@pytest.fixture(autouse=True)
def _environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any of Prefect's variables, and a settings file of the test's own."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WARENFLUSS_ENV_FILE", str(data_dir / "test.env"))


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def healthy() -> Iterator[str]:
    """The API address of a server that says it is healthy."""
    with HTTPServer(("127.0.0.1", 0), _Healthy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
        server.shutdown()


def test_the_password_is_made_once_for_its_owner_only(data_dir: Path) -> None:
    """Of many that ask at once, all get the same; nothing else is left."""
    folder = data_dir / "new"
    with ThreadPoolExecutor(16) as pool:
        passwords = set(pool.map(lambda _: find_password(folder), range(64)))

    (password,) = passwords
    user, _, secret = password.partition(":")
    assert user == "warenfluss"
    assert len(secret) >= 32
    assert [path.name for path in folder.iterdir()] == [PASSWORD_FILE]
    assert stat.S_IMODE((folder / PASSWORD_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert find_password(data_dir / "another") != password


@pytest.mark.parametrize("content", ["", "\n", "warenfluss:", ":x", "\xff"])
def test_a_file_without_a_password_is_refused(data_dir: Path, content: str) -> None:
    """A server with an empty password would let everybody in."""
    (data_dir / PASSWORD_FILE).write_text(content)

    with pytest.raises(SettingsError, match="holds no password: delete it"):
        find_password(data_dir)


@pytest.mark.parametrize("name", [PASSWORD, SERVER_PASSWORD])
def test_the_users_own_password_comes_first_and_is_never_empty(data_dir: Path, name: str) -> None:
    """It may stand in `.env`, too; then client and server have it."""
    (data_dir / "test.env").write_text(f"{name}=me:mine\n")
    assert use_prefect() == ""
    assert (os.environ[PASSWORD], os.environ[SERVER_PASSWORD]) == ("me:mine", "me:mine")
    assert not (data_dir / PASSWORD_FILE).exists()

    del os.environ[PASSWORD], os.environ[SERVER_PASSWORD]
    (data_dir / "test.env").write_text(f"{name}=\n")
    with pytest.raises(SettingsError, match=f"{name} is empty"):
        use_prefect()


def test_without_a_server_prefect_starts_one_with_the_password() -> None:
    """Also a server that lives for one command lets nobody else in."""
    assert use_prefect() == ""

    assert os.environ[PASSWORD] == os.environ[SERVER_PASSWORD] != ""
    assert os.environ[OWN_PAGES].split(",")[0] == "http://127.0.0.1:4200"


def test_the_server_of_up_gets_the_password(data_dir: Path, healthy: str) -> None:
    """Commands find it while `up` runs, also if PREFECT_API_URL names it."""
    write_state(data_dir, {"pid": os.getpid(), "api_url": healthy})
    assert find_server(data_dir) == healthy
    assert use_prefect() == healthy
    assert os.environ[PASSWORD] == (data_dir / PASSWORD_FILE).read_text().strip()

    del os.environ[PASSWORD], os.environ[SERVER_PASSWORD]
    assert os.environ["PREFECT_API_URL"] == healthy
    assert use_prefect() == healthy
    assert os.environ[PASSWORD] == (data_dir / PASSWORD_FILE).read_text().strip()


def test_no_other_server_gets_it(data_dir: Path, healthy: str) -> None:
    """Neither one that the user names, nor one at the address that a killed `up` left behind."""
    os.environ["PREFECT_API_URL"] = healthy
    assert use_prefect() == healthy
    assert PASSWORD not in os.environ

    del os.environ["PREFECT_API_URL"]
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    write_state(data_dir, {"pid": ended.pid, "api_url": healthy})
    assert find_server(data_dir) == ""
    (data_dir / "up.json").write_text(json.dumps({"api_url": healthy}))
    assert find_server(data_dir) == ""


def test_what_prefect_writes_is_for_its_owner_only(data_dir: Path) -> None:
    """Prefect's folder and all that this process writes from then on."""
    use_prefect()

    (data_dir / "file").write_text("")
    assert stat.S_IMODE((data_dir / "file").stat().st_mode) == 0o600
    assert stat.S_IMODE((data_dir / "prefect").stat().st_mode) == 0o700


def test_the_server_answers_to_its_own_names_only() -> None:
    """Those of this machine, of its public address, and what a setting adds."""
    usual = Settings(_env_file=None)
    assert names_of(usual) == ["127.0.0.1", "localhost", "::1"]
    assert origins_of(usual) == ["http://127.0.0.1:4200", "http://localhost:4200", "http://[::1]:4200"]

    public = Settings(
        _env_file=None,
        public_url="https://Sync.Example/prefect",
        prefect_host="0.0.0.0",
        prefect_port=80,
        prefect_names="server, 192.0.2.7",
    )
    assert names_of(public)[:3] == ["sync.example", "server", "192.0.2.7"]
    assert "0.0.0.0" not in names_of(public)
    assert origins_of(public)[:2] == ["https://sync.example", "http://sync.example"]
