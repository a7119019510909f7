"""A strip of samples for each policy: the pixels that its runs train on."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from PIL import Image

from augreg.compare.options import CompareOptions, Contender
from augreg.sources import Source
from augreg.train.data import policy_of
from augreg.train.limited import limited
from augreg.views.batches import Element
from augreg.views.page import scaled
from augreg.views.photos import photos_of
from augreg.views.samples import samples_of

ROWS, SAMPLES = 3, 8
_TILE, _GAP = 96, 4


def strips(options: CompareOptions, source: Source) -> dict[str, bytes]:
    """A PNG of each policy: a row of samples for each of three training images.

    Sample c of an image is that of epoch c in the run of the first seed.

    Raises:
        DataError: an image can't be decoded.
    """
    contenders = options.contenders()
    run = options.run_options(contenders[0], options.first_seed)
    if run.limit_train is not None:
        source = limited(source, run.limit_train, run.seed)
    photos = photos_of(source, ROWS)
    elements = [{"images": photo.pixels} for photo in photos]
    places = [photo.index for photo in photos]
    return {one.name: _strip(options, one, elements, places) for one in contenders}


def _strip(
    options: CompareOptions, contender: Contender, elements: Sequence[Element], places: list[int]
) -> bytes:
    run = options.run_options(contender, options.first_seed)
    policy, training = policy_of(run).as_bytes(), contender.augment and contender.policy is not None
    columns = SAMPLES if training else 1
    page = Image.new("RGBA", (columns * (_TILE + _GAP), len(elements) * (_TILE + _GAP)))
    for epoch in range(columns):
        how: dict[str, Any] = {"seed": run.seed, "epoch": epoch, "training": training}
        for row, sample in enumerate(samples_of(policy, elements, places, **how)):
            page.paste(_tile(sample["images"]), (epoch * (_TILE + _GAP), row * (_TILE + _GAP)))
    contents = io.BytesIO()
    page.save(contents, "PNG")
    return contents.getvalue()


def _tile(pixels: Any) -> Image.Image:
    """An image that fits a square."""
    height, width = pixels.shape[:2]
    scale = _TILE / max(width, height)
    return scaled(pixels, (max(1, math.floor(width * scale)), max(1, math.floor(height * scale))))
