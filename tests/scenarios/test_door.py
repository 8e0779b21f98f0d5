"""Prefect's door, tried from outside: by a web page, by another user of the machine, and by its owner."""

import json
import os
import pwd
import shutil
import stat
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp

import httpx
import pytest
from playwright.sync_api import Browser
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from models.settings import get_settings
from tasks.run.prefect_env import PASSWORD_FILE
from tasks.run.secrets import save_secrets
from tests.support.prefect_server import find_port
from tests.support.required import missing
from tests.support.running import Running, running

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(240)]

TOKEN = "the-token-of-the-shop"
EVIL = "http://evil.example"


def ask_for_secrets(up: Running, headers: Mapping[str, str]) -> httpx.Response:
    """Return the answer to the question for all secrets in clear."""
    url = f"{up.api_url}/block_documents/filter"
    with httpx.Client(trust_env=False) as client:
        return client.post(url, json={"include_secrets": True}, headers=headers)


def ask_for_a_command(up: Running, headers: Mapping[str, str]) -> httpx.Response:
    """Return the answer to a run with a command of its own."""
    url = f"{up.api_url}/deployments/00000000-0000-0000-0000-000000000000/create_flow_run"
    with httpx.Client(trust_env=False) as client:
        return client.post(url, json={"job_variables": {"command": "true"}}, headers=headers)


def listen(up: Running, *, origin: str | None, token: str) -> str:
    """Return the first message of a websocket of Prefect, which says whether it lets in."""
    uri = f"ws://127.0.0.1:{up.port}/api/events/out"
    named = Origin(origin) if origin else None
    with connect(uri, origin=named, subprotocols=[Subprotocol("prefect")], proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        return str(socket.recv(timeout=20))


def test_nobody_gets_in_who_was_not_let_in(sqlite_database: str, data_dir: Path, browser: Browser) -> None:
    """Neither without the password, nor from a foreign page, nor by a foreign name; the owner does."""
    with running(data_dir, PREFECT_SERVER_UI_ENABLED="true") as up:
        assert "`warenfluss password` prints it" in up.text
        save_secrets("shop", {"partner_token": TOKEN})
        password = (data_dir / PASSWORD_FILE).read_text("ascii").strip()
        login = {"Authorization": f"Basic {b64encode(password.encode()).decode()}"}
        wrong = {"Authorization": f"Basic {b64encode(b'warenfluss:wrong').decode()}"}

        assert TOKEN in ask_for_secrets(up, login).text
        own_pages = ask_for_secrets(up, login | {"Origin": f"http://localhost:{up.port}"})
        assert own_pages.headers["access-control-allow-origin"] == f"http://localhost:{up.port}"
        assert TOKEN in own_pages.text
        for ask in (ask_for_secrets, ask_for_a_command):
            for headers, status in (
                ({}, 401),
                (wrong, 401),
                ({"Origin": EVIL}, 403),
                (login | {"Origin": EVIL}, 403),
                (login | {"Origin": "null"}, 403),
                (login | {"Host": "evil.example"}, 400),
                (login | {"Host": f"evil.example:{up.port}"}, 400),
            ):
                answer = ask(up, headers)
                assert (answer.status_code, headers) == (status, headers)
                assert TOKEN not in answer.text
                assert "access-control-allow-origin" not in answer.headers
        with pytest.raises(InvalidStatus, match="403"):
            listen(up, origin=EVIL, token=password)
        with pytest.raises(ConnectionClosed, match="Invalid token"):
            listen(up, origin=None, token="warenfluss:wrong")
        assert "auth_success" in listen(up, origin=None, token=password)

        log_in(browser, up, password)
        for log in (up.output, *(data_dir / "logs").iterdir()):
            assert password not in log.read_text()


def log_in(browser: Browser, up: Running, password: str) -> None:
    """Log in as a person does, at an address that is not the one that the pages call."""
    page = browser.new_page()
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://localhost:{up.port}/")
    page.get_by_placeholder("admin:pass").fill(password)
    page.get_by_role("button", name="Login").click()
    page.get_by_text("Dashboard").first.wait_for()
    page.on("response", lambda answer: refused.append(answer.url) if answer.status in (401, 403) else None)
    # The older pages, to which the links in mails lead.
    page.goto(f"http://localhost:{up.port}/runs", wait_until="networkidle")
    page.get_by_text("Run a task or flow to get started").wait_for()
    page.close()
    assert not refused
    # A picture inside a page has no host.
    assert {httpx.URL(url).host for url in asked} == {"localhost", "127.0.0.1", ""}


@pytest.fixture
def reachable(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder as an older version left it, whose parents let other users pass."""
    if os.geteuid() != 0:
        missing("root", "only root can try as another user")
    folder = Path(mkdtemp(prefix="warenfluss-door-"))
    folder.chmod(0o755)
    for name in ("prefect", "logs"):
        (folder / name).mkdir()
    for name in ("prefect/prefect.db.backup", "logs/server.log"):
        (folder / name).write_text("seen by others")
    (folder / PASSWORD_FILE).write_text("warenfluss:known-to-others")
    monkeypatch.setenv("WARENFLUSS_DATA_DIR", str(folder))
    get_settings.cache_clear()
    yield folder
    get_settings.cache_clear()
    shutil.rmtree(folder)


def test_another_user_of_the_machine_reads_nothing(reachable: Path) -> None:
    """Not even where the installation was open before, under the usual umask."""
    assert reads(reachable / PASSWORD_FILE)
    with running(reachable) as up:
        save_secrets("shop", {"partner_token": TOKEN})
        everything = [reachable, *reachable.rglob("*")]
        # The output of this `up` is written by the test.
        everything.remove(up.output)
        names = {path.name for path in everything}
        assert {"warenfluss.db-wal", "prefect.db-wal", "prefect.db.backup", "worker.log"} <= names
        for path in everything:
            assert (path, stat.S_IMODE(path.stat().st_mode) & 0o077) == (path, 0)
            assert not reads(path)
        assert f"Other users of this machine could read {reachable} and " in up.text
        assert "known-to-others" not in (reachable / PASSWORD_FILE).read_text()


def reads(path: Path) -> bool:
    """Return whether the user `nobody` can read a file or folder."""
    nobody = pwd.getpwnam("nobody")
    program = shutil.which("ls" if path.is_dir() else "head") or ""
    done = subprocess.run(
        [program, str(path)],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_no_server_listens_without_a_password(sqlite_database: str, data_dir: Path, host: str) -> None:
    """An empty password is refused in one sentence, before anything is started."""
    up = Running(
        data_dir, find_port(), {"WARENFLUSS_PREFECT_HOST": host, "PREFECT_SERVER_API_AUTH_STRING": ""}
    )

    assert up.process.wait(60) == 1

    assert up.text == "PREFECT_SERVER_API_AUTH_STRING is empty: remove it, or set it to user:password.\n"
    assert not (data_dir / "logs").exists()
