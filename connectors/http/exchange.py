"""One exchange over HTTP: a request, and its whole answer within a time and a size.

An error says what may have happened at the other side; `transport` decides what follows.
"""

import ssl
import threading
import time
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

_CONNECTION_STEPS = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_NO_ANSWER = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
_GZIP_OR_ZLIB = 47
"""For zlib: the largest window, and the format that the head of the body shows."""
_OF_THE_WIRE = (b"content-encoding", b"content-length", b"transfer-encoding")
"""Headers that no longer hold once a body is unpacked."""


class NotConnectedError(Exception):
    """There was no connection: nothing left this machine."""


class InvalidRequestError(Exception):
    """The request is no valid HTTP: nothing left this machine."""


class NoAnswerError(Exception):
    """No whole, usable answer came, and the other side may have acted. The message ends a sentence."""


class Exchange:
    """Connections to one server."""

    def __init__(
        self,
        *,
        secure: bool,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        total_timeout_seconds: float,
        max_body_bytes: int,
    ) -> None:
        """Prepare; nothing is connected yet. `max_body_bytes` counts the unpacked body."""
        self._timeouts = {
            "connect": connect_timeout_seconds,
            "read": read_timeout_seconds,
            "write": read_timeout_seconds,
            "pool": connect_timeout_seconds,
        }
        self._total_timeout_seconds = total_timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates() if secure else None,
            max_connections=4,
            keepalive_expiry=15.0,
            network_backend=_BoundedBackend(self._deadline),
        )

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its whole, unpacked answer, whatever its status.

        Raises: NotConnectedError, InvalidRequestError, NoAnswerError.
        """
        host = request.url.host
        self._deadline.start(self._total_timeout_seconds)
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
            extensions={"timeout": self._timeouts},
        )
        try:
            answer = self._pool.handle_request(raw)
            try:
                content = self._body(answer)
            finally:
                answer.close()
        except _CONNECTION_STEPS as error:
            raise NotConnectedError(type(error).__name__) from None
        except httpcore.LocalProtocolError:
            raise InvalidRequestError from None
        except _NO_ANSWER as error:
            raise NoAnswerError(f"no whole answer came from {host} ({type(error).__name__})") from None
        except _UnusableBodyError as error:
            raise NoAnswerError(f"the answer of {host} {error}") from None
        headers = [(name, value) for name, value in answer.headers if name.lower() not in _OF_THE_WIRE]
        return httpx.Response(answer.status, headers=headers, content=content, request=request)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    # The body is unpacked here and not by httpx 0.28, which returns a compressed body that was cut as if it
    # were whole, takes a compression that it does not know for none, unpacks several layers (3 KB to 2 GB),
    # and hands out each chunk whole, up to a thousand times its size.

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
        return b"".join(self._unpacked(chunks) if encodings else chunks)

    def _bounded(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self._max_body_bytes:
                raise self._too_large()
            self._deadline.check()
            yield chunk

    def _unpacked(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
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


class _UnusableBodyError(Exception):
    """A body that is too large, damaged or cut."""


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
    """A stream whose reads end at the deadline, so that an answer that trickles cannot hold up a run."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._deadline.check()
        return self._stream.read(max_bytes, self._deadline.shorten(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.shorten(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._deadline.shorten(timeout))
        return _BoundedStream(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _BoundedBackend(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._backend = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _BoundedStream(stream, self._deadline)


@cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates to trust; reading them takes longer than a run that finds nothing new."""
    return httpx.create_ssl_context()
