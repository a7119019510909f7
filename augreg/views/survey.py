"""A data set read through, and what the steps of a policy do to its values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from augreg.backends.reference import kernels
from augreg.backends.reference.interpreter import Interpreter
from augreg.checks import sample_key
from augreg.families import AffineStage, LatticeStage, Size, Stage, displacement
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.policy import Policy, Step
from augreg.xp import NUMPY

if TYPE_CHECKING:
    from augreg.sources import Source, Split

Image = NDArray[Any]


@dataclass
class Found:
    """What a data set holds. Sums are per channel, of values in 0..1."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    classes: dict[str, Counter[int]] = field(default_factory=dict)
    low: float = float("inf")
    high: float = float("-inf")
    faults: list[str] = field(default_factory=list)
    count: int = 0
    total: Any = 0.0
    squares: Any = 0.0

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
class Effect:
    """What one stage of the policy did to the images it was tried on.

    clipped: the sum over images of the share of values beyond 0..1 after it; filled: of the share
    of pixels that lie outside of the image it read.
    """

    images: int = 0
    clipped: float = 0.0
    filled: float = 0.0


@dataclass
class Survey:
    """A source, what its images hold, and what the policy's stages do to them, by their steps."""

    source: Source
    found: Found = field(default_factory=Found)
    effects: defaultdict[str, Effect] = field(default_factory=lambda: defaultdict(Effect))

    @property
    def faults(self) -> list[str]:
        """A line for each image that is bad, or that a network should not be given."""
        return [f"{bad.path}: {bad.reason}" for bad in self.source.bad] + self.found.faults


def survey(policy: Policy, source: Source, limit: int, advance: Callable[[], Any]) -> Survey:
    """Reads a source once, and tries the policy's stages on its images.

    Args:
        policy: run as written, at (epoch 0, index), with seed 0.
        source: every split of it is read.
        limit: how many training images the stages are tried on, spread evenly.
        advance: called after each image.

    Raises:
        PolicyError: the policy can't work on an image.
    """
    made = Survey(source)
    for name, split in source.splits.items():
        every = max(1, -(-split.size // limit))
        for index, (image, label) in enumerate(_decoded(split)):
            fine = made.found.add(f"{name}#{index}", image)
            made.found.classes.setdefault(name, Counter())[int(label)] += 1
            if name == "train" and index % every == 0 and fine:
                _try(policy, image, index, made.effects)
            advance()
    return made


def _decoded(split: Split) -> Iterator[tuple[Image, Any]]:
    from augreg.images.decode import decode

    dataset = split.dataset
    if dataset.element_spec[0].dtype == "string":
        dataset = dataset.map(lambda contents, label: (decode(contents), label))
    yield from dataset.as_numpy_iterator()


# --- the policy's steps ---------------------------------------------------------------------------


def _try(policy: Policy, image: Image, index: int, effects: defaultdict[str, Effect]) -> None:
    """Runs the policy's stages as written on one image, and measures after each."""
    size, channels = image.shape[:2], image.shape[2]
    planned = plan(policy, size=(size[0], size[1]), channels=channels, unfused=True)
    words = Draws.make(NUMPY, planned.draws, sample_key(0, 0, [index]))
    run = Interpreter(policy, Lowering(NUMPY, words))
    pixels: Image = image[None]
    for stages in (planned.prepare, planned.augment):
        for stage in stages:
            before, pixels = pixels, run.stage(stage, pixels)
            effect = effects[_name(stage)]
            effect.images += 1
            effect.filled += _filled(run.lowering, stage, before.shape[1:3], pixels.shape[1:3])
            values = kernels.to_unit(pixels)
            effect.clipped += float(np.mean((values < 0) | (values > 1)))
        if stages is planned.prepare and stages and image.dtype == np.uint8:
            pixels = kernels.quantize(pixels)


def _name(stage: Stage) -> str:
    """A line for each step or group of a stage: its pointer, and its op or kind."""
    nodes = ((item.node, item.suffix) for item in stage.items)
    return "\n".join(
        f"{node.pointer}{suffix} {node.op.name if isinstance(node, Step) else node.kind}"
        for node, suffix in nodes
    )


def _filled(lowering: Lowering, stage: Stage, size_in: Size, size_out: Size) -> float:
    """The share of a geometric stage's output that lies outside of its input."""
    if isinstance(stage, LatticeStage):
        move, _ = stage.point_map(NUMPY, stage.lower(lowering, size_in), size_in, size_out)
        inside: Any = move.source()[2]
    elif isinstance(stage, AffineStage):
        # whatever its fill: what reflects the image is outside of it, too
        x, y = displacement.source(NUMPY, stage.lower(lowering, size_in)[0], size_in, size_out)
        bottom, right = (side - 0.5 for side in size_in)
        inside = (x >= -0.5) & (x < right) & (y >= -0.5) & (y < bottom)
    else:
        return 0.0
    return float(np.mean(~inside))
