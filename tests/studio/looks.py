"""What tests of the page do again and again."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SHOWN = "document.querySelectorAll('.tile img[src^=data]').length >= 9"
KERNELS = "training's kernels"  # made the samples: before TensorFlow is loaded, the reference does


def status(page: Page) -> Locator:
    """The line over the tiles."""
    return page.get_by_role("tabpanel", name="Samples").get_by_role("status")


def by_kernels(page: Page) -> None:
    """Waits until the samples are the kernels'."""
    status(page).filter(has_text=KERNELS).wait_for()


def tile(page: Page, epoch: int, index: int = 0, seed: int = 0) -> Locator:
    """The tile of a sample."""
    return page.get_by_role("button", name=f"Sample: seed {seed}, epoch {epoch}, index {index}")


def pixels_of(image: Locator) -> Any:
    """The pixels of an `img`, uint8 [H,W,C]."""
    encoded = (image.get_attribute("src") or "").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def write(page: Page, text: str) -> None:
    """Puts a text in the place of the policy's, as a paste does."""
    page.get_by_role("tab", name="Text").click()
    page.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)
