"""The one way out to other systems: one host, no write in test mode, and errors named by what follows.

Nothing here retries or waits. No message holds a query, a body or a token.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from connectors.errors import (
    AccountError,
    ConnectorError,
    RequestRefusedError,
    TransientError,
    UncertainError,
    WriteHeldBackError,
)
from connectors.http.exchange import Exchange, InvalidRequestError, NoAnswerError, NotConnectedError
from connectors.http.redaction import Redaction
from connectors.protocols.results import Recorder, WouldSend
from models.sync.records import HELD_BACK, OK, CallData

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 3600.0
MAX_WOULD_SEND_CHARACTERS = 1_000_000


def _forget(_data: CallData) -> None: ...


class Transport(httpx.BaseTransport):
    """Send requests to one host.

    A request is a read only if its client says so with `extensions={"reads": True}`; any other counts as a
    write. In test mode a write never leaves: it is kept in `would_send`, named by the extension "call".
    `record` is called with every exchange, and with a write also before it leaves; what it raises then stops
    the write. The extension "order_numbers" holds the numbers of the orders that a request names.

    Raises, from `handle_request`:
    TransientError: no connection (also for writes: nothing left), 429, and for reads no usable answer or 5xx.
    UncertainError: a write left and no usable answer came, or 5xx.
    AccountError: 401, 403, or a lasting redirect; redirects are never followed.
    RequestRefusedError: the request is not for the configured host.
    WriteHeldBackError: test mode.
    Any other status is returned for the client to judge.
    """

    def __init__(
        self,
        base_url: str,
        *,
        test: bool,
        redact: Callable[[bytes], str],
        secrets: Collection[str] = (),
        connect_timeout_seconds: float = 10.0,
        read_timeout_seconds: float = 60.0,
        total_timeout_seconds: float = 300.0,
        max_body_bytes: int = MAX_BODY_BYTES,
        record: Recorder | None = None,
    ) -> None:
        """Prepare; `redact` returns a body without credentials, `secrets` are removed from what remains."""
        self._origin = _origin(httpx.URL(base_url))
        self._test = test
        self._redact = redact
        self._redaction = Redaction(secrets)
        self._exchange = Exchange(
            secure=self._origin[0] == "https",
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            total_timeout_seconds=total_timeout_seconds,
            max_body_bytes=max_body_bytes,
        )
        self._record = record or _forget
        self._last = threading.local()
        self.would_send: list[WouldSend] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its whole, unpacked answer."""
        call = str(request.extensions.get("call") or f"{request.method} {request.url.path}")
        data = CallData(
            call=self._redaction.of(call),
            reads=request.extensions.get("reads") is True,
            order_numbers=tuple(request.extensions.get("order_numbers") or ()),
        )
        began = time.monotonic()
        try:
            response = self._send(request, data)
            data.ending = OK
        except BaseException as error:
            data.ending = HELD_BACK if isinstance(error, WriteHeldBackError) else type(error).__name__
            raise
        finally:
            data.milliseconds = round((time.monotonic() - began) * 1000)
            self._record(data)
        self._last.data = data
        return response

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Add to the record of this thread's last exchange which error its content turns out to mean."""
        try:
            yield
        except ConnectorError as error:
            self._last.data.ending = type(error).__name__
            self._record(self._last.data)
            raise

    def close(self) -> None:
        """Close all connections."""
        self._exchange.close()

    def _send(self, request: httpx.Request, data: CallData) -> httpx.Response:
        host = request.url.host
        call, reads = data.call, data.reads
        if _origin(request.url) != self._origin:
            raise RequestRefusedError(f"A request for {host} was stopped: it is not the configured server.")
        if self._test and not reads:
            body = self._redaction.of(self._redact(request.read()))[:MAX_WOULD_SEND_CHARACTERS]
            self.would_send.append(WouldSend(call=call, body=body))
            raise WriteHeldBackError(f"{call} was not sent: test mode.")
        if not reads:
            self._record(data)
        try:
            response = self._exchange.send(request)
        except NotConnectedError as error:
            raise TransientError(f"{host} could not be reached for {call} ({error}).") from None
        except InvalidRequestError:
            raise RequestRefusedError(f"The request {call} is not valid HTTP.") from None
        except NoAnswerError as error:
            raise lost(call, reads, str(error)) from None
        data.status, data.size_bytes = response.status_code, len(response.content)
        _judge(response, call, reads)
        return response


def lost(call: str, reads: bool, what: str) -> ConnectorError:
    """Return the error for an answer that is missing or unusable: a write may have taken effect."""
    if reads:
        return TransientError(f"{call}: {what}.")
    return UncertainError(f"{call}: {what}; whether it took effect is not known.")


class Client(httpx.Client):
    """An HTTP client that can only leave through a `Transport`: no proxy, netrc or redirect of its own."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "warenfluss", "Accept-Encoding": "gzip"},
        )


def _judge(response: httpx.Response, call: str, reads: bool) -> None:
    status = response.status_code
    host = response.request.url.host
    if status in (401, 403):
        raise AccountError(
            f"{host} refuses the login for {call} (HTTP {status}): check the account's secrets."
        )
    if status in (301, 308):
        raise AccountError(f"{host} has moved (HTTP {status}): set base_url to its new address.")
    if status == 429:
        raise TransientError(f"{host} asks to slow down (HTTP 429 for {call}).", _retry_after(response))
    if status >= 500 or 300 <= status < 400 or status == 408:
        error = lost(call, reads, f"{host} answered with HTTP {status}")
        if isinstance(error, TransientError):
            error.retry_after = _retry_after(response)
        raise error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host.lower(), port


def _retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After as seconds or as an HTTP date; at most an hour, None if absent or unreadable."""
    text = response.headers.get("Retry-After", "").strip()
    if not text or len(text) > 64:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), MAX_RETRY_AFTER_SECONDS)
