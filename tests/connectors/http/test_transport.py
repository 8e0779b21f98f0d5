"""The transport: one host, no write in test mode, bounded answers, errors named by what follows."""

import ast
import gzip
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from connectors.errors import (
    AccountError,
    ConnectorError,
    RequestRefusedError,
    TransientError,
    UncertainError,
    WriteHeldBackError,
)
from connectors.http.transport import Client, Transport
from connectors.protocols.results import WouldSend
from models.sync.records import CallData
from tests.support.loopback import Loopback, Reply, http

SECRET = "hush-hush & <quiet>"
READ: dict[str, object] = {"reads": True, "call": "Look"}
WRITE: dict[str, object] = {"call": "Change"}


@contextmanager
def opened(url: str, **options: object) -> Iterator[tuple[httpx.Client, Transport]]:
    """A client on its transport, short of patience."""
    settings: dict[str, object] = {
        "test": False,
        "redact": lambda body: body.decode(),
        "secrets": [SECRET],
        "connect_timeout_seconds": 1.0,
        "read_timeout_seconds": 0.3,
        "total_timeout_seconds": 0.8,
    }
    transport = Transport(url, **{**settings, **options})  # type: ignore[arg-type]
    with Client(transport) as client:
        yield client, transport


def failure(reply: Reply, extensions: dict[str, object], **options: object) -> ConnectorError:
    """Send one request to a server with this reply and return what is raised."""
    with Loopback(reply) as server, opened(server.url, **options) as (client, _):
        with pytest.raises(ConnectorError) as caught:
            client.post(f"{server.url}?token={SECRET}", content=SECRET, extensions=extensions)
        assert SECRET not in str(caught.value)
        assert "token" not in str(caught.value)
        return caught.value


def test_an_answer_comes_back_whole() -> None:
    with Loopback(http(b"<ok/>", "X-Kind: test")) as server, opened(server.url) as (client, _):
        response = client.post(server.url, content=b"<ask/>", extensions=READ)
    assert (response.status_code, response.content, response.headers["X-Kind"]) == (200, b"<ok/>", "test")
    assert server.requests[0].endswith(b"\r\n\r\n<ask/>")


def test_test_mode_keeps_every_write_back_and_shows_it_without_secrets() -> None:
    with Loopback(http(b"ok")) as server, opened(server.url, test=True) as (client, transport):
        for extensions in (WRITE, {**WRITE, "reads": 1}, {**WRITE, "reads": False}):
            with pytest.raises(WriteHeldBackError):
                client.post(
                    server.url,
                    content=f"a {SECRET} b hush-hush%20%26%20%3Cquiet%3E c hush-hush &amp; &lt;quiet&gt;",
                    extensions=extensions,
                )
        assert server.requests == []
        assert transport.would_send == [WouldSend(call="Change", body="a *** b *** c ***")] * 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_what_is_not_marked_as_a_read_is_a_write_whatever_its_method(method: str) -> None:
    with Loopback(http(b"ok")) as server, opened(server.url, test=True) as (client, transport):
        with pytest.raises(WriteHeldBackError):
            client.request(method, server.url)
        assert server.requests == []
        assert [one.call for one in transport.would_send] == [f"{method} /api"]


def test_test_mode_lets_reads_through() -> None:
    with Loopback(http(b"ok")) as server, opened(server.url, test=True) as (client, transport):
        assert client.get(server.url, extensions=READ).content == b"ok"
        assert transport.would_send == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/api", "https://127.0.0.1/api", "http://localhost/api", "http://example.org/"]
)
def test_no_request_leaves_for_another_host(url: str) -> None:
    with Loopback(http(b"ok")) as server, opened(server.url) as (client, _):
        with pytest.raises(RequestRefusedError):
            client.get(url, extensions=READ)
        assert server.requests == []


@pytest.mark.parametrize(
    ("status", "extensions", "expected"),
    [
        ("301 Moved", READ, AccountError),
        ("308 Moved", WRITE, AccountError),
        ("302 Found", READ, TransientError),
        ("302 Found", WRITE, UncertainError),
        ("401 Unauthorized", READ, AccountError),
        ("403 Forbidden", WRITE, AccountError),
        ("429 Too Many", READ, TransientError),
        ("429 Too Many", WRITE, TransientError),
        ("500 Error", READ, TransientError),
        ("500 Error", WRITE, UncertainError),
        ("503 Unavailable", READ, TransientError),
        ("503 Unavailable", WRITE, UncertainError),
    ],
)
def test_a_status_names_what_follows_and_redirects_are_not_followed(
    status: str, extensions: dict[str, object], expected: type[ConnectorError]
) -> None:
    assert type(failure(http(b"no", "Location: /elsewhere", status=status), extensions)) is expected


@pytest.mark.parametrize("status", ["400 Bad", "404 Missing", "409 Conflict", "422 Unfit"])
def test_any_other_status_is_left_to_the_client(status: str) -> None:
    with Loopback(http(b"why", status=status)) as server, opened(server.url) as (client, _):
        assert client.post(server.url, extensions=WRITE).content == b"why"


@pytest.mark.parametrize(
    ("wait", "low", "high"),
    [
        ("7", 7, 7),
        ("999999", 3600, 3600),
        (timedelta(seconds=300), 200, 300),
        (timedelta(days=-1), 0, 0),
    ],
    ids=["seconds", "too long", "a date to come", "a date gone by"],
)
@pytest.mark.parametrize("status", ["429 Slow", "503 Unavailable"])
def test_retry_after_is_read_as_seconds_or_date_and_bounded(
    status: str, wait: str | timedelta, low: float, high: float
) -> None:
    told = wait if isinstance(wait, str) else format_datetime(datetime.now(UTC) + wait)
    error = failure(http(b"", f"Retry-After: {told}", status=status), READ)
    assert isinstance(error, TransientError)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("header", ["X: y", "Retry-After: soon", "Retry-After: -1", "Retry-After: ٣"])
