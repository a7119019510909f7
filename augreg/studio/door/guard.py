"""Who may talk to the studio: only its own page, in a browser that was given the token.

Any page that a browser shows may send requests to 127.0.0.1, and a name that such a page controls
may be made to mean 127.0.0.1 (https://en.wikipedia.org/wiki/DNS_rebinding). Other users of the
machine reach it, too. So all of these have to be right, of each request and of each WebSocket:

- Host: ours, which no other name is.
- Origin and Sec-Fetch-Site: of our page, or of none (an address that was typed).
- the token, in a cookie that scripts can't read and other sites can't send. The address that
  the studio prints sets it, and leads on to the same address without it.
- the method and the path: there is nothing to send to but a WebSocket.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGE = "/"
_SOCKET = "/_nicegui_ws/"
SMALL = "/small/"  # an image for a list, as SMALL + "7.jpg"
_PATHS = ("/_nicegui/", "/favicon.ico", SMALL)
_NO_TOKEN = "no token: open the address that `augreg studio` printed"
_FROM_OUTSIDE = (
    "<!doctype html><title>augreg studio</title><p>Another page has led here. "
    '<a href="">Open it in the studio</a>'
)


class Guard:
    """An ASGI application that passes on what is allowed, and refuses all else."""

    def __init__(self, app: App, port: int, token: str) -> None:
        self.app, self.token = app, token
        self.cookie = f"augreg-studio-{port}"  # the ports of a host share their cookies
        self.hosts = [f"{host}:{port}" for host in ("127.0.0.1", "localhost")]
        self.headers = _headers(self.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        answer = self._answer(scope)
        if answer is None:
            await self.app(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer.send(self._with_headers(send))

    def _answer(self, scope: Scope) -> _Answer | None:
        """What is answered in place of the application; None where that may answer."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = scope["query_string"].decode("latin-1").split("&")
        if refusal := self._refusal(headers):
            return refusal
        asked = [part.removeprefix("token=") for part in query if part.startswith("token=")]
        if not any(map(self._is_token, [*asked, *_cookies(headers, self.cookie)])):
            return _Answer(403, _NO_TOKEN)
        path = scope["path"]
        if scope["type"] == "websocket":
            return None if path.startswith(_SOCKET) else _Answer(404, "no such page")
        if scope["method"] not in ("GET", "HEAD"):
            return _Answer(405, "only GET and HEAD are answered", ("allow", "GET, HEAD"))
        if path == PAGE and asked:
            rest = "&".join(part for part in query if not part.startswith("token="))
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            to = f"{PAGE}?{rest}" if rest else PAGE
            return _Answer(303, "", ("location", to), ("set-cookie", cookie))
        if path != PAGE and (not path.startswith(_PATHS) or ".." in path):
            return _Answer(404, "no such page")
        return None

    def _refusal(self, headers: Mapping[str, str]) -> _Answer | None:
        host, site = headers.get("host"), headers.get("sec-fetch-site", "none")
        if host not in self.hosts:
            allowed = " and ".join(self.hosts)
            return _Answer(403, f"wrong Host: only {allowed} are answered; a tunnel has to keep it")
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return _Answer(403, "wrong Origin: only the studio's own page is answered")
        if site in ("same-origin", "none"):
            return None
        if headers.get("sec-fetch-dest") == "document":  # a link to a sample, in a chat or an issue
            return _Answer(403, _FROM_OUTSIDE, ("content-type", "text/html; charset=utf-8"))
        return _Answer(403, "wrong Sec-Fetch-Site: only the studio's own page is answered")

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self.token.encode())

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                if not any(name == b"cache-control" for name, _ in given):
                    given.append((b"cache-control", b"no-store"))
                message["headers"] = [*given, *self.headers]
            await send(message)

        return sent


class _Answer:
    """An answer of the guard's own."""

    def __init__(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        plain = ("content-type", "text/plain; charset=utf-8")
        self.status, self.body = status, f"{text}\n".encode() if text else b""
        self.headers = dict([plain, ("content-length", str(len(self.body))), *headers])

    async def send(self, send: Send) -> None:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def _cookies(headers: Mapping[str, str], name: str) -> Iterable[str]:
    """Its values. By hand: http.cookies stops at another server's cookie that breaks the rules."""
    for part in headers.get("cookie", "").split(";"):
        found, _, value = part.strip().partition("=")
        if found == name:
            yield value


def _headers(hosts: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """What each answer says of the page: it loads nothing from elsewhere, and stands in no other.

    NiceGUI has scripts within its page and evaluates what the server sends, so that both have to be
    allowed (https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy).
    """
    sockets = " ".join(f"ws://{host}" for host in hosts)
    policy = (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        f"connect-src 'self' {sockets}",
        *(f"{what} 'none'" for what in ("object-src", "frame-src", "worker-src")),
        *(f"{what} 'none'" for what in ("frame-ancestors", "base-uri", "form-action")),
    )
    found = {
        "content-security-policy": "; ".join(policy),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return [(name.encode(), value.encode()) for name, value in found.items()]
