"""Who may talk to the studio, by requests that no well-behaved page would send."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from nicegui import __version__
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
STATIC = f"/_nicegui/{__version__}/static/nicegui.js"
PATHS = ("/", STATIC, "/favicon.ico", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/docs")


def cookie(studio: StudioProcess, token: str = "") -> str:
    return f"augreg-studio-{studio.port}={token or studio.token}"


def ask(
    studio: StudioProcess,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    """An answer; with the cookie, unless `headers` have another."""
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=30)
    try:
        connection.request(method, path, body, {"Cookie": cookie(studio), **(headers or {})})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def socket_status(studio: StudioProcess, path: str = SOCKET, **headers: str) -> int:
    """101 where a WebSocket is opened, or the status that it is refused with."""
    given = {"Cookie": cookie(studio), **headers}
    try:
        with connect(f"ws://127.0.0.1:{studio.port}{path}", additional_headers=given):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_page_is_answered_with_the_cookie(studio: StudioProcess) -> None:
    response, body = ask(studio)
    assert (response.status, b"<title>augreg studio</title>" in body) == (200, True)
    assert ask(studio, STATIC)[0].status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT"])
def test_request_without_the_token_is_refused(
    studio: StudioProcess, path: str, method: str
) -> None:
    for given in ("", cookie(studio, "x" * 32), f"other={studio.token}"):
        response, body = ask(studio, path, {"Cookie": given}, method)
        assert response.status == 403
        assert method == "HEAD" or b"no token: open the address that `augreg studio`" in body


def test_wrong_token_in_the_address_is_refused(studio: StudioProcess) -> None:
    for token in ("", "x", studio.token[:-1], studio.token + "x", "%C3%A9"):
        response, _ = ask(studio, f"/?token={token}", {"Cookie": ""})
        assert response.status == 403


def test_token_in_the_address_becomes_a_cookie_that_scripts_and_sites_lack(
    studio: StudioProcess,
) -> None:
    response, _ = ask(studio, f"/?seed=3&token={studio.token}&p=eJw%3D", {"Cookie": ""})
    assert (response.status, response.headers["Location"]) == (303, "/?seed=3&p=eJw%3D")
    flags = response.headers["Set-Cookie"].split("; ")
    assert flags == [cookie(studio), "Path=/", "HttpOnly", "SameSite=Strict"]
    assert ask(studio, f"/?token={studio.token}", {"Cookie": ""})[0].headers["Location"] == "/"


def test_cookie_is_found_beside_those_of_other_servers(studio: StudioProcess) -> None:
    other = 'state={"a": [1, 2]}; =; broken; session="; '
    assert ask(studio, headers={"Cookie": other + cookie(studio)})[0].status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.:{port}"]
)
@pytest.mark.parametrize("path", PATHS)
def test_another_host_is_refused_whatever_else_is_right(
    studio: StudioProcess, host: str, path: str
) -> None:
    response, body = ask(studio, path, {"Host": host.format(port=studio.port)})
    assert (response.status, body[:10]) == (403, b"wrong Host")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
    ],
)
def test_another_origin_is_refused(studio: StudioProcess, origin: str) -> None:
    origin = origin.format(port=studio.port)
    for path in PATHS:
        response, body = ask(studio, path, {"Origin": origin})
        assert (response.status, body[:12]) == (403, b"wrong Origin")
        assert "Access-Control-Allow-Origin" not in response.headers
    assert socket_status(studio, Origin=origin) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_request_of_another_site_is_refused(studio: StudioProcess, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "image"}
    assert ask(studio, STATIC, headers)[0].status == 403
    assert ask(studio, "/", headers)[0].status == 403
    assert socket_status(studio, **{"Sec-Fetch-Site": site}) == 403


def test_link_on_another_site_leads_to_a_page_that_asks(studio: StudioProcess) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    response, body = ask(studio, "/?seed=3", headers)
    assert response.status == 403
    assert b'<a href="">Open it in the studio</a>' in body


def test_socket_is_opened_for_the_page_alone(studio: StudioProcess) -> None:
    assert socket_status(studio, Origin=studio.origin) == 101
    assert socket_status(studio, Cookie="") == 403
    assert socket_status(studio, Cookie=cookie(studio, "x" * 32)) == 403
    assert socket_status(studio, Host="evil.example") == 403
    assert socket_status(studio, "/other") == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_nothing_is_sent_but_by_the_socket(studio: StudioProcess, method: str) -> None:
    for path in PATHS:
        response, _ = ask(studio, path, method=method)
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def test_large_body_is_refused_at_once(studio: StudioProcess) -> None:
    start = {"Content-Length": str(10**12)}
    assert ask(studio, "/", start, "POST", b"")[0].status == 405


def test_large_message_ends_its_socket_and_nothing_else(studio: StudioProcess) -> None:
    given = {"Cookie": cookie(studio)}

    def send_it() -> None:
        with connect(f"ws://127.0.0.1:{studio.port}{SOCKET}", additional_headers=given) as socket:
            socket.send("4" * 2**21)
            list(socket)

    # 1009 says "too big"; while the rest is still sent, the end may come before its reason
    with pytest.raises(ConnectionClosedError, match=r"1009|no close frame"):
        send_it()
    assert ask(studio)[0].status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/redoc",
        "/openapi.json",
        "/etc/passwd",
        "//evil.example/",
        "/../../etc/passwd",
        "/_nicegui_ws/socket.io/?EIO=4&transport=polling",
        *(
            f"/_nicegui/{__version__}/{place}/{up}etc/passwd"
            for place in (
                "static",
                "libraries",
                "components",
                "resources/x",
                "esm/nicegui-codemirror",
            )
            for up in ("../" * 20, "%2e%2e/" * 20, "..%2f" * 20, "%2f", "/")
        ),
    ],
)
def test_path_leads_to_no_file_of_the_machine(studio: StudioProcess, path: str) -> None:
    response, body = ask(studio, path)
    assert response.status in (403, 404)
    assert b"root:" not in body


def test_page_is_not_offered_as_markdown(studio: StudioProcess) -> None:
    response, _ = ask(studio, "/", {"Accept": "text/markdown"})
    assert response.headers["Content-Type"].startswith("text/html")


def test_every_answer_says_what_the_page_may_load(studio: StudioProcess) -> None:
    for path, headers in (("/", {}), (STATIC, {}), ("/docs", {}), ("/", {"Cookie": ""})):
        response, _ = ask(studio, path, headers)
        text = response.headers["Content-Security-Policy"]
        policy = dict(part.split(" ", 1) for part in text.split("; "))
        assert policy["default-src"] == "'self'"
        sockets = f"ws://127.0.0.1:{studio.port} ws://localhost:{studio.port}"
        assert policy["connect-src"] == f"'self' {sockets}"
        assert policy["img-src"] == "'self' data: blob:"
        for name in ("frame-ancestors", "base-uri", "form-action", "object-src", "frame-src"):
            assert policy[name] == "'none'"
        assert not re.search(r"\*|http", text)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert ("immutable" in response.headers["Cache-Control"]) == (path == STATIC)
        assert (response.headers["Cache-Control"] == "no-store") == (path != STATIC)


def test_page_works_under_what_it_may_load(page: Page) -> None:
    """A browser enforces it: what it refuses is an error of the console, which `page` fails on."""
    page.wait_for_selector("img[src^=data]")


FOREIGN_PAGE = """
async ([origin, port, path, socket]) => {
  const said = (promise) => promise.then(() => "answered", () => "refused");
  const loaded = (tag, url) => said(new Promise((resolve, reject) => {
    const element = document.createElement(tag);
    [element.onload, element.onerror, element.src] = [resolve, reject, url];
    document.body.append(element);
  }));
  return {
    fetched: await said(fetch(origin, { credentials: "include" })),
    unread: await said(fetch(origin + path, { credentials: "include", mode: "no-cors" })),
    script: await loaded("script", origin + path),
    image: await loaded("img", origin + "/favicon.ico"),
    socket: await said(new Promise((resolve, reject) => {
      const opened = new WebSocket(`ws://127.0.0.1:${port}${socket}`);
      [opened.onopen, opened.onerror] = [resolve, reject];
    })),
  };
}
"""


@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/", "http://evil.example/"])
def test_another_page_of_the_browser_gets_and_sends_nothing(
    context: BrowserContext, page: Page, studio: StudioProcess, where: str
) -> None:
    """Another port of this machine is the same site, so that the cookie is sent along."""
    page.wait_for_selector("img[src^=data]")
    foreign = context.new_page()
    address = where.format(port=studio.port + 1 if studio.port < 65535 else 1024)
    foreign.route(address, lambda route: route.fulfill(body="<body>", content_type="text/html"))
    foreign.goto(address)
    given = [studio.origin, studio.port, STATIC, SOCKET]
    assert set(foreign.evaluate(FOREIGN_PAGE, given).values()) == {"refused"}
    foreign.evaluate("url => { document.body.innerHTML = `<iframe src=${url}>` }", studio.origin)
    foreign.wait_for_timeout(300)
    assert "augreg" not in foreign.frames[1].content()
    foreign.close()
    context.complaints.clear()
