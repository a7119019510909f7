"""`augreg.preview`: images beside samples of a policy, as a figure for a notebook or a script."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

from augreg.annotations.asked import unasked
from augreg.annotations.mixing import label_classes, mixing_steps
from augreg.backends.reference import augment
from augreg.backends.reference.kernels import quantize
from augreg.checks import InputRange, as_uint32, check_count, check_input_range, check_uint32
from augreg.errors import DataError, ImageError
from augreg.images import photo_paths
from augreg.policy import Output, Policy, load_policy
from augreg.views.overlay import Pixels
from augreg.views.preview import read_image

_TILE = 1.4  # inches
_WANTED = "preview takes images uint8 or float, [H,W,C] or [B,H,W,C], a list of them, or paths"


class Preview(Figure):
    """A matplotlib figure that a notebook shows without pyplot, as PNG.

    It is none of pyplot's, so nothing has to be closed; `savefig` writes it to a file.
    """

    def _repr_png_(self) -> bytes:
        contents = io.BytesIO()
        self.savefig(contents, format="png")
        return contents.getvalue()


def preview(
    policy: Any,
    images: Any = None,
    *,
    seed: int = 0,
    epoch: int = 0,
    index: int | Iterable[int] | None = None,
    samples: int = 9,
    input_range: InputRange = None,
) -> Preview:
    """Draws images with samples of a policy, as in training.

    Sample c of image i equals sample (`epoch` + c, `index`[i]) of every other way of running the
    policy with this seed, before `output`.

    Args:
        policy: a `Policy`, a dict, a path or a ready policy's name.
        images: uint8 or float [H,W,C] for one image with a grid of samples; [B,H,W,C], or a list of
            images or file paths, for one row each. None: two bundled photographs.
        seed, epoch: of the draws, 0 to 2**32-1.
        index: the images' positions in their source, one each; None: 0, 1, ...
        samples: the number of samples of each image.
        input_range: the range of floats. Without it, they have to be in 0..1.

    Returns:
        A matplotlib `Figure`, which a notebook displays.

    Raises:
        PolicyError: the policy is wrong, or can't work on these images.
        ImageError, DataError: the arguments are not images.
        ValueError: a number is out of range.

    >>> import augreg, numpy as np
    >>> figure = augreg.preview({"version": 1, "augment": [{"op": "flip"}]}, np.zeros((8, 8, 3)))
    >>> len(figure.axes)
    10
    """
    samples, input_range = check_count(samples, "samples"), check_input_range(input_range)
    seed, epoch = check_uint32(seed, "seed"), check_uint32(epoch, "epoch")
    loaded = load_policy(policy)
    found = _images(images)
    places = _places(index, len(found))
    shown = as_bytes(loaded)
    alone = len(found) == 1
    columns = math.ceil(math.sqrt(samples)) if alone else samples
    rows = math.ceil(samples / columns)
    wide = (rows if alone else 1) + columns
    figure = Preview(figsize=(wide * _TILE, 0.6 + len(found) * rows * _TILE), layout="constrained")
    FigureCanvasAgg(figure)
    about = f"seed {seed}, epochs {epoch} to {epoch + samples - 1}, {loaded.hash[:12]}"
    figure.suptitle(f"{loaded.name}\n{about}", fontsize=9, parse_math=False)
    common: dict[str, Any] = {"seed": seed, "input_range": input_range}
    made = [samples_of(shown, found, places, epoch=epoch + c, **common) for c in range(samples)]
    parts = figure.subfigures(len(found), 1, squeeze=False)[:, 0]
    for part, image, *row in zip(parts, found, *made, strict=True):
        _row(part, _bytes(image, input_range), row, (rows, columns))
    return figure


def as_bytes(policy: Policy) -> Policy:
    """The policy with uint8 output, for images without annotations."""
    return replace(unasked(policy), output=Output("uint8", (255.0,), (0.0,)))


def samples_of(policy: Policy, images: list[Any], places: list[int], **common: Any) -> list[Pixels]:
    """A sample of each image; together where the policy mixes them.

    Args:
        policy: one of `as_bytes`.
        images: uint8 or float [H,W,C].
        places: the index of each.
        common: of `augreg.augment`, such as the seed.
    """
    if mixing_steps(policy) and len({image.shape for image in images}) == 1 < len(images):
        element = {"images": np.stack(images)}
        if label_classes(policy) is not None:
            element["labels"] = np.zeros(len(images), np.int64)
        return list(augment(element, policy, index=places, **common)["images"])
    return [
        augment(image, policy, index=[place], **common)
        for image, place in zip(images, places, strict=True)
    ]


def _row(part: SubFigure, original: Pixels, made: Sequence[Pixels], grid: tuple[int, int]) -> None:
    """The original, as high as the grid, beside the grid of samples."""
    rows, columns = grid
    cells = part.add_gridspec(rows, rows + columns)
    _show(part.add_subplot(cells[:, :rows]), original, "x".join(map(str, original.shape)))
    for i, sample in enumerate(made):
        row, column = divmod(i, columns)
        _show(part.add_subplot(cells[row, rows + column]), sample, "")


def _show(axes: Any, pixels: Pixels, title: str) -> None:
    grey = pixels.shape[-1] == 1
    axes.imshow(pixels[..., 0] if grey else pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    axes.set_title(title, fontsize=8)


def _images(given: Any) -> list[Any]:
    """The images one by one; raises `DataError` or `ImageError` for what is none."""
    if given is None:
        given = list(photo_paths())
    if hasattr(given, "element_spec"):
        raise DataError(f"this is a dataset; {_WANTED}, such as those of next(iter(dataset))")
    if isinstance(given, str | PathLike):
        return [read_image(Path(fspath(given)))]
    if isinstance(given, list | tuple):
        if not given:
            raise DataError(f"there is no image in an empty list; {_WANTED}")
        return [one for part in given for one in _images(part)]
    if getattr(given, "ndim", None) is None or not hasattr(given, "__array__"):
        raise ImageError(f"this is a {type(given).__name__}; {_WANTED}")
    pixels = np.asarray(given)
    if pixels.ndim not in (3, 4) or pixels.dtype.kind not in "uif":
        shape = f"{pixels.dtype} {list(pixels.shape)}"
        raise ImageError(f"this is {shape}; {_WANTED}; of (image, label), give the image")
    return list(pixels) if pixels.ndim == 4 else [pixels]


def _places(index: Any, count: int) -> list[int]:
    """The position of each image in its source."""
    if index is None:
        return list(range(count))
    if isinstance(index, Iterable) and not hasattr(index, "ndim"):  # such as a `range`
        index = list(index)
    found = [int(one) for one in as_uint32(np.reshape(index, -1), "index")]
    if len(found) != count:
        raise DataError(f"{len(found)} positions in index for {count} images; give one each")
    return found


def _bytes(image: Any, input_range: InputRange) -> Pixels:
    """What is shown of an image as it came."""
    if image.dtype == np.uint8:
        return image
    lo, hi = input_range or (0, 1)
    if input_range is None and not (np.min(image) >= 0 and np.max(image) <= 1):
        found = f"{np.min(image):g} to {np.max(image):g}"
        raise ImageError(f"float images hold {found}; say what they mean: input_range=(0, 255)")
    unit = (np.asarray(image, np.float32) - lo) / (hi - lo)
    return quantize(unit)
