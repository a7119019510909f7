"""One sample on its way through a plan: its pixels and its annotations after each stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.asked import unasked
from augreg.annotations.parts import IMAGES, LABELS, TARGETS, TargetRules
from augreg.annotations.transform import move_annotations
from augreg.backends.reference import kernels
from augreg.backends.reference.interpreter import Interpreter
from augreg.backends.reference.pixels import unit_range
from augreg.checks import check_images, sample_key
from augreg.errors import DataError
from augreg.families import Stage
from augreg.lower import Draws, Lowering
from augreg.plan import SECTIONS, Plan, plan
from augreg.policy import Node, Policy, Step
from augreg.random.distributions import Constant, Distribution
from augreg.views.batches import Element, answers_of, stacked
from augreg.views.overlay import Pixels
from augreg.xp import NUMPY


@dataclass(frozen=True)
class Sample:
    """One image with what belongs to it, and which draws it gets.

    Attributes:
        element: "images", uint8 or float in 0..1 [H,W,C], and, each optional, "masks", "boxes",
            "keypoints" and "labels", as `augreg.augment` takes them for a single image.
        seed, epoch, index: of the draws, 0 to 2**32-1.
        rules: how boxes are written, and which keypoints are a left and a right.
    """

    element: Element
    seed: int = 0
    epoch: int = 0
    index: int = 0
    rules: TargetRules = field(default_factory=TargetRules)

    @classmethod
    def of(
        cls,
        image: Any,
        *,
        seed: int = 0,
        epoch: int = 0,
        index: int = 0,
        bounding_box_format: str | None = None,
        keypoint_pairs: Iterable[tuple[int, int]] = (),
    ) -> Self:
        """The sample of an image, or of a dict with an image and its annotations.

        Raises:
            DataError: it holds a batch or no image, or a part that has no meaning.
            ImageError: the image has a dtype or a number of channels that no policy takes.
            ValueError: a number is out of range.
        """
        given = dict(image) if isinstance(image, Mapping) else {IMAGES: image}
        if IMAGES not in given or not set(given) <= {IMAGES, *TARGETS}:
            found = ", ".join(f'"{name}"' for name in given)
            raise DataError(
                f'a sample takes "{IMAGES}" and, beside it, {", ".join(TARGETS)}; found {found}'
            )
        pixels = np.asarray(given[IMAGES])
        if pixels.ndim != 3:
            raise DataError(
                f"a sample is one image, [H, W, C], found {list(pixels.shape)}; pass one of a batch"
            )
        check_images((1, *pixels.shape), str(pixels.dtype))
        sample_key(seed, epoch, [index])
        pairs = tuple((int(one), int(other)) for one, other in keypoint_pairs)
        rules = TargetRules(bounding_box_format, keypoint_pairs=pairs)
        return cls({**given, IMAGES: pixels}, seed, epoch, index, rules)

    @property
    def annotations(self) -> dict[str, Any]:
        """What moves with the image, as batches of one."""
        return stacked([{name: self.element[name] for name in self.element if name != IMAGES}])


@dataclass(frozen=True)
class Passed:
    """What a stage did to a sample.

    Attributes:
        section: "prepare" or "augment".
        earlier: the stages of the section before it.
        before, pixels: [1,H,W,C], uint8 or float32, unclipped.
        lowering: the sample's draws.
        annotations: after the stage, as batches of one; none where the sample has none.
    """

    section: str
    stage: Stage
    earlier: tuple[Stage, ...]
    before: NDArray[Any]
    pixels: NDArray[Any]
    lowering: Lowering
    annotations: dict[str, Any]


class Trace:
    """A sample's way through a policy, by the reference's own kernels.

    Attributes:
        policy: asking for no annotations that the sample does not have.
        planned: its plan for the sample's size.
        begun: the image as the first stage gets it, [1,H,W,C], uint8 or float32.
        draws: of the sample, with what its annotations say of what steps ask.
    """

    def __init__(self, policy: Policy, sample: Sample, *, unfused: bool = False) -> None:
        image, known = sample.element[IMAGES], sample.annotations
        self.policy = unasked(policy, known)
        size = image.shape[0], image.shape[1]
        self.sample, self.size, self.unfused = sample, size, unfused
        as_floats = image.dtype != np.uint8
        self.begun = unit_range(image[None], None) if as_floats else image[None]
        self.planned: Plan = plan(self.policy, size=size, channels=image.shape[2], unfused=unfused)
        key = sample_key(sample.seed, sample.epoch, [sample.index])
        answers = answers_of(self.policy, known)
        self.draws = replace(Draws.make(NUMPY, self.planned.draws, key), answers=answers)
        known.pop(LABELS, None)
        self.annotations = known

    def stages(self) -> Iterator[Passed]:
        """What each stage does, in order."""
        pixels = self.begun
        came_as_uint8 = pixels.dtype == np.uint8
        for section in SECTIONS[:2]:
            stages = getattr(self.planned, section)
            for number, stage in enumerate(stages):
                moved = self.moved(section, stages[: number + 1])
                run = self.interpreter()
                before, pixels = pixels, run.stage(stage, pixels)
                earlier = stages[:number]
                yield Passed(section, stage, earlier, before, pixels, run.lowering, moved)
            if section == "prepare" and stages and came_as_uint8:
                pixels = kernels.quantize(pixels)

    def interpreter(self) -> Interpreter:
        """The reference under the sample's draws."""
        return Interpreter(self.policy, Lowering(NUMPY, self.draws))

    def moved(self, section: str, stages: tuple[Stage, ...]) -> dict[str, Any]:
        """The annotations if the plan ended with these stages of a section."""
        if not self.annotations:
            return {}
        first, then = (self.planned.prepare, stages) if section == "augment" else (stages, ())
        ended = replace(self.planned, prepare=first, augment=then)
        moved, answers = move_annotations(
            NUMPY, ended, self.draws, self.annotations, self.size, self.sample.rules
        )
        self.draws = replace(self.draws, answers=answers)
        return moved

    def stages_of(self, nodes: tuple[Node, ...], pixels: NDArray[Any]) -> tuple[Stage, ...]:
        """The stages of `nodes` alone, for images like these.

        Raises:
            PolicyError: they can't work on them.
        """
        alone = replace(self.policy, prepare_train=(), augment=nodes)
        size, channels = (pixels.shape[1], pixels.shape[2]), pixels.shape[3]
        planned = plan(
            alone, sections=("augment",), size=size, channels=channels, unfused=self.unfused
        )
        return planned.augment


