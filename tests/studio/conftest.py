"""A studio that runs and a browser that looks at it.

Both are there once for each process of pytest, and only where a test asks for them: a test that
needs no browser should ask for `studio` alone, and one that needs no server for neither. They end
with the tests of this folder: a server holds TensorFlow, and Playwright an event loop that would
keep `asyncio.run` from working in other tests. (In this folder, run such things in a thread.)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

StartStudio = Callable[..., StudioProcess]

TIMEOUT = 30_000  # milliseconds that a browser waits for something; nothing takes a tenth of it


@pytest.fixture(scope="package")
def start_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartStudio]:
    """Starts a studio with these arguments, on a free port where they name none.

    `start_studio("flowers", "folder")`. All that were started end with the tests, by their number.
    `cwd` and `program` are as of `StudioProcess`.
    """
    cache = tmp_path_factory.mktemp("studio-cache")
    started: list[StudioProcess] = []

    def start(*arguments: str, **more: Any) -> StudioProcess:
        free = () if "--port" in arguments else ("--port", "0")
        started.append(StudioProcess(*arguments, *free, cache=cache, **more))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="package")
def studio(start_studio: StartStudio) -> StudioProcess:
    """A studio of `flowers` and the bundled photographs, which the tests share."""
    return start_studio("flowers")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A headless browser: the system's Chromium, or the one that Playwright has installed."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with api.sync_playwright() as driver:
        if path is None and not os.path.exists(driver.chromium.executable_path):
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
        # Without a sandbox: in a container, where tests often run as root, there is none.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies, for 1280x800 pixels. Its pages must behave.

    A test fails at its end if a page wrote an error to the console, raised one, or asked another
    host than this machine. A test that provokes such errors closes its page and then clears
    `context.complaints`.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(TIMEOUT)
    complaints: list[str] = []
    context.complaints = complaints

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            complaints.append(f"another host was asked: {request.url}")

    context.on("console", heard)
    context.on("request", asked)
    context.on("weberror", lambda error: complaints.append(f"raised: {error.error}"))
    yield context
    context.close()
    assert not complaints


@pytest.fixture
def page(context: BrowserContext, studio: StudioProcess) -> Page:
    """A tab that shows the shared studio."""
    page = context.new_page()
    page.goto(studio.address)
    return page
