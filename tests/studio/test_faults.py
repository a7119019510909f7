"""What goes wrong is a message in its place, and the studio goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from augreg.studio.link import pack
from studio.conftest import StartStudio
from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PLUGIN = '''
import sys
import time

import augreg


def colors(xp, amount):
    """Does what it should."""
    return augreg.ColorMap(xp.eye(3), xp.stack([amount] * 3, axis=-1))


def raises(xp, amount):
    """Raises where it describes what it does."""
    raise RuntimeError("boom")


def ends(xp, amount):
    """Ends the process that it is in."""
    sys.exit(7)


def sleeps(xp, amount):
    """Takes ten minutes."""
    time.sleep(600)


AMOUNT = augreg.Range(0.0, 1.0, default=0.2)


@augreg.hookimpl
def register_ops():
    found = {"good": colors, "raises": raises, "ends": ends, "sleeps": sleeps}
    return [augreg.op(f"acme/{name}", amount=AMOUNT)(op) for name, op in found.items()]
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of which some can't be read, and one is gone while it is looked at."""
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    for name in ("0-whole.png", "2-cut.png", "4-gone.png"):
        Image.fromarray(noise).save(folder / name)
    whole = (folder / "2-cut.png").read_bytes()
    (folder / "2-cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "1-text.jpg").write_text("not an image")
    Image.new("1", (8660, 5773)).save(folder / "3-large.png")
    return folder


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A plugin is installed, and one that fails when it is imported."""
    folder = tmp_path_factory.mktemp("plugins")
    for name, text in (("acme", PLUGIN), ("broken", "1 / 0")):
        (folder / f"{name}.py").write_text(text)
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[augreg]\n{name} = {name}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def faulty(start_studio: StartStudio, folder: Path, plugins: None) -> StudioProcess:
    """A studio of these images, and of a dataset that is not there."""
    return start_studio("flowers", str(folder), "no_such_data")


@pytest.fixture
def tab(context: BrowserContext, faulty: StudioProcess) -> Page:
    page = context.new_page()
    page.goto(faulty.address)
    return page


def open_policy(tab: Page, faulty: StudioProcess, op: str) -> None:
    text = f'{{"version": 1, "augment": [{{"op": "{op}"}}]}}'
    tab.goto(f"{faulty.origin}/?policy={pack(text)}")


def test_images_that_can_not_be_read_say_so_in_their_tiles(
    tab: Page, faulty: StudioProcess, folder: Path
) -> None:
    tab.goto(f"{faulty.origin}/?across=images")
    for index, said in (
        (1, "1-text.jpg: no known image format"),
        (2, "2-cut.png: damaged: its pixels can't be decoded"),
        (3, "3-large.png: 8660x5773 pixels (width x height) are 50 million"),
        (5, "no_such_data: no such data source"),
    ):
        tile = tab.get_by_role("button", name=f"Sample: seed 0, epoch 0, index {index}")
        tile.filter(has_text=said).wait_for()
    for index in (0, 4):
        tile = tab.get_by_role("button", name=f"Sample: seed 0, epoch 0, index {index}")
        tile.locator("img[src^=data]").wait_for()
    (folder / "4-gone.png").unlink()
    tab.get_by_label("Seed", exact=True).fill("1")
    tile = tab.get_by_role("button", name="Sample: seed 1, epoch 0, index 4")
    tile.filter(has_text="4-gone.png: can't be read: No such file or directory").wait_for()


@pytest.mark.parametrize(
    ("op", "said"),
    [
        ("acme/raises", 'op "acme/raises" raised RuntimeError: boom'),
        ("acme/ends", "SystemExit: 7"),
        ("broken/op", 'plugin "broken" is failed: ZeroDivisionError: division by zero'),
    ],
)
def test_plugin_that_raises_is_a_message_and_the_studio_goes_on(
    tab: Page, faulty: StudioProcess, op: str, said: str
) -> None:
    open_policy(tab, faulty, op)
    tab.get_by_text(said).first.wait_for()
    open_policy(tab, faulty, "acme/good")
    tab.locator(".tile img[src^=data]").first.wait_for()
    assert faulty.process.poll() is None


def test_small_images_are_served_by_position(tab: Page, faulty: StudioProcess) -> None:
    for index, status in ((0, 200), (1, 404), (5, 404), (6, 404), (10**30, 404), (-1, 404)):
        response = tab.request.get(f"{faulty.origin}/small/{index}.jpg")
        assert response.status == status
    assert tab.request.get(f"{faulty.origin}/small/..%2Fx.jpg").status == 404


def test_studio_ends_while_a_plugin_is_busy(
    start_studio: StartStudio, context: BrowserContext, plugins: None
) -> None:
    studio = start_studio("flowers")
    page = context.new_page()
    page.goto(studio.address)
    open_policy(page, studio, "acme/sleeps")
    page.get_by_text("acme/sleeps").first.wait_for()
    page.wait_for_timeout(500)
    page.close()
    assert studio.stop() == 143
