"""The pictures of the studio in the docs: made here, and held to what the page has.

`AUGREG_RECORD=1 pytest tests/studio/test_screenshots.py` writes them to docs/images/studio.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from augreg.policy import find_policy
from studio.looks import by_kernels, status, tile, write

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "studio"
LARGEST = 150_000  # bytes
SCENES = ("samples", "detail", "filmstrip", "sheet", "costs", "compare", "mistakes")


def samples(page: Page) -> None:
    """A policy as a form, and nine samples."""
    page.get_by_role("tab", name="Form").click()
    page.get_by_text("degrees -30 to 30").wait_for()
    tile(page, 8).wait_for()


def detail(page: Page) -> None:
    """A sample beside its image, with what was drawn for it."""
    tile(page, 4).click()
    dialog = page.get_by_role("dialog", name="Sample in detail")
    dialog.get_by_role("row").filter(has_text="/augment/6").wait_for()
    dialog.get_by_text("--epoch 4 ").wait_for()


def filmstrip(page: Page) -> None:
    """A sample after each step."""
    page.get_by_role("tab", name="Filmstrip").click()
    panel = page.get_by_role("tabpanel", name="Filmstrip")
    panel.get_by_text("share one resample").first.wait_for()


def sheet(page: Page) -> None:
    """Each step at weak, middle and strong values."""
    page.get_by_role("tab", name="Sheet").click()
    last = page.get_by_role("group", name="saturation at /augment/6")
    last.get_by_role("img").nth(3).wait_for()
    page.get_by_role("group", name="zoom at /augment/2").scroll_into_view_if_needed()


def costs(page: Page) -> None:
    """What each stage costs and does."""
    page.get_by_role("tab", name="Costs").click()
    page.get_by_role("button", name="Measure times").click()
    page.get_by_text("Median times").wait_for()


def compare(page: Page) -> None:
    """Two policies on the same draws."""
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Pin A as B").click()
    write(page, find_policy("flowers").read_text().replace("[-30, 30]", "[-90, 90]"))
    page.get_by_text("/augment/1/degrees: [-90, 90] in A, [-30, 30] in B").wait_for()


def mistakes(page: Page) -> None:
    """A mistake at its place, and the last samples without it; dark."""
    page.emulate_media(color_scheme="dark")
    page.locator("body.body--dark").wait_for()
    write(page, find_policy("flowers").read_text().replace('"zoom"', '"zom"'))
    status(page).filter(has_text="The policy has errors.").wait_for()
    page.get_by_text("did you mean").first.wait_for()


@pytest.mark.parametrize("scene", SCENES)
def test_the_page_has_what_its_picture_shows(page: Page, scene: str) -> None:
    by_kernels(page)
    globals()[scene](page)
    path = FOLDER / f"{scene}.webp"
    if os.environ.get("AUGREG_RECORD"):
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # what moves or fades is done
        FOLDER.mkdir(exist_ok=True)
        shot = Image.open(io.BytesIO(page.screenshot(caret="hide")))
        shot.convert("RGB").save(path, "WEBP", quality=82, method=6)
    with Image.open(path) as picture:
        assert picture.size == (1280, 800)
    assert path.stat().st_size < LARGEST


def test_every_picture_is_made_here() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(SCENES)
