"""Limits the network of tests to this machine."""

import ipaddress
import socket
from typing import Any

LOCAL_NAMES = {"localhost", "localhost.localdomain", "", "0.0.0.0", "::"}


class OutsideNetworkError(RuntimeError):
    """A test tried to reach another machine. Not an `OSError`, because code retries those."""


def block_outside() -> None:
    """Limit this process's sockets and name look-ups to this machine."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None:
            _check(socket.AF_INET, (host,))
        return getaddrinfo(host, *args, **kwargs)

    vars(socket)["getaddrinfo"] = guarded_getaddrinfo
    type.__setattr__(socket.socket, "connect", guarded_connect)
    type.__setattr__(socket.socket, "connect_ex", guarded_connect_ex)


def _check(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
    if host in LOCAL_NAMES:
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host.endswith(".localhost")
    if not local:
        raise OutsideNetworkError(f"A test tried to reach {host!r}; tests talk to this machine only.")
