"""A page of pictures with captions: where each stands, and the page as one image.

A page is laid out once, with a function that measures text, and is drawn by Pillow here or as a
matplotlib figure by `figure`. Lengths are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from augreg.images import one_line
from augreg.views.captions import size_text
from augreg.views.overlay import Pixels, as_image

WIDTH = 1232  # of what a page holds: with its margins, it fits into 1280
TILE = 224  # the longer side of a picture
GAP = 16
PAPER, INK, FAINT = (255, 255, 255), (20, 20, 20), (100, 100, 100)
BODY, TITLE, HEADING = 12, 14, 20  # sizes of letters
_MARGIN = 24
_LINE = 1.4  # the height of a line, in sizes of its letters
_ABOVE = 0.8  # the part of the letters' size that is above their baseline
COLUMN = 140  # the least width of a caption
_BEFORE = 4  # between a title and its cells
_INDENT = "   "
_LINES = 12  # of a caption
_SQUARES_BELOW = 64  # sides under this are enlarged as squares, so that one sees the pixels

Measure = Callable[[str, int], float]
"""The width of a text in letters of a size."""


@dataclass(frozen=True)
class Text:
    """A line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    size: int
    faint: bool


@dataclass(frozen=True)
class Picture:
    """An image [H,W,C], and where it is shown at which size."""

    x: int
    y: int
    width: int
    height: int
    pixels: Pixels


