"""What a policy does, as a picture: each image beside samples of it, and each op alone.

Pixels come from the NumPy reference, so that a preview needs no TensorFlow and is there in a second
or two; the kernels agree with it within 1/255 (DESIGN, section 3).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from augreg.annotations.asked import unasked
from augreg.backends.reference import augment
from augreg.errors import ImageError, PolicyError
from augreg.images import inspect, one_line, photo_paths
from augreg.paths import check_here
from augreg.policy import Output, Policy, Step, steps_in
from augreg.random.distributions import Constant
from augreg.views.explain import changed_arguments
from augreg.views.overlay import Drawn, Pixels, draw
from augreg.views.photos import Photo, element_of

# By EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TILE = 160
_SMALL = 104
_GAP = 8
_LINE = 20
_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)
_SMOOTH_BELOW = 64  # sides under this are enlarged as squares, so that one sees the pixels


@dataclass(frozen=True)
class PreviewOptions:
    """What to show: `copies` samples of each image, sample c of image i at (epoch + c, index i).

    These are the draws of `augreg apply` with the same seed, images and order. `annotations` are
    drawn onto the images of these names, as they move. `photos` are shown in place of `images`.
    """

    policy: Policy
    images: Sequence[Path] = ()
    seed: int = 0
    epoch: int = 0
    copies: int = 9
    each_step: bool = False
    annotations: Mapping[str, Drawn] = field(default_factory=dict)
    photos: Sequence[Photo] = ()


@dataclass(frozen=True)
class _Original:
    """An image before the policy, with what is drawn onto it (boxes as xyxy), and its position."""

    element: Mapping[str, Any]
    drawn: Drawn
    index: int
    options: PreviewOptions

    @property
    def pixels(self) -> Pixels:
        """Itself, with what belongs to it drawn."""
        return draw(self.element, self.drawn.names)

    def samples(self, policy: Policy, copies: int) -> list[Pixels]:
        """The first `copies` samples, uint8 [H,W,C], with what belongs to them drawn."""
        policy = policy if "boxes" in self.element else unasked(policy)
        made = (
            augment(
                self.element,
                policy,
                seed=self.options.seed,
                index=[self.index],
                epoch=self.options.epoch + copy,
                bounding_box_format="xyxy" if "boxes" in self.element else None,
                keypoint_pairs=self.drawn.pairs,
            )
            for copy in range(copies)
        )
        return [draw(one, self.drawn.names) for one in made]


def preview(options: PreviewOptions) -> Image.Image:
    """The picture. Without images, the embedded photographs are shown.

    Raises:
        ImageError: an image can't be read.
        PolicyError: the policy can't work at an image's size.
    """
    saved = replace(options.policy, output=Output("uint8", (255.0,), (0.0,)))
    shown = replace(options, policy=saved)
    blocks = [_heading(shown)]
    for photo in options.photos or _read(options):
        element = element_of(photo)
        original = _Original(element, photo.drawn, photo.index, shown)
        blocks.append(_samples(photo.title, original))
        if options.each_step:
            blocks += _steps(original)
    return _stack(blocks)


def _read(options: PreviewOptions) -> Iterator[Photo]:
    for index, path in enumerate(options.images or photo_paths()):
        drawn = options.annotations.get(path.name, Drawn())
        yield Photo(path.name, read_image(path), drawn, index)


def read_image(path: Path) -> Pixels:
    """uint8 [H,W,3] of an image file, its EXIF orientation honoured.

    Raises:
        ImageError: it can't be read. PathError: it is no file of this machine.
    """
    check_here(path)
    name = one_line(path)
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: can't be read: {error.strerror}") from error
    info = inspect(contents, name)
    try:
        with Image.open(io.BytesIO(contents)) as image:
            return _as_trained(image, info.orientation)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{name}: damaged: its pixels can't be decoded ({error})") from error


def _as_trained(image: Image.Image, orientation: int) -> Pixels:
    """What training decodes: Pillow turns by XMP too, and caps 16 bits of grey at 255."""
    image.load()
    image.info.pop("transparency", None)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    return np.asarray(image.transpose(_TURNS[orientation]) if orientation > 1 else image)


# --- blocks -------------------------------------------------------------------------------------


def _heading(options: PreviewOptions) -> Image.Image:
    policy = options.policy
    last = options.epoch + options.copies - 1
    about = f"seed {options.seed}, epochs {options.epoch} to {last}, {policy.hash[:12]}"
    lines = ((policy.name, _INK, 16), (about, _FAINT, 12))
    width = max(_length(text, size) for text, _, size in lines)
    block = Image.new("RGB", (width, 2 * _LINE + _GAP), _PAPER)
    for i, (text, ink, size) in enumerate(lines):
        _write(block, 0, i * _LINE, text, ink, size)
    return block


def _samples(title: str, original: _Original) -> Image.Image:
    """The original, as high as the grid, beside the grid of samples."""
    made = original.samples(original.options.policy, original.options.copies)
    columns = math.ceil(math.sqrt(len(made)))
    rows = math.ceil(len(made) / columns)
    side = rows * _TILE + (rows - 1) * _GAP
    grid = columns * _TILE + (columns - 1) * _GAP
    block = Image.new("RGB", (side + 2 * _GAP + grid, _LINE + side), _PAPER)
    height, width = original.element["images"].shape[:2]
    after = "x".join(str(n) for n in made[0].shape)
    _write(block, 0, 0, f"{title}, {height}x{width}")
    _write(block, side + 2 * _GAP, 0, f"samples, {after}")
    _paste(block, original.pixels, (0, _LINE), side, centred=False)
    for i, sample in enumerate(made):
        row, column = divmod(i, columns)
        x = side + 2 * _GAP + column * (_TILE + _GAP)
        _paste(block, sample, (x, _LINE + row * (_TILE + _GAP)), _TILE)
    return block


def _steps(original: _Original) -> Iterator[Image.Image]:
    """A row for each step: the image as it comes to `augment`, then the step alone, always done.

    A step keeps the draws that it has in the whole policy.
    """
    policy = original.options.policy
    none = replace(policy, augment=())
    for step in steps_in(policy.prepare_train):
        alone = replace(none, prepare_train=(step.for_all(),))
        yield _step_row(original, step, alone, original.pixels)
    for step in steps_in(policy.augment):
        alone = replace(policy, augment=(step.for_all(),))
        yield _step_row(original, step, alone, original.samples(none, 1)[0])


def _step_row(original: _Original, step: Step, alone: Policy, before: Pixels) -> Image.Image:
    draws = any(not isinstance(drawn, Constant) for _, drawn, _ in step.drawn())
    count = min(original.options.copies, 9) if draws else 1  # without draws all are alike
    text = _step_text(step)
    width = max((count + 1) * (_SMALL + _GAP) + _GAP, _length(text))
    try:
        made = original.samples(alone, count)
    except PolicyError as error:  # such as a crop that needs the padding before it
        reason = f"not possible alone: {error.message}"
        block = Image.new("RGB", (max(width, _length(reason)), 2 * _LINE), _PAPER)
        _write(block, 0, _LINE, reason, _FAINT)
    else:
        block = Image.new("RGB", (width, _LINE + _SMALL), _PAPER)
        _paste(block, before, (0, _LINE), _SMALL)
        for i, sample in enumerate(made):
            _paste(block, sample, (2 * _GAP + (i + 1) * (_SMALL + _GAP), _LINE), _SMALL)
    _write(block, 0, 0, text)
    return block


def _step_text(step: Step) -> str:
    given = [f"{name} {value!s}" for name, value in changed_arguments(step).items()]
    chance = [f"{condition} (here always)" for condition in step.conditions]
    about = ", ".join([*given, *chance])
    return f"{step.pointer}  {step.op.name}{': ' if about else ''}{about}"


# --- drawing ------------------------------------------------------------------------------------


def _paste(
    block: Image.Image, pixels: Pixels, at: tuple[int, int], side: int, centred: bool = True
) -> None:
    """Puts an image into a square, its aspect kept, centred or at the top left."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    blocky = scale > 1 and max(image.size) < _SMOOTH_BELOW
    how = Image.Resampling.NEAREST if blocky else Image.Resampling.LANCZOS
    fitted = image.resize(size, how)
    free = [(side - length) // 2 if centred else 0 for length in size]
    block.paste(fitted, (at[0] + free[0], at[1] + free[1]))


def _write(
    block: Image.Image, x: int, y: int, text: str, ink: tuple[int, int, int] = _INK, size: int = 12
) -> None:
    font = ImageFont.load_default(size)
    ImageDraw.Draw(block).text((x, y), one_line(text), fill=ink, font=font)


def _length(text: str, size: int = 12) -> int:
    return int(ImageFont.load_default(size).getlength(text)) + _GAP


def _stack(blocks: Sequence[Image.Image]) -> Image.Image:
    width = max(block.width for block in blocks) + 2 * _GAP
    height = sum(block.height + _GAP for block in blocks) + _GAP
    page = Image.new("RGB", (width, height), _PAPER)
    y = _GAP
    for block in blocks:
        page.paste(block, (_GAP, y))
        y += block.height + _GAP
    return page
