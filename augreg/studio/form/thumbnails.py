"""A small picture of what each op does, made by the reference when it is asked for first."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image

from augreg.annotations.mixing import mixing_steps, pastes
from augreg.errors import AugregError
from augreg.images import photo_paths
from augreg.plugin.declaration import Declaration
from augreg.plugin.registry import default_registry
from augreg.policy import Policy, load_policy
from augreg.views.overlay import Pixels, as_image
from augreg.views.samples import samples_of

HEIGHT, WIDTH = 64, 96
_SEED = 7
_LARGE = 200  # for the examples that need as much
_TRIES = 4
_SEEN = 3 / 255  # the mean difference from which on a picture shows something


@cache
def picture_of(name: str) -> bytes | None:
    """The picture of an op or macro of the installed plugins."""
    return thumbnail(default_registry().steps[name])


def thumbnail(op: Declaration) -> bytes | None:
    """A JPEG of at most 96x64 pixels; None where the op can't show itself on a photograph."""
    shown = op.shown
    step = {"op": op.name, **shown[len(shown) // 2]}
    policy = load_policy({"version": 1, "augment": [step], "output": {"dtype": "uint8"}})
    if pastes(policy):  # it needs objects
        return None
    for height in (HEIGHT, _LARGE):
        try:
            return _jpeg(_changed(policy, height))
        except AugregError:  # such as a crop that is larger than the photograph
            continue
    return None


def _changed(policy: Policy, height: int) -> Pixels:
    """A sample in which something is to be seen, if there is one."""
    original = _photo(0, height)
    for index in range(_TRIES):
        image = _sample(policy, index, height)
        if image.shape != original.shape:
            break
        if np.abs(image.astype(np.int16) - original).mean() / 255 > _SEEN:
            break
    return image


def _sample(policy: Policy, index: int, height: int) -> Pixels:
    places = [2 * index, 2 * index + 1] if mixing_steps(policy) else [index]
    elements = [{"images": _photo(number, height)} for number in range(len(places))]
    pixels: Pixels = samples_of(policy, elements, places, seed=_SEED)[0]["images"]
    return pixels


@cache
def _photo(number: int, height: int) -> Pixels:
    """One of those that ship inside, of this height."""
    paths = photo_paths()
    image = Image.open(paths[number % len(paths)]).convert("RGB")
    size = (height * WIDTH // HEIGHT, height)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def _jpeg(pixels: Pixels) -> bytes:
    image = as_image(pixels)
    image.thumbnail((WIDTH, HEIGHT))
    contents = io.BytesIO()
    image.save(contents, "JPEG", quality=80)
    return contents.getvalue()
