"""What the stages of a policy do to images: values clipped, pixels filled, boxes lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from augreg.annotations.parts import BOXES, MASKS, PADDED
from augreg.backends.reference import kernels
from augreg.families import Size, Stage
from augreg.lower import Lowering
from augreg.policy import Policy, Step
from augreg.views.trace import Passed, Sample, Trace


@dataclass
class Effect:
    """What a policy did to the images it was tried on, up to the end of one of its stages.

    Attributes:
        clipped: the sum over images of the share of values beyond 0..1; filled: of the share of
            pixels that lie outside of the image that the stage read; covered: of the share of
            pixels whose mask is not 0.
        boxes: how many are left.
    """

    images: int = 0
    clipped: float = 0.0
    filled: float = 0.0
    boxes: int = 0
    covered: float = 0.0

    def add(self, passed: Passed) -> None:
        """Takes what the stage did to one image into account."""
        self.images += 1
        self.add_annotations(passed.annotations)
        sizes = passed.before.shape[1:3], passed.pixels.shape[1:3]
        self.filled += filled_share(passed.lowering, passed.stage, *sizes)
        values = kernels.to_unit(passed.pixels)
        self.clipped += float(np.mean((values < 0) | (values > 1)))

    def add_annotations(self, parts: Mapping[str, Any]) -> None:
        """Takes the annotations of an image into account, as they are at the stage's end."""
        for key in set(parts) & set(BOXES):
            self.boxes += int(np.sum(parts[key]["labels"] != PADDED))
        for key in set(parts) & set(MASKS):
            self.covered += float(np.mean(parts[key] != 0))


@dataclass(frozen=True)
class StageEffect:
    """What a stage did to the images that a policy was tried on, each a mean over them.

    Attributes:
        name: its steps and groups, a line each: pointer, and op or kind.
        pointers: where they stand in the policy, `#k` at the end for slot k of a group.
        clipped: the share of values beyond 0..1 at its end, 0..1.
        filled: the share of pixels that show nothing of what it read, 0..1, whatever fills them.
        boxes_lost: how many boxes of all images are there before it, and not after it; below 0
            where a mix brings some.
        boxes: how many are left.
    """

    name: str
    pointers: tuple[str, ...]
    clipped: float
    filled: float
    boxes_lost: int
    boxes: int


def effects(policy: Policy, samples: Iterable[Sample]) -> tuple[StageEffect, ...]:
    """Tries a policy's stages, as they are written, on samples, and measures after each.

    A group of colour maps that the kernels do at once is measured step by step.

    Args:
        policy: a loaded one.
        samples: images of any sizes, each with its own draws.

    Raises:
        PolicyError: the policy can't work on an image.

    >>> import augreg, numpy as np
    >>> from augreg.views.effects import effects
    >>> from augreg.views.trace import Sample
    >>> brighter = {"op": "brightness", "delta": 0.5}
    >>> policy = augreg.load_policy({"version": 1, "augment": [brighter]})
    >>> effects(policy, [Sample.of(np.full((8, 8, 3), 200, np.uint8))])[0].clipped
    1.0
    """
    before, found, pointers = Effect(), {}, {}  # type: Effect, dict[str, Effect], dict[str, Any]
    for sample in samples:
        trace = Trace(policy, sample, unfused=True)
        before.add_annotations(trace.annotations)
        for passed in trace.stages():
            name = name_of(passed.stage)
            found.setdefault(name, Effect()).add(passed)
            items = passed.stage.items
            pointers[name] = tuple(one.node.pointer + one.suffix for one in items)
    result, boxes = [], before.boxes
    for name, effect in found.items():
        clipped, filled = effect.clipped / effect.images, effect.filled / effect.images
        lost = boxes - effect.boxes
        result.append(StageEffect(name, pointers[name], clipped, filled, lost, effect.boxes))
        boxes = effect.boxes
    return tuple(result)


def name_of(stage: Stage) -> str:
    """A line for each step or group of a stage: its pointer, and its op or kind."""
    nodes = ((item.node, item.suffix) for item in stage.items)
    return "\n".join(
        f"{node.pointer}{suffix} {node.op.name if isinstance(node, Step) else node.kind}"
        for node, suffix in nodes
    )


def filled_share(lowering: Lowering, stage: Stage, size_in: Size, size_out: Size) -> float:
    """The share of pixels that a stage reads outside of its image."""
    inside = stage.inside(lowering, size_in, size_out)
    return 0.0 if inside is None else float(np.mean(~inside))
