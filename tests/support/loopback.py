"""A server that answers each connection in turn with prepared bytes."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Reply:
    """The answer to one connection: pieces of bytes, with a pause before each, then the end.

    `reset`: whether the connection is reset instead of closed.
    """

    pieces: Sequence[bytes] = ()
    pause_seconds: float = 0
    reset: bool = False


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> Reply:
    """Return a whole HTTP answer; `length` may declare another size than the body's."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return Reply([("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode() + body])


class Loopback:
    """Answers each connection with the next reply, repeating the last one; stores the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.requests: list[bytes] = []
        self._replies = list(replies)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/api"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            with connection:
                connection.settimeout(5)
                try:
                    self._answer(connection, reply)
                except OSError:
                    continue

    def _answer(self, connection: socket.socket, reply: Reply) -> None:
        self.requests.append(self._request(connection))
        for piece in reply.pieces:
            end = time.monotonic() + reply.pause_seconds
            while time.monotonic() < end and not self._stopping.is_set():
                time.sleep(0.01)
            connection.sendall(piece)
        if not reply.pieces and reply.pause_seconds:
            self._stopping.wait(reply.pause_seconds)
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body
