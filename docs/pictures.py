"""The pictures of the op reference: a photograph, then a step at low, middle and high strength.

Needs no TensorFlow: they come from the NumPy reference.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

import augreg
from augreg.annotations.mixing import label_classes, mixing_steps, pastes
from augreg.images import photo_paths
from augreg.testing.objects import OPTIONS, with_objects
from augreg.views import captions, page

SEED = 7
HEIGHT, WIDTH = 200, 300  # of the photograph; pictures are shown at half their size
SEEN = 3 / 255  # the mean difference from which on a sample counts as changed
TRIES = 5  # samples among which the picture's are looked for

Op = augreg.Op | augreg.Macro


def policy_of(op: Op, given: Mapping[str, Any]) -> augreg.Policy:
    """A step of the op."""
    step = {"op": op.name, **given}
    return augreg.load_policy({"version": 1, "augment": [step], "output": {"dtype": "uint8"}})


def picture(op: Op) -> tuple[bytes, list[Mapping[str, Any]]]:
    """A JPEG of the original and up to three results, and the arguments of each result.

    One sample at each strength; where the op has none, its result, or three samples if they differ.
    """
    shown = list(op.shown)
    highest = samples(op, shown[-1])
    seen = [i for i, image in enumerate(highest) if change(image) > SEEN] or [0]
    if len(shown) > 1:
        lowest = samples(op, shown[0])
        # the sample whose change grows most with the strength
        chosen = max(seen, key=lambda i: change(highest[i]) - change(lowest[i]))
        middle = samples(op, shown[1], chosen)
        results = [lowest[chosen], middle, highest[chosen]]
    else:
        results = [highest[i] for i in seen[:3]]
        if all(np.array_equal(image, results[0]) for image in results):
            results = results[:1]
        shown = shown * len(results)
    cells = [cell(image, *words) for image, words in zip(results, captions_of(shown), strict=True)]
    return sheet([cell(photograph(0), "original", []), *cells]), shown


def captions_of(shown: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """What each result is, and the arguments in which they differ."""
    if len(shown) == 1:
        return [("result", [])]
    differing = [name for name in shown[0] if len({str(given[name]) for given in shown}) > 1]
    if not differing:
        return [(f"sample {number}", []) for number in range(1, len(shown) + 1)]
    strengths = ("low strength", "middle", "high")
    return [
        (strength, [f"{name} {captions.number_text(given[name])}" for name in differing])
        for strength, given in zip(strengths, shown, strict=True)
    ]


@cache
def photograph(number: int) -> np.ndarray:
    """uint8 [H,W,3]: one of those that ship inside."""
    image = Image.open(photo_paths()[number]).convert("RGB")
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def samples(op: Op, given: Mapping[str, Any], index: int | None = None) -> np.ndarray:
    """uint8 [N,h,w,3]: the first photograph under the draws of the first samples; or of one."""
    policy = policy_of(op, given)
    if mixing_steps(policy):
        how: dict[str, str] = {}
        pairs = 4 * TRIES  # of its draws more than half hardly show a strength
        batch = np.stack([photograph(0), photograph(1)] * pairs)
        given: Any = {"images": batch}
        if label_classes(policy) is not None:
            given["labels"] = np.array([0, 1] * pairs)
        if pastes(policy):
            given, how = with_objects(batch, objects()), OPTIONS
        mixed = augreg.augment(given, policy, SEED, **how)["images"]
        return mixed[::2] if index is None else mixed[2 * index]
    if index is not None:
        return augreg.augment(photograph(0), policy, SEED, index=index)
    return augreg.augment(np.stack([photograph(0)] * TRIES), policy, SEED)


def objects() -> np.ndarray:
    """int32 [H,W]: three discs as objects to be cut out, the cup and two beside it."""
    discs = ((145, 75, 62), (50, 150, 40), (250, 140, 40))  # x, y and radius
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), np.int32)
    for number, (across, down, radius) in enumerate(discs, start=1):
        mask[(x - across) ** 2 + (y - down) ** 2 < radius**2] = number
    return mask


def change(image: np.ndarray) -> float:
    """The mean difference from the original in 0..1; 1 where the sizes differ."""
    original = photograph(0)
    if image.shape != original.shape:
        return 1.0
    return float(np.abs(image.astype(np.int16) - original).mean()) / 255


def sheet(cells: Sequence[page.Cell]) -> bytes:
    """Side by side as JPEG, with words below."""
    builder = page.Builder(page.text_width, margin=4)
    builder.cells(cells)
    buffer = io.BytesIO()
    page.render(builder.page()).save(buffer, "JPEG", quality=70, optimize=True, progressive=True)
    return buffer.getvalue()


def cell(image: np.ndarray, label: str, items: list[str]) -> page.Cell:
    """At half its size, so that sizes can be compared; it says one that is not the photograph's."""
    height, width = image.shape[:2]
    size = captions.size_text(image)
    sizes = [] if (height, width) == (HEIGHT, WIDTH) else [size]
    return page.Cell(image, (width // 2, height // 2), size, label, [*items, *sizes])