def test_a_retry_after_that_says_nothing_is_none(header: str) -> None:
    reply = Reply([f"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n{header}\r\n\r\n".encode()])
    error = failure(reply, READ)
    assert isinstance(error, TransientError)
    assert error.retry_after is None


def seen(reply: Reply, extensions: dict[str, object], **options: object) -> list[tuple[object, ...]]:
    """Send one request; return what its recorder was told, each time as it was then."""
    told: list[tuple[object, ...]] = []

    def record(data: CallData) -> None:
        timed = data.milliseconds is not None
        told.append((data.call, data.reads, data.ending, data.status, data.size_bytes, timed))

    with (
        Loopback(reply) as server,
        opened(server.url, record=record, **options) as (client, _),
        suppress(ConnectorError),
    ):
        client.post(f"{server.url}?token={SECRET}", content=SECRET, extensions=extensions)
    return told


def test_every_exchange_is_recorded_and_a_write_before_it_leaves() -> None:
    """How it ended, never what was said: the query, the body and the answer stay out."""
    assert seen(http(b"12345"), READ) == [("Look", True, "ok", 200, 5, True)]
    assert seen(http(b"12345"), WRITE) == [
        ("Change", False, "open", None, None, False),
        ("Change", False, "ok", 200, 5, True),
    ]
    assert seen(http(b"no", status="401 Unauthorized"), READ) == [
        ("Look", True, "AccountError", 401, 2, True)
    ]
    assert seen(Reply(reset=True), WRITE)[1:] == [("Change", False, "UncertainError", None, None, True)]
    assert seen(http(b"ok"), WRITE, test=True) == [("Change", False, "held back", None, None, True)]
    assert seen(http(b"ok"), {})[0][0] == "POST /api"


def test_the_record_of_a_call_without_a_name_holds_no_secret_of_its_path() -> None:
    """Some systems want their key there."""
    told: list[CallData] = []
    with Loopback(http(b"ok")) as server, opened(server.url, record=told.append) as (client, _):
        client.get(f"{server.url}/{quote(SECRET)}/orders?of=somebody", extensions={"reads": True})
    assert [data.call for data in told] == ["GET /api/***/orders"]


def test_a_write_that_cannot_be_recorded_does_not_leave() -> None:
    """The recorder stops what its run may not send any more; a read goes on."""

    def record(data: CallData) -> None:
        if data.ending == "open":
            raise RuntimeError("lost")

    with Loopback(http(b"ok")) as server, opened(server.url, record=record) as (client, _):
        with pytest.raises(RuntimeError, match="lost"):
            client.post(server.url, content=b"x", extensions=WRITE)
        assert server.requests == []
        assert client.get(server.url, extensions=READ).content == b"ok"


def test_what_an_answer_means_is_added_to_its_record() -> None:
    """The client that reads an answer knows better than its status."""
    told: list[CallData] = []
    with (
        Loopback(http(b"<html/>")) as server,
        opened(server.url, record=told.append) as (client, transport),
    ):
        client.get(server.url, extensions=READ)
        with pytest.raises(TransientError), transport.judging():
            raise TransientError("this is no answer")
    assert [data.ending for data in told] == ["TransientError"] * 2
    assert told[0] is told[1]


LOST = {
    "silence": Reply(pause_seconds=0.6),
    "closed without a word": Reply(),
    "reset": Reply(reset=True),
    "cut head": Reply([b"HTTP/1.1 200 OK\r\nContent-Le"]),
    "cut body": http(b"<Afterb", length=100),
    "cut chunk": Reply([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc"]),
    "no HTTP": Reply([b"SSH-2.0-OpenSSH\r\n"]),
    "damaged gzip": http(b"\x1f\x8bnonsense", "Content-Encoding: gzip"),
    "cut gzip": http(gzip.compress(b"x" * 5000)[:30], "Content-Encoding: gzip"),
    "unknown compression": http(b"abc", "Content-Encoding: br"),
    "too large": http(b"x" * 2000),
    "too large once unpacked": http(gzip.compress(b"x" * 50_000_000), "Content-Encoding: gzip"),
}


@pytest.mark.parametrize("case", LOST)
def test_a_lost_answer_is_uncertain_for_a_write_and_transient_for_a_read(case: str) -> None:
    assert type(failure(LOST[case], READ, max_body_bytes=1000)) is TransientError
    assert type(failure(LOST[case], WRITE, max_body_bytes=1000)) is UncertainError


def test_what_never_left_is_transient_for_a_write_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with opened(url) as (client, _), pytest.raises(TransientError, match="could not be reached"):
        client.post(url, content=b"x", extensions=WRITE)


def test_connectors_have_no_other_way_out() -> None:
    """Law 5 has one place: no other module of a connector opens a connection, nor knows a simulator."""
    root = Path(__file__).parents[3] / "connectors"
    ways = {"httpx", "httpcore", "socket", "http", "requests", "aiohttp", "ftplib", "smtplib", "subprocess"}
    for file in root.rglob("*.py"):
        if "simulator" in file.parts or file.parent == root / "http":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] not in ways, f"{file.name} imports {name}"
                assert name != "urllib.request", f"{file.name} imports {name}"
                assert "simulator" not in name, f"{file.name} imports {name}"


def test_the_environment_adds_no_proxy_and_no_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password leaked\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with Loopback(http(b"ok")) as server, opened(server.url) as (client, _):
        client.get(server.url, extensions=READ)
    assert b"uthorization" not in server.requests[0]
