"""A sample in detail, its permalink, and that it can be made again outside of the studio."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from studio.looks import by_kernels, pixels_of, tile, write
from studio.studio_process import StudioProcess

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page


def opened(page: Page, epoch: int) -> Locator:
    """The dialog of a sample, which is opened."""
    tile(page, epoch).click()
    return shown(page, epoch)


def shown(page: Page, epoch: int) -> Locator:
    """The dialog, once it shows the sample of an epoch."""
    dialog = page.get_by_role("dialog", name="Sample in detail")
    title = f"Sample: seed 0, epoch {epoch}, index 0"
    dialog.get_by_role("heading", name=title, exact=True).wait_for()
    dialog.get_by_text(f"--epoch {epoch} ").wait_for()
    page.wait_for_function("document.querySelector('.q-dialog').contains(document.activeElement)")
    return dialog


def copied(page: Page, dialog: Locator, name: str) -> str:
    """What a button copies."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('')")
    dialog.get_by_role("button", name=f"Copy {name}").click()
    # not `wait_for_function`, to which a promise is a truth, whatever it will give
    text: str = page.evaluate(
        """async () => {
            let text = ''
            for (let turn = 0; turn < 1000 && !text; turn++) {
                await new Promise(later => setTimeout(later, 20))
                text = await navigator.clipboard.readText()
            }
            return text
        }"""
    )
    return text


def test_detail_shows_the_drawn_values_and_arrows_go_on(page: Page) -> None:
    by_kernels(page)
    dialog = opened(page, 7)
    row = dialog.get_by_role("row").filter(has_text="/augment/1")
    assert re.fullmatch(
        r"/augment/1\s+rotate\s+degrees\s+\S+\s+uniform -30 to 30", row.inner_text()
    )
    assert dialog.get_by_text("Image, 451 x 300 px").is_visible()
    assert dialog.get_by_text("Sample, 180 x 180 px").is_visible()
    small = pixels_of(tile(page, 7).locator("img"))
    assert np.array_equal(pixels_of(dialog.get_by_role("img", name="Sample")), small)
    page.keyboard.press("ArrowRight")
    shown(page, 8)
    page.keyboard.press("ArrowRight")  # beyond the tiles, which go on
    shown(page, 9)
    page.keyboard.press("ArrowLeft")
    shown(page, 8)
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    tile(page, 0).wait_for()
    page.wait_for_url(re.compile("epoch=0"))


def test_there_is_nothing_before_the_first_epoch(page: Page) -> None:
    by_kernels(page)
    opened(page, 0)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    shown(page, 1)


def test_a_permalink_opens_the_same_sample_of_a_policy_that_was_never_saved(
    page: Page, context: BrowserContext
) -> None:
    by_kernels(page)
    write(page, (page.locator(".cm-content").inner_text()).replace("[-30, 30]", "[40, 50]"))
    page.wait_for_url(re.compile("policy="))
    by_kernels(page)
    dialog = opened(page, 4)
    before = pixels_of(dialog.get_by_role("img", name="Sample"))
    link = copied(page, dialog, "link")
    other = context.new_page()
    other.goto(link)
    again = shown(other, 4)
    other.wait_for_function("document.querySelector('.detail figure:last-child img[src^=data]')")
    assert (
        np.abs(pixels_of(again.get_by_role("img", name="Sample")).astype(int) - before).max() <= 1
    )
    assert "are not saved" in again.inner_text()


@pytest.fixture
def made(page: Page) -> tuple[Any, str, str]:
    """The pixels of a sample, and the command and the Python that its detail shows."""
    by_kernels(page)
    dialog = opened(page, 3)
    tile_pixels = pixels_of(tile(page, 3).locator("img"))
    return tile_pixels, copied(page, dialog, "command"), copied(page, dialog, "Python")


def test_command_and_python_make_the_pixels_of_the_tile(
    made: tuple[Any, str, str], studio: StudioProcess, tmp_path: Path
) -> None:
    pixels, command, code = made
    assert command.startswith("augreg sample flowers --seed 0 --epoch 3 --index 0")
    run = [sys.executable, "-m", *shlex.split(command)]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "sample.png")), pixels)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["sample"].dtype == np.float32  # the policy's output
    assert np.abs(names["sample"] * 255.0 - pixels).max() < 1.5  # 1 for kernels, 0.5 for rounding
