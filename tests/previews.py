"""Pages of previews, and the texts on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import augreg
from augreg.views.page import Page
from augreg.views.preview import PreviewOptions, preview_page

PIXELS = np.random.default_rng(0).integers(60, 190, (70, 90, 3), np.uint8)


def options(policy: dict[str, Any], *images: Path, **more: Any) -> PreviewOptions:
    return PreviewOptions(augreg.load_policy({"version": 1, **policy}), images, **more)


def page(policy: dict[str, Any], *images: Path, **more: Any) -> Page:
    return preview_page(options(policy, *images, **more))


def texts(page: Page) -> list[str]:
    return [text.text for text in page.texts]
