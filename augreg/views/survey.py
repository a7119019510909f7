"""A dataset read through, and what the steps of a policy do to its values."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.parts import TargetRules
from augreg.backends.reference import kernels
from augreg.policy import Policy
from augreg.views.effects import Effect, name_of
from augreg.views.trace import Sample, Trace

if TYPE_CHECKING:
    from augreg.sources import Source

Image = NDArray[Any]
# COCO's, by the square root of a box's area in pixels; https://cocodataset.org/#detection-eval
EXTENTS = {"small": 32.0, "medium": 96.0, "large": math.inf}


@dataclass
class Found:
    """What a dataset holds. Sums are per channel, of values in 0..1.

    Attributes:
        classes: of each split, how many images, or boxes, a class has.
        extents: how many boxes are small, medium and large.
        pixels: of each split, how many pixels a mask's value has.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    classes: dict[str, Counter[int]] = field(default_factory=dict)
    extents: Counter[str] = field(default_factory=Counter)
    pixels: dict[str, Counter[int]] = field(default_factory=dict)
    low: float = float("inf")
    high: float = float("-inf")
    faults: list[str] = field(default_factory=list)
    count: int = 0
    total: Any = 0.0
    squares: Any = 0.0

    def add_annotations(self, split: str, element: Mapping[str, Any]) -> None:
        """Takes the class, boxes and mask of an element into account."""
        classes = self.classes.setdefault(split, Counter())
        if "labels" in element:
            classes[int(element["labels"])] += 1
        if "boxes" in element:
            classes.update(element["boxes"]["labels"].tolist())
            for left, top, right, bottom in element["boxes"]["boxes"]:
                side = math.sqrt((right - left) * (bottom - top))
                self.extents[next(name for name, end in EXTENTS.items() if side < end)] += 1
        if "masks" in element:
            values, counts = np.unique(element["masks"], return_counts=True)
            pixels = self.pixels.setdefault(split, Counter())
            pixels.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    def add(self, name: str, image: Image) -> bool:
        """Takes one image [H,W,C] into account; `name` is for what is wrong with it, if it is."""
        self.sizes[image.shape[0], image.shape[1]] += 1
        if not np.isfinite(image).all():
            self.faults.append(f"{name}: holds NaN or infinite values")
            return False  # it would make NaN of every mean
        low, high = image.min(), image.max()
        fine = image.dtype == np.uint8 or bool(low >= 0 and high <= 1)
        if not fine:
            found = f"{low:g} to {high:g}"
            self.faults.append(f"{name}: values {found}; floats mean 0 to 1: pass input_range")
        self.low, self.high = min(self.low, low), max(self.high, high)
        unit = kernels.to_unit(image).astype(np.float64)
        self.count += unit.shape[0] * unit.shape[1]
        self.total = self.total + unit.sum(axis=(0, 1))
        self.squares = self.squares + (unit**2).sum(axis=(0, 1))
        return fine


@dataclass
class Survey:
    """A source, what its images hold, and what the policy's stages do to them, by their steps.

    before: the annotations of the images that the stages were tried on.
    """

    source: Source
    found: Found = field(default_factory=Found)
    before: Effect = field(default_factory=Effect)
    effects: defaultdict[str, Effect] = field(default_factory=lambda: defaultdict(Effect))

    @property
    def faults(self) -> list[str]:
        """A line for each image or annotation that is bad or unfit for a network."""
        bad = (*self.source.bad, *self.source.bad_annotations)
        return [*map(str, bad), *self.found.faults]


def survey(policy: Policy, source: Source, limit: int, advance: Callable[[], Any]) -> Survey:
    """Reads a source once, and tries the policy's stages on its images.

    Args:
        policy: run as written, at (epoch 0, index), with seed 0.
        source: every split of it is read.
        limit: how many images the stages are tried on, of the first split ("train" mostly), spread
            evenly.
        advance: called after each image.

    Raises:
        PolicyError: the policy can't work on an image.
    """
    from augreg.sources.elements import elements

    made = Survey(source)
    first = next(iter(source.splits))  # mostly "train"
    for name, split in source.splits.items():
        every = max(1, -(-split.size // limit))
        for index, element in enumerate(elements(split)):
            fine = made.found.add(f"{name}#{index}", element["images"])
            made.found.add_annotations(name, element)
            if name == first and index % every == 0 and fine:
                _try(policy, element, index, made)
            advance()
    return made


def _try(policy: Policy, element: Mapping[str, Any], index: int, made: Survey) -> None:
    """Runs the policy's stages as written on one image, and measures after each."""
    parts = {name: element[name] for name in ("images", *made.source.parts)}
    rules = TargetRules(made.source.box_format)
    trace = Trace(policy, Sample(parts, index=index, rules=rules), unfused=True)
    made.before.images += 1
    made.before.add_annotations(trace.annotations)
    for passed in trace.stages():
        made.effects[name_of(passed.stage)].add(passed)
