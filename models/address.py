"""Mail addresses: one recipient each, in a form that can stand in a mail's head."""

import re

MAX_LENGTH = 254
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)*")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")
_UNSURE = frozenset("ßς\u200c\u200d")
"""In a host: the standard of Python writes them otherwise than today's, which may name another host."""


def plain_address(text: str) -> str:
    """Return an address with its host in ASCII, empty if the text is not exactly one address."""
    local, sign, host = text.strip().rpartition("@")
    if not sign or len(local) > 64 or not local.isprintable() or not _LOCAL.fullmatch(local):
        return ""
    if not _UNSURE.isdisjoint(host):
        return ""
    try:
        host = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    address = f"{local}@{host}"
    return address if len(address) <= MAX_LENGTH and _HOST.fullmatch(host) else ""
