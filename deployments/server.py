"""Prefect's server as `up` starts it: it answers only to its own host names and to its own pages.

Prefect itself takes any host name, so a web page whose name is pointed at this machine could call it. Prefect
checks the password.
"""

import os
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.settings import get_settings
from tasks.run.prefect_env import OWN_PAGES, SERVER_PASSWORD, names_of

REQUESTS = {"http", "websocket"}


class OwnPages:
    """Refuses requests that a browser sends for a page of another origin, also for websockets.

    The pages may call no other server: those of Prefect 3.8.8 send usage data to their maker until somebody
    has logged in.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        """`origins` are the origins of this server's pages, beside the one that a request itself names."""
        self._app = app
        self._origins = frozenset(origins)
        # A policy cannot name an IPv6 address.
        named = [origin for origin in origins if "[" not in origin]
        sockets = [origin.replace("http", "ws", 1) for origin in named]
        self._policy = f"connect-src 'self' {' '.join([*named, *sockets])}; frame-ancestors 'self'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = self._policy
            await send(message)

        if scope["type"] not in REQUESTS:
            await self._app(scope, receive, send)
        elif self._is_ours(Headers(scope=scope)):
            await self._app(scope, receive, send_with_policy)
        else:
            refusal = PlainTextResponse("Only Prefect's own pages may call it.", HTTPStatus.FORBIDDEN)
            await refusal(scope, receive, send)

    def _is_ours(self, headers: Headers) -> bool:
        host = headers.get("host", "")
        # A tunnel or a proxy may serve the pages at another port, or with TLS.
        own = {*self._origins, f"http://{host}", f"https://{host}"}
        return all(origin in own for origin in headers.getlist("origin"))


def create_app() -> ASGIApp:
    """Return Prefect's server for this process's environment, which `use_prefect` has prepared.

    Raises: RuntimeError, if the environment has no password.
    """
    if not os.environ.get(SERVER_PASSWORD):
        raise RuntimeError(f"{SERVER_PASSWORD} is missing: nobody may call a server without a password.")
    from prefect.server.api.server import create_app as create_server

    app: Any = create_server(final=True)
    own_pages = OwnPages(app, os.environ.get(OWN_PAGES, "").split(","))
    return TrustedHostMiddleware(own_pages, names_of(get_settings()), www_redirect=False)
