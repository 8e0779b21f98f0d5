"""`warenfluss doctor`: each problem in a sentence, with what to do."""

import json
import socket
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from console.cli.doctor import explain, subject_of
from console.machine.health import Problem, ProblemKind, check_service
from deployments.work_pool import PoolService
from models.database.session import session_scope
from models.sync.delivery import list_outbound, mark_failed
from models.sync.outbound import OutboundState, queue_outbound
from models.sync.records import OutboundKind
from tests.support.cli_steps import call, open_shop
from tests.support.smtp import SmtpServer

SEEN_AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ABOUT_ACCOUNTS = {
    ProblemKind.draft,
    ProblemKind.account_settings,
    ProblemKind.parked,
    ProblemKind.differences,
    ProblemKind.rejected,
    ProblemKind.held_orders,
    ProblemKind.failing,
    ProblemKind.overdue,
    ProblemKind.vanished,
    ProblemKind.login,
}


@pytest.fixture
def no_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Prefect server is named."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def _subjects(*arguments: str) -> tuple[int, dict[str, bool]]:
    result = call("doctor", "--json", *arguments)
    return result.exit_code, {each["subject"]: each["urgent"] for each in json.loads(result.stdout)}


def test_doctor_without_tables(data_dir: Path) -> None:
    """The first thing missing is named with what to do."""
    result = call("doctor")
    assert result.exit_code == 1
    assert "It has no tables yet.\n         `warenfluss db upgrade` brings" in result.stdout


def test_doctor_names_what_others_can_read(data_dir: Path) -> None:
    """And who closes it."""
    data_dir.chmod(0o750)
    result = call("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith(
        f"PROBLEM  files: Other users of this machine can read {data_dir}.\n"
        "         `up` closes them when it starts. `warenfluss up` starts everything on this machine."
    )


def test_doctor_of_a_fresh_installation(sqlite_database: str, no_prefect: None) -> None:
    """Before anything is live there is nothing urgent."""
    assert _subjects() == (0, {"mail": False, "Prefect": False, "accounts": False})


def test_doctor_finds_what_needs_a_person(
    sqlite_database: str, no_prefect: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live account makes silence, a missing server and parked changes urgent."""
    from models.settings import get_settings

    open_shop()
    with session_scope() as session:
        queue_outbound(session, 1, OutboundKind.stock, ["5"])
        (row,) = list_outbound(session, [OutboundState.pending])
        mark_failed(session, row, "refused", final=True)
    assert _subjects() == (1, {"mail": True, "Prefect": True, "shop": True})

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("WARENFLUSS_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("WARENFLUSS_SMTP_PORT", str(port))
    monkeypatch.setenv("WARENFLUSS_MAIL_TO", "ops@acme.example")
    get_settings.cache_clear()
    result = call("doctor")
    assert result.exit_code == 1
    assert "The mail server takes no mail" in result.stdout


def test_doctor_likes_a_mail_server_that_answers(
    sqlite_database: str, no_prefect: None, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is asked, and no mail is sent."""
    from models.settings import get_settings

    monkeypatch.setenv("WARENFLUSS_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("WARENFLUSS_SMTP_PORT", str(smtp_server.port))
    monkeypatch.setenv("WARENFLUSS_MAIL_TO", "ops@acme.example")
    get_settings.cache_clear()

    assert "mail" not in _subjects()[1]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        (None, ["Prefect knows no work pool of Warenfluss, so no cycle runs by itself."]),
        (PoolService(online=1, last_seen_at=SEEN_AT), []),
        (
            PoolService(last_seen_at=SEEN_AT),
            ["No worker takes runs; the last sign of one: 2026-03-02 10:30."],
        ),
        (
            PoolService(is_paused=True),
            [
                "The work pool is paused, so no cycle begins.",
                "No worker takes runs; the last sign of one: never.",
            ],
        ),
    ],
)
def test_doctor_knows_who_takes_runs(service: PoolService | None, said: list[str]) -> None:
    """A server alone runs nothing; what is missing is urgent and has its advice."""
    problems = list(check_service(service))
    words = [explain(problem) for problem in problems]
    assert [message for message, _ in words] == said
    assert all(problem.urgent for problem in problems)
    assert all(advice for _, advice in words)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            HTTPStatus.UNAUTHORIZED,
            "Set PREFECT_API_AUTH_STRING to its password, or PREFECT_API_KEY.",
        ),
        (HTTPStatus.NOT_FOUND, "Prefect knows no work pool of Warenfluss"),
    ],
)
def test_doctor_asks_the_server_of_prefect_for_workers(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, status: HTTPStatus, said: str
) -> None:
    """A server that answers is asked who serves it, if any account needs one; no answer is no traceback."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK if self.path.endswith("/health") else status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    open_shop()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        with temporary_settings({PREFECT_API_URL: url}):
            result = call("doctor")
        server.shutdown()

    assert result.exit_code == 1
    assert said in result.stdout


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_problem_has_its_words(kind: ProblemKind) -> None:
    """Each has a subject, and both sentences can be said of it."""
    account = "shop" if kind in ABOUT_ACCOUNTS else ""
    problem = Problem(kind, urgent=True, account=account, count=2, at=SEEN_AT, text="why")
    message, advice = explain(problem)
    assert subject_of(problem)
    assert message
    assert advice
