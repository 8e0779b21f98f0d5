"""One exchange: its answer is whole and unpacked, or it says why there is none, within a time and a size."""

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from connectors.http.exchange import Exchange, NoAnswerError, NotConnectedError
from tests.support.loopback import Loopback, Reply, http

MEGABYTE = 1024 * 1024


@contextmanager
def opened(**options: float) -> Iterator[Exchange]:
    """An exchange short of patience."""
    settings = {
        "connect_timeout_seconds": 1.0,
        "read_timeout_seconds": 0.3,
        "total_timeout_seconds": 0.8,
        "max_body_bytes": MEGABYTE,
        **options,
    }
    with closing(Exchange(secure=False, **settings)) as exchange:  # type: ignore[arg-type]
        yield exchange


def ask(reply: Reply, **options: float) -> httpx.Response:
    """Return the answer of a server with this reply."""
    with Loopback(reply) as server, opened(**options) as exchange:
        return exchange.send(httpx.Request("GET", server.url))


def packed(body: bytes, encoding: str) -> Reply:
    """Return an answer in this compression."""
    form = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    return http(form, f"Content-Encoding: {encoding}")


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
def test_a_compressed_answer_is_unpacked(encoding: str) -> None:
    """Its headers say nothing of the compression any more."""
    answer = ask(packed(b"<ok/>" * 1000, encoding))

    assert answer.content == b"<ok/>" * 1000
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("status", ["200 OK", "404 Missing", "503 Unavailable"])
def test_the_status_is_left_to_be_judged(status: str) -> None:
    assert ask(http(b"why", status=status)).status_code == int(status[:3])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_compressed_answer_that_was_cut_is_none(encoding: str, kept: float) -> None:
    """Its length is honest, so that only the compression shows that the end is missing."""
    [piece] = packed(bytes(range(256)) * 40, encoding).pieces
    body = piece.partition(b"\r\n\r\n")[2]
    cut = http(body[: int(len(body) * kept)], f"Content-Encoding: {encoding}")

    with pytest.raises(NoAnswerError, match="ends too early"):
        ask(cut)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_answer_that_unpacks_without_end_takes_little_memory(encoding: str) -> None:
    """200 MB of zeros are 200 KB on the wire; unpacking stops at the limit."""
    bomb = packed(b"\0" * (200 * MEGABYTE), encoding)

    tracemalloc.start()
    try:
        with pytest.raises(NoAnswerError, match="larger than 1 MB; set a smaller page size"):
            ask(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("encodings", ["gzip, gzip", "br", "zstd", "compress", "deflate, gzip"])
def test_a_compression_that_was_not_asked_for_is_no_answer(encodings: str) -> None:
    """Two layers unpack to a million times their size."""
    twice = gzip.compress(gzip.compress(b"\0" * MEGABYTE))

    with pytest.raises(NoAnswerError, match="not asked for"):
        ask(http(twice, f"Content-Encoding: {encodings}"))


def test_a_server_that_is_not_there_was_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with opened() as exchange, pytest.raises(NotConnectedError):
        exchange.send(httpx.Request("POST", f"http://127.0.0.1:{port}/", content=b"x"))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n", b"HTTP/1.1 200 OK\r\n"], ids=["body", "head"]
)
def test_an_answer_that_trickles_ends_at_the_total_time(head: bytes) -> None:
    """Each piece comes in time, and a minute of them would be sixty times what is allowed."""
    pieces = [head, *[b"X: y\r\n"] * 600]
    began = time.monotonic()

    with pytest.raises(NoAnswerError):
        ask(Reply(pieces, pause_seconds=0.1))

    assert time.monotonic() - began < 30