def image_after(policy: Policy, sample: Sample) -> NDArray[Any]:
    """[1,H,W,C] after a policy's steps: uint8 or float32, unclipped.

    What comes from `prepare` alone is uint8, where the image came as that.

    Raises:
        PolicyError: the policy can't work on this image.
    """
    trace = Trace(policy, sample)
    pixels = trace.begun
    for passed in trace.stages():
        pixels = passed.pixels
    as_bytes = trace.begun.dtype == np.uint8 and not trace.planned.augment
    return kernels.quantize(pixels) if as_bytes else pixels


def with_values(step: Step, values: Mapping[str, float]) -> Step:
    """The step as every sample does it, with these values in place of draws."""
    fixed = {name: Constant(value) for name, value in values.items()}
    return replace(step.for_all(), arguments={**step.arguments, **fixed})


def ranges(step: Step) -> dict[str, tuple[Distribution, str]]:
    """What a policy lets vary of a step: parameter -> its distribution and its dtype."""
    return {
        name: (drawn, dtype)
        for name, drawn, dtype in step.drawn()
        if name in step.op.settable and not isinstance(drawn, Constant)
    }


def shown(pixels: NDArray[Any]) -> Pixels:
    """A batch of one, uint8 or float32 in 0..1, as one looks at it: uint8 [H,W,C], clipped."""
    return np.asarray(kernels.quantize(pixels)[0])
