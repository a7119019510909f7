"""`augreg.preview`: images beside samples of a policy, as a figure for a notebook or a script."""

from __future__ import annotations

import io
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from augreg.backends.reference.kernels import quantize
from augreg.checks import InputRange, as_uint32, check_count, check_input_range, check_uint32
from augreg.errors import DataError, ImageError
from augreg.images import photo_paths
from augreg.policy import load_policy
from augreg.views import captions, page
from augreg.views.overlay import Pixels
from augreg.views.photos import read_image
from augreg.views.samples import drawn_for, samples_of

_DPI = 100  # pixels of an inch
_WIDTH, _TILE = 964, 180  # of what it holds, and the longer side of an image, in pixels
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
    """Draws images with samples of a policy, as in training, and what was drawn for each.

    Sample c of image i equals sample (`epoch` + c, `index`[i]) of every other way of running the
    policy with this seed, before `output`.

    Args:
        policy: a `Policy`, a dict, a path or a ready policy's name.
        images: uint8 or float [H,W,C] for one image; [B,H,W,C], or a list of images or file paths,
            for several, each with a grid of samples. None: two bundled photographs.
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
    shown, elements = loaded.as_bytes(), [{"images": image} for image in found]
    figure = Preview(dpi=_DPI, facecolor="white")
    builder = page.Builder(_measure(figure), _WIDTH)
    builder.line(loaded.name, page.TITLE)
    builder.paragraph(captions.policy_text(loaded, seed, epoch, samples))
    how: dict[str, Any] = {"seed": seed, "input_range": input_range}
    copies = [samples_of(shown, elements, places, epoch=epoch + c, **how) for c in range(samples)]
    for i, (image, place) in enumerate(zip(found, places, strict=True)):
        cells = [page.Cell.within(_bytes(image, input_range), _TILE, "original")]
        for now, copy in enumerate(copies, start=epoch):
            items = captions.steps_text(shown, drawn_for(shown, elements[i], seed, now, place))
            label = captions.sample_text(now, place)
            cells.append(page.Cell.within(copy[i]["images"], _TILE, label, items))
        builder.space()
        builder.paragraph(f"samples {cells[1].size_text}")
        builder.cells(cells)
    _draw(figure, builder.page())
    return figure


def _measure(figure: Figure) -> page.Measure:
    """The width of texts as the figure draws them."""
    canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
    renderer = canvas.get_renderer()

    def width(text: str, size: int) -> float:
        letters = FontProperties(size=_points(size))
        return float(renderer.get_text_width_height_descent(text, letters, ismath=False)[0])

    return width


def _points(size: int) -> float:
    """The size of letters of `size` pixels, in the unit of fonts: 1/72 inch."""
    return size * 72 / _DPI


def _draw(figure: Figure, laid_out: page.Page) -> None:
    width, height = laid_out.width, laid_out.height
    figure.set_size_inches(width / _DPI, height / _DPI)
    for one in laid_out.pictures:
        bottom = height - one.y - one.height
        place = (one.x / width, bottom / height, one.width / width, one.height / height)
        axes = figure.add_axes(place)
        grey = one.pixels.shape[-1] == 1
        pixels = one.pixels[..., 0] if grey else one.pixels
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, aspect="auto")
        axes.set_axis_off()
    for text in laid_out.texts:
        color = [level / 255 for level in (page.FAINT if text.faint else page.INK)]
        letters: dict[str, Any] = {"fontsize": _points(text.size), "color": color}
        letters |= {"va": "baseline", "parse_math": False}
        figure.text(text.x / width, 1 - text.y / height, text.text, **letters)


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