@dataclass(frozen=True)
class Page:
    """Everything on a page, and its size."""

    width: int
    height: int
    texts: tuple[Text, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Cell:
    """A picture to be placed, its width and height there, and its caption.

    Attributes:
        size_text: the image's own size, and how much smaller or larger it is shown.
        label: the caption's first line.
        items: what follows; each begins a line.
    """

    pixels: Pixels
    shown: tuple[int, int]
    size_text: str
    label: str
    items: Sequence[str]

    @classmethod
    def within(
        cls, pixels: Pixels, side: int, label: str, items: Sequence[str] | None = None
    ) -> Cell:
        """Of an image that is shown as it is, or smaller where a side is longer than `side`.

        Tiny images are enlarged by a whole factor. Without `items`, the caption says the size.
        """
        height, width = pixels.shape[:2]
        longer = max(height, width)
        scale = min(1.0, side / longer)
        if longer < _SQUARES_BELOW:
            scale = max(1, side // longer)
        about = size_text(pixels) + (f", shown at {scale:.0%}" if scale != 1 else "")
        shown = (max(1, round(width * scale)), max(1, round(height * scale)))
        return cls(pixels, shown, about, label, (about,) if items is None else items)

    def reduced(self) -> Cell:
        """The same, without the pixels that are not shown."""
        return replace(self, pixels=np.asarray(scaled(self.pixels, self.shown)))


@dataclass
class Builder:
    """Places texts and cells from the top of a page to its end.

    Attributes:
        measure: see `Measure`.
        width: the most that lines and cells may take.
        margin: around them.
    """

    measure: Measure
    width: int = WIDTH
    margin: int = _MARGIN
    _texts: list[Text] = field(default_factory=list)
    _pictures: list[Picture] = field(default_factory=list)
    _y: float = 0
    _right: float = 0

    def line(self, text: str, size: int = BODY, *, faint: bool = False, rest: str = "") -> None:
        """A line, shortened if the page is too narrow, and faint words behind it."""
        used = self._write(0, self._y, self._shortened(text, size, self.width), size, faint)
        left = self.width - used - GAP
        if rest and left > COLUMN:
            self._write(used + GAP, self._y, self._shortened(rest, BODY, left), BODY, True, size)
        self._y += round(size * _LINE)

    def paragraph(self, text: str) -> None:
        """Faint lines."""
        for line in self._wrapped(text, self.width):
            self.line(line, faint=True)

    def space(self, height: int = GAP) -> None:
        """Nothing, of a height."""
        self._y += height

    def cells(self, cells: Sequence[Cell]) -> None:
        """Rows of cells, as full as the width allows, and alike."""
        column = max(COLUMN, *(cell.shown[0] for cell in cells))
        most = max(1, (self.width + GAP) // (column + GAP))
        columns = math.ceil(len(cells) / math.ceil(len(cells) / most))
        self.space(_BEFORE)
        for first in range(0, len(cells), columns):
            row = cells[first : first + columns]
            places = ((i * (column + GAP), cell) for i, cell in enumerate(row))
            bottoms = [self._place(x, cell, column) for x, cell in places]
            self._y = max(bottoms) + GAP

    def page(self) -> Page:
        """What was placed, within margins."""
        texts = tuple(self._texts)
        width, height = math.ceil(self._right), math.ceil(self._y - GAP)
        return Page(width + 2 * self.margin, height + 2 * self.margin, texts, tuple(self._pictures))

    def _place(self, x: int, cell: Cell, column: int) -> float:
        """Returns where its caption ends."""
        top = round(self._y)
        at = (self.margin + x, self.margin + top)
        self._pictures.append(Picture(*at, *cell.shown, cell.pixels))
        self._right = max(self._right, x + column)
        y = top + cell.shown[1] + 4.0
        self._write(x, y, self._shortened(cell.label, BODY, column), BODY, True)
        for text in self._caption(cell.items, column):
            y += round(BODY * _LINE)
            self._write(x, y, text, BODY, False)
        return y + round(BODY * _LINE)

    def _caption(self, items: Sequence[str], width: int) -> Iterator[str]:
        """Lines of whole items; where not all have room, the last says how many are left."""
        lines: list[str] = []
        for number, item in enumerate(items):
            more = self._wrapped(item, width)
            left = len(items) - number
            if len(lines) + len(more) > _LINES - (left > 1):
                yield from (*lines, f"and {left} more")
                return
            lines += more
        yield from lines

    def _wrapped(self, text: str, width: float) -> list[str]:
        """Lines that end after a comma, or a word where a part is too long; later ones indented."""
        lines: list[str] = []
        for part in one_line(text).replace(", ", ",\n").split("\n"):
            whole = self.measure(_INDENT + part, BODY) <= width
            for word in [part] if whole else part.split(" "):
                longer = f"{lines[-1]} {word}" if lines else word
                if lines and self.measure(longer, BODY) <= width:
                    lines[-1] = longer
                else:
                    lines.append(_INDENT * bool(lines) + word)
        return [self._shortened(line, BODY, width) for line in lines]

    def _shortened(self, text: str, size: int, width: float) -> str:
        text = one_line(text)
        if self.measure(text, size) <= width:
            return text
        kept = next(n for n in range(len(text), -1, -1) if self._fits(text[:n], size, width))
        return text[:kept].rstrip() + "..."

    def _fits(self, text: str, size: int, width: float) -> bool:
        return text == "" or self.measure(f"{text}...", size) <= width

    def _write(
        self, x: float, y: float, text: str, size: int, faint: bool, beside: int | None = None
    ) -> float:
        """Returns where it ends; `beside`: the size of letters with the same baseline."""
        baseline = self.margin + y + round((beside or size) * (_ABOVE + (_LINE - 1) / 2))
        self._texts.append(Text(self.margin + x, baseline, text, size, faint))
        end = x + self.measure(text, size)
        self._right = max(self._right, end)
        return end


def render(page: Page) -> Image.Image:
    """The page in RGB."""
    image = Image.new("RGB", (page.width, page.height), PAPER)
    for one in page.pictures:
        image.paste(scaled(one.pixels, (one.width, one.height)), (one.x, one.y))
    pen = ImageDraw.Draw(image)
    for text in page.texts:
        ink = FAINT if text.faint else INK
        pen.text((text.x, text.y), text.text, fill=ink, font=font(text.size), anchor="ls")
    return image


def scaled(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    """An image [H,W,1 or 3] in RGB at a width and height; enlarged, its pixels are squares."""
    image = as_image(pixels).convert("RGB")
    if image.size == size:
        return image
    larger = size[0] > image.width
    return image.resize(size, Image.Resampling.NEAREST if larger else Image.Resampling.LANCZOS)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The letters of a page that Pillow draws."""
    return ImageFont.load_default(size)


def text_width(text: str, size: int) -> float:
    """`Measure` for `render`."""
    return font(size).getlength(text)
