"""The studio's server: how it starts, what it prints, how it ends, and that it can come back."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studio.conftest import StartStudio
from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

TILES = "document.querySelectorAll('img[src^=data]').length >= 9"


def test_page_shows_nine_samples(page: Page) -> None:
    page.wait_for_function(TILES)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_it_quietly_under_an_open_page(
    start_studio: StartStudio,
    context: BrowserContext,
    foreground: None,
    tmp_path: Path,
    number: int,
    code: int,
) -> None:
    studio = start_studio("flowers", cwd=tmp_path)
    page = context.new_page()
    page.goto(studio.address)
    page.wait_for_function(TILES)
    assert studio.stop(number) == code
    assert studio.lines == [f"augreg studio: {studio.origin}/?token={studio.token}"]
    assert list(tmp_path.iterdir()) == []
    page.close()
    context.complaints.clear()  # of a socket that is gone


def test_token_leaves_the_address(page: Page, studio: StudioProcess) -> None:
    assert page.url.startswith(f"{studio.origin}/")
    assert studio.token not in page.url
    assert page.evaluate("document.cookie") == ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_open_page_says_that_the_studio_is_gone_and_goes_on_when_it_is_back(
    start_studio: StartStudio, context: BrowserContext
) -> None:
    port = str(free_port())
    first = start_studio("flowers", "--port", port)
    page = context.new_page()
    page.goto(first.address)
    page.wait_for_function(TILES)
    gone = page.get_by_role("alert").filter(has_text="Start it again with the same command")
    assert not gone.is_visible()
    first.stop()
    gone.wait_for()
    assert page.evaluate("document.getElementById('app').inert")
    second = start_studio("flowers", "--port", port)
    assert second.token == first.token
    gone.wait_for(state="hidden")
    page.wait_for_function(TILES)
    assert not page.evaluate("document.getElementById('app').inert")
    page.close()
    context.complaints.clear()  # of a socket that was gone


def test_new_token_locks_pages_of_before_out(start_studio: StartStudio) -> None:
    port = str(free_port())
    before = start_studio("flowers", "--port", port)
    before.stop()
    assert start_studio("flowers", "--port", port, "--new-token").token != before.token


def test_port_that_is_taken_is_an_error_with_the_remedy(studio: StudioProcess) -> None:
    command = [sys.executable, "-m", "augreg", "studio", "--port", str(studio.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"augreg: port {studio.port} of 127.0.0.1 can't be had (Address already in use): another "
        "studio may have it; --port 0 takes a free one\n"
    )


def test_only_this_machine_reaches_it(studio: StudioProcess) -> None:
    """Of the addresses that listen, its port has 127.0.0.1 alone (0100007F in /proc/net/tcp)."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    text = "".join(table.read_text() for table in tables if table.exists())
    if not text:
        pytest.skip("no /proc/net/tcp")
    listening = re.findall(rf": (\w+):{studio.port:04X} \w+:\w+ 0A ", text)
    assert listening == ["0100007F"]
