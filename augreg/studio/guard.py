"""Who may talk to the studio: only its own page, in the browser that was given the token.

Any page that a browser shows may send requests to 127.0.0.1, and a name that it controls may be
made to mean 127.0.0.1 (https://en.wikipedia.org/wiki/DNS_rebinding). So the Host has to be ours, an
Origin too, and a cookie or the address has to hold the token.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application that passes on what is allowed, and answers 403 to all else."""

    def __init__(self, app: App, port: int, token: str) -> None:
        self.app, self.token = app, token
        self.cookie = f"augreg-studio-{port}"  # cookies are shared by the ports of a host
        self.hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if reason := self._refused(headers, scope):
            await _refuse(scope, send, reason)
            return
        asked = self._asked(scope)

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start" and asked is not None:
                cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
                message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
            await send(message)

        await self.app(scope, receive, sent)

    def _refused(self, headers: dict[str, str], scope: Scope) -> str:
        """Why not; empty where it may."""
        if headers.get("host") not in self.hosts:
            return "wrong Host"
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return "wrong Origin"
        cookies = SimpleCookie(headers.get("cookie", ""))
        held = cookies[self.cookie].value if self.cookie in cookies else self._asked(scope)
        if not hmac.compare_digest(held or "", self.token):
            return "no token: open the address that `augreg studio` printed"
        return ""

    def _asked(self, scope: Scope) -> str | None:
        """The token in the address."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return query.get("token", [None])[0]


async def _refuse(scope: Scope, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    start = {"type": "http.response.start", "status": 403}
    await send({**start, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
