"""The one way out to channels: keeps to the configured host, refuses writes in test mode, bounds answers.

Nothing here retries or waits. No message holds a query, a body or a token.
"""

import ssl
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import httpcore
import httpx

from connectors.errors import (
    AccountError,
    ConnectorError,
    RequestRefusedError,
    TransientError,
    UncertainError,
    WriteHeldBackError,
)
from connectors.protocols.results import WouldSend
from models.sync.records import HELD_BACK, OK, CallData

MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 3600.0
MAX_WOULD_SEND_CHARACTERS = 1_000_000
_MIN_SECRET_LENGTH = 6
_CONNECTION_STEPS = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_GZIP_OR_ZLIB = 47


Recorder = Callable[[CallData], None]
"""Is told of an exchange; when told of the same object again, more is known of it."""


def _forget(_data: CallData) -> None: ...


class Transport(httpx.BaseTransport):
    """Send requests to one host.

    A request is a read only if its client says so with `extensions={"reads": True}`; any other counts as a
    write. In test mode a write never leaves: it is kept in `would_send`, named by the extension "call".
    `record` is told of every exchange, and of a write also before it leaves; what it raises then stops the
    write. The extension "order_numbers" holds those of the orders that a request names.

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
        """Prepare; `redact` gives a body without credentials, `secrets` are blotted out of what is left."""
        self._origin = _origin(httpx.URL(base_url))
        self._test = test
        self._redact = redact
        self._secrets = _spellings(secrets)
        self._timeout = {
            "connect": connect_timeout_seconds,
            "read": read_timeout_seconds,
            "write": read_timeout_seconds,
            "pool": connect_timeout_seconds,
        }
        self._total_timeout_seconds = total_timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._clock = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates() if self._origin[0] == "https" else None,
            max_connections=4,
            keepalive_expiry=15.0,
            network_backend=_BoundedBackend(self._clock),
        )
        self._record = record or _forget
        self._last = threading.local()
        self.would_send: list[WouldSend] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its whole, decoded answer."""
        data = CallData(
            call=self._blot(str(request.extensions.get("call") or f"{request.method} {request.url.path}")),
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
        self._pool.close()

    def _send(self, request: httpx.Request, data: CallData) -> httpx.Response:
        host = request.url.host
        call, reads = data.call, data.reads
        if _origin(request.url) != self._origin:
            raise RequestRefusedError(f"A request for {host} was stopped: it is not the configured server.")
        if self._test and not reads:
            body = self._blot(self._redact(request.read()))[:MAX_WOULD_SEND_CHARACTERS]
            self.would_send.append(WouldSend(call=call, body=body))
            raise WriteHeldBackError(f"{call} was not sent: test mode.")
        if not reads:
            self._record(data)
        response = self._exchange(request, call, reads)
        data.status, data.size_bytes = response.status_code, len(response.content)
        self._judge(response, call, reads)
        return response

    def _exchange(self, request: httpx.Request, call: str, reads: bool) -> httpx.Response:
        host = request.url.host
        self._clock.start(self._total_timeout_seconds)
        raw = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions={"timeout": self._timeout},
        )
        try:
            answer = self._pool.handle_request(raw)
            try:
                content = self._body(answer)
            finally:
                answer.close()
        except _CONNECTION_STEPS as error:
            raise TransientError(
                f"{host} could not be reached for {call} ({type(error).__name__})."
            ) from None
        except httpcore.LocalProtocolError:
            raise RequestRefusedError(f"The request {call} is not valid HTTP.") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise lost(call, reads, f"no whole answer came from {host} ({type(error).__name__})") from None
        except _UnusableBodyError as error:
            raise lost(call, reads, f"the answer of {host} {error}") from None
        headers = [
            (name, value)
            for name, value in answer.headers
            if name.lower() not in (b"content-encoding", b"content-length", b"transfer-encoding")
        ]
        return httpx.Response(answer.status, headers=headers, content=content, request=request)

    def _body(self, answer: httpcore.Response) -> bytes:
        encodings = [
            coding.strip()
            for name, value in answer.headers
            if name.lower() == b"content-encoding"
            for coding in value.decode("ascii", "replace").lower().split(",")
            if coding.strip() not in ("", "identity")
        ]
        if len(encodings) > 1 or (encodings and encodings[0] not in ("gzip", "x-gzip", "deflate")):
            raise _UnusableBodyError("is compressed in a way that was not asked for")
        chunks = self._bounded(answer.iter_stream())
        return b"".join(self._inflated(chunks) if encodings else chunks)

    def _bounded(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self._max_body_bytes:
                raise self._too_large()
            self._clock.check()
            yield chunk

    def _inflated(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
        left = self._max_body_bytes
        received = False
        try:
            for chunk in chunks:
                received = True
                plain = unpack.decompress(chunk, left + 1)
                left -= len(plain)
                if left < 0:
                    raise self._too_large()
                yield plain
        except zlib.error:
            raise _UnusableBodyError("is damaged in its compression") from None
        if received and not unpack.eof:
            raise _UnusableBodyError("ends too early")

    def _too_large(self) -> "_UnusableBodyError":
        megabytes = self._max_body_bytes / 1024 / 1024
        return _UnusableBodyError(f"is larger than {megabytes:g} MB; set a smaller page size for the account")

    def _judge(self, response: httpx.Response, call: str, reads: bool) -> None:
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

    def _blot(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def lost(call: str, reads: bool, what: str) -> ConnectorError:
    """Return the error for an answer that is missing or unusable: a write may have taken effect."""
    if reads:
        return TransientError(f"{call}: {what}.")
    return UncertainError(f"{call}: {what}; whether it took effect is not known.")


class _UnusableBodyError(Exception):
    """An answer's body that is too large, damaged or cut."""


class _Deadline(threading.local):
    """When the exchange of this thread must have ended."""

    at = float("inf")

    def start(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() >= self.at:
            raise httpcore.ReadTimeout

    def shorten(self, timeout: float | None) -> float:
        left = self.at - time.monotonic()
        return max(0.001, left if timeout is None else min(timeout, left))


class _BoundedStream(httpcore.NetworkStream):
    """A stream whose reads end at the deadline, so that an answer that trickles cannot hold a run."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Deadline) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._clock.check()
        return self._stream.read(max_bytes, self._clock.shorten(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.shorten(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._clock.shorten(timeout))
        return _BoundedStream(secure, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(self, clock: _Deadline) -> None:
        self._backend = httpcore.SyncBackend()
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _BoundedStream(stream, self._clock)


class Client(httpx.Client):
    """An HTTP client that can only leave through a `Transport`: no proxy, netrc or redirect of its own."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "warenfluss", "Accept-Encoding": "gzip"},
        )


@cache
def _certificates() -> ssl.SSLContext:
    """Return whom to trust; reading it takes longer than a run that finds nothing new."""
    return httpx.create_ssl_context()


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


def _spellings(secrets: Collection[str]) -> list[str]:
    """Return each secret as bodies may spell it, longest first; short ones would blot out plain numbers."""
    spellings = {
        form
        for secret in secrets
        if len(secret) >= _MIN_SECRET_LENGTH
        for form in (secret, escape(secret), quote(secret, safe=""), quote_plus(secret))
    }
    return sorted(spellings, key=len, reverse=True)
