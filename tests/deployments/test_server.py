"""Who may call Prefect's server: its own names, its own pages, and those who know the password."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from deployments.server import OwnPages, create_app
from tasks.run.prefect_env import SERVER_PASSWORD

ORIGINS = ["https://sync.example", "http://127.0.0.1:4200", "http://[::1]:4200"]


async def _accept(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


INNER = Starlette(
    routes=[Route("/", lambda _: PlainTextResponse("in")), WebSocketRoute("/events", _accept)],
)


def ask(headers: list[tuple[str, str]]) -> httpx.Response:
    """Return the answer to a request with these headers."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(OwnPages(INNER, ORIGINS))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4200") as client:
            return await client.get("/", headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("origin", "https://sync.example")],
        [("origin", "http://127.0.0.1:4200")],
        # As through a tunnel to another port, or a proxy with TLS.
        [("host", "localhost:9999"), ("origin", "http://localhost:9999")],
        [("host", "sync.example"), ("origin", "https://sync.example")],
    ],
)
def test_its_own_pages_may_call(headers: list[tuple[str, str]]) -> None:
    """And a client that is no browser: it sends no origin."""
    assert ask(headers).text == "in"


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("origin", "")],
        # Another program of this machine.
        [("origin", "http://127.0.0.1:8080")],
        [("origin", "https://127.0.0.1")],
        [("origin", "https://sync.example.evil.example")],
        [("origin", "https://sync.example"), ("origin", "http://evil.example")],
        [("origin", "https://sync.example, http://evil.example")],
    ],
)
def test_no_other_page_may(headers: list[tuple[str, str]]) -> None:
    """It gets no data, and no permission to read the refusal."""
    answer = ask(headers)

    assert answer.status_code == 403
    assert answer.text == "Only Prefect's own pages may call it."
    assert "access-control-allow-origin" not in answer.headers


def test_its_pages_call_no_other_server() -> None:
    """The browser holds them to it; nobody shows them in a frame."""
    policy = ask([]).headers["content-security-policy"]

    assert policy == (
        "connect-src 'self' https://sync.example http://127.0.0.1:4200 "
        "wss://sync.example ws://127.0.0.1:4200; frame-ancestors 'self'"
    )


@pytest.mark.parametrize(
    ("origin", "first"),
    [("https://sync.example", "websocket.accept"), ("http://evil.example", "websocket.http.response.start")],
)
def test_websockets_have_the_same_guard(origin: str, first: str) -> None:
    """A browser lets every page open one, whatever its origin."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/events",
        "headers": [(b"host", b"127.0.0.1:4200"), (b"origin", origin.encode())],
        "query_string": b"",
        "subprotocols": [],
    }
    asyncio.run(OwnPages(INNER, ORIGINS)(scope, receive, send))

    assert sent[0]["type"] == first
    assert sent[0].get("status", 403) == 403


def test_without_a_password_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts it in another way than `up`."""
    monkeypatch.delenv(SERVER_PASSWORD, raising=False)

    with pytest.raises(RuntimeError, match="PREFECT_SERVER_API_AUTH_STRING is missing"):
        create_app()
