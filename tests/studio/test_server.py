"""The studio's server: how it starts, what it prints, how it ends, and that it can come back."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from augreg.cli import main
from augreg.studio import StudioOptions
from studio.conftest import StartStudio
from studio.looks import SHOWN, tile, write
from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, WebSocket


def test_page_shows_nine_samples(page: Page) -> None:
    page.wait_for_function(SHOWN)


def test_a_busy_studio_is_not_taken_for_gone(page: Page) -> None:
    said: list[str | bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: said.append(frame))

    page.on("websocket", listen)
    page.reload()
    page.wait_for_function(SHOWN)
    agreed = json.loads(
        str(said[0]).removeprefix("0")
    )  # https://socket.io/docs/v4/engine-io-protocol/
    assert agreed["pingTimeout"] == 30_000  # milliseconds


def test_token_leaves_the_address(page: Page, studio: StudioProcess) -> None:
    assert page.url.startswith(f"{studio.origin}/")
    assert studio.token not in page.url
    assert page.evaluate("document.cookie") == ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_open_page_outlives_its_studio(
    start_studio: StartStudio, context: BrowserContext, foreground: None, tmp_path: Path
) -> None:
    """Ctrl+C ends it under an open page; started again, it finds the page as it was left."""
    port = str(free_port())
    first = start_studio("flowers", "--port", port, cwd=tmp_path)
    page = context.new_page()
    asked: list[str] = []  # whether to leave a page with changes that are not saved
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(first.address)
    tile(page, 0).wait_for()
    page.get_by_label("Seed", exact=True).fill("77")
    tile(page, 0, seed=77).wait_for()
    write(page, '{"version": 1, "augment": [{"op": "nonsense"}]}')
    page.wait_for_function("/seed=77.*policy=/.test(location.search)")
    gone = page.get_by_role("alert").filter(has_text="Start it again with the same command")
    assert not gone.is_visible()

    assert first.stop(signal.SIGINT) == 130
    assert first.lines == [f"augreg studio: {first.origin}/?token={first.token}"]
    assert list(tmp_path.iterdir()) == []
    gone.wait_for()
    assert page.evaluate("document.getElementById('app').inert")

    second = start_studio("flowers", "--port", port)
    assert second.token == first.token
    gone.wait_for(state="hidden")
    page.locator(".cm-content").filter(has_text="nonsense").wait_for()
    assert page.get_by_label("Seed", exact=True).input_value() == "77"
    assert not page.evaluate("document.getElementById('app').inert")
    assert not asked
    assert second.stop() == 143
    page.close()
    context.complaints.clear()  # of a socket that was gone


@pytest.mark.parametrize("arguments", [["."], ["./tests.png"], [".", "flowers"]])
def test_images_before_the_policy_are_told_the_order(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (3, 3)).save("tests.png")
    with pytest.raises(SystemExit, match="2"):
        main(["studio", *arguments])
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"the policy comes first: augreg studio flowers {arguments[0]}" in said


def test_without_nicegui_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("augreg.cli.studio.find_spec", {"nicegui": None}.get)
    with pytest.raises(SystemExit, match="1"):
        main(["studio"])
    said = capsys.readouterr().err
    assert said == "augreg: the studio needs NiceGUI: pip install 'augreg[studio]'\n"


def test_new_token_is_asked_for_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[StudioOptions] = []
    monkeypatch.setattr("augreg.studio.server.serve", given.append)
    for arguments in (("flowers",), ("flowers", "photos", "digits", "--new-token", "--port", "0")):
        with pytest.raises(SystemExit):
            main(["studio", *arguments, "--no-browser"])
    assert given == [
        StudioOptions(show=False),
        StudioOptions(images=("photos", "digits"), port=0, show=False, new_token=True),
    ]


def test_page_waits_for_its_images_and_tabs_that_were_closed_leave_nothing(
    start_studio: StartStudio, context: BrowserContext
) -> None:
    program = [str(Path(__file__).with_name("counting.py"))]
    studio = start_studio("flowers", program=program)
    pages = [context.new_page() for _ in range(3)]
    pages[0].goto(studio.address)
    pages[0].get_by_role("status").filter(has_text="Opening the images ...").wait_for()
    assert pages[0].request.get(f"{studio.origin}/favicon.ico").ok
    studio.process.send_signal(signal.SIGUSR2)
    pages[0].wait_for_function(SHOWN)
    for page in pages[1:]:
        page.goto(studio.address)
        page.wait_for_function(SHOWN)
    assert counted(studio)[0] == 3
    for page in pages[1:]:
        page.close()
    until = time.monotonic() + 30  # a tab that is gone is waited for, 3 seconds
    while counted(studio)[0] > 1 and time.monotonic() < until:
        time.sleep(0.2)
    sessions, threads = counted(studio)
    assert sessions == 1
    pages[0].reload()
    pages[0].wait_for_function(SHOWN)
    assert counted(studio)[1] <= threads + 1


def counted(studio: StudioProcess) -> tuple[int, int]:
    """Sessions and threads."""
    studio.process.send_signal(signal.SIGUSR1)
    sessions, threads = re.findall(r"\d+", studio.wait_for("sessions"))
    return int(sessions), int(threads)


def test_port_that_is_taken_is_an_error_with_the_remedy(studio: StudioProcess) -> None:
    """And without waiting for TensorFlow, as the page itself comes before it."""
    code = (
        "import sys\nfrom augreg.cli import main\n"
        f"try: main(['studio', '--port', '{studio.port}'])\n"
        "except SystemExit as end: sys.exit(end.code + 10 * ('tensorflow' in sys.modules))"
    )
    command = [sys.executable, "-c", code]
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
