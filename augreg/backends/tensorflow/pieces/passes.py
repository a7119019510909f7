"""Passes over an image: one way of reading it, and all that is done to a piece at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import tensorflow as tf

from augreg.backends.tensorflow import ops
from augreg.backends.tensorflow.batch import Planar
from augreg.backends.tensorflow.pieces.image import Form, Image
from augreg.backends.tensorflow.pieces.moves import OfPiece, moved, resampled
from augreg.backends.tensorflow.pieces.statistics import statistics
from augreg.backends.tensorflow.pointwise import (
    PartArguments,
    absorb_mean,
    dtype_after,
    finish,
    pointwise,
)
from augreg.backends.tensorflow.xla import PlaneTuple, switch
from augreg.families import (
    AffineStage,
    ColorMap,
    LatticeStage,
    PixelPart,
    PointwiseStage,
    Stage,
)
from augreg.families.call import transform_of
from augreg.families.pixelwise import is_pixelwise
from augreg.policy import Output


@dataclass
class Pass:
    """A pass over an image.

    Attributes:
        read: of an image, where the pixels of a piece come from; None: they lie there.
        parts: of pointwise stages, with their arguments.
        statistics: of the image as it comes in, that the parts ask for.
        active: bool [1], whether any of it is done; None: it is.
    """

    read: Callable[[Image], OfPiece] | None = None
    parts: list[PartArguments] = field(default_factory=list)
    statistics: tuple[str, ...] = ()
    active: tf.Tensor | None = None

    def to_planes(self, image: Image) -> Image:
        """The image after it, as planes."""
        forms: list[Form] = [((), tf.float32)] * self._channels_after(image)
        return replace(image, rows=tuple(self._done(image, list, forms)))

    def to_output(self, image: Image, output: Output | None) -> tf.Tensor:
        """[K,LENGTH,C] after it and a policy's `output` (None: float32 in 0..1)."""
        forms: list[Form] = [((self._channels_after(image),), dtype_after(output))]
        return self._done(image, lambda planes: [finish(Planar(planes), output)], forms)[0]

    def _done(
        self, image: Image, end: Callable[[PlaneTuple], list[tf.Tensor]], forms: Sequence[Form]
    ) -> list[tf.Tensor]:
        """What `end` makes of all pieces, or of those of the image itself."""

        def made() -> list[tf.Tensor]:
            of_piece = self._of_piece(image)
            return image.each(lambda i: end(of_piece(i)), forms)

        if self.active is None:
            return made()
        same = partial(image.each, lambda i: end(image.planes(i)), forms)
        return switch(ops.cast(~self.active[0], tf.int32), [made, same], image.scope.predicate)

    def _of_piece(self, image: Image) -> Callable[[tf.Tensor], PlaneTuple]:
        stats = statistics(image, self.statistics)
        parts = [absorb_mean(part, stats) for part in self.parts]
        read = None if self.read is None else self.read(image)

        def of_piece(i: tf.Tensor) -> PlaneTuple:
            piece = image.piece(i)
            planes = image.planes(i) if read is None else read(piece)
            if parts and read is not None:
                planes = image.scope.barrier(lambda: planes)
            return pointwise(planes, parts, stats, piece).planes

        return of_piece

    def _channels_after(self, image: Image) -> int:
        channels = image.channels
        for part in self.parts:
            if isinstance(part, ColorMap):
                channels = part.channels_after(channels)
        return channels


def passes_of(stages: Sequence[Stage], needed: Sequence[Any]) -> list[Pass]:
    """The passes of stages; needed: what each needs besides pixels."""
    passes: list[Pass] = []
    for stage, lowered in zip(stages, needed, strict=True):
        _KINDS[type(stage)].add(passes, stage, lowered)
    return passes


def can_do(stage: Stage) -> bool:
    """Whether a stage keeps the size, and can do any pixels of an image without the others."""
    kind = _KINDS.get(type(stage))
    if kind is None or any(step.op.output_size is not None for step in stage.steps):
        return False
    return kind.can_do(stage)


# --- kinds of stages


def _add_moved(passes: list[Pass], stage: LatticeStage, lowered: Any) -> None:
    passes.append(Pass(partial(moved, stage=stage, lowered=lowered)))


def _add_resampled(passes: list[Pass], stage: AffineStage, lowered: Any) -> None:
    how, active = lowered
    passes.append(Pass(partial(resampled, stage=stage, how=how), active=active))


def _add_parts(passes: list[Pass], stage: PointwiseStage, lowered: Sequence[Any]) -> None:
    """Adds parts to the last pass; one that asks for a statistic begins a pass.

    A stage's statistics are of what comes in. Here they are of what its parts before have made,
    which did not change a sample that the part acts on.
    """
    for part, arguments in zip(stage.parts, lowered, strict=True):
        names, active = part.statistics, None
        if isinstance(arguments, ColorMap):
            names = names if arguments.mean is not None else ()
        elif names:
            transform, active = arguments
            arguments = transform, None
        if names or not passes or passes[-1].active is not None:
            passes.append(Pass(statistics=names, active=active))
        passes[-1].parts.append(arguments)


def _is_pixelwise(stage: PointwiseStage) -> bool:
    steps = [part.items[0].step for part in stage.parts if isinstance(part, PixelPart)]
    functions = [transform_of(step, (None, None)) for step in steps]
    return all(is_pixelwise(function, stage.channels_in) for function in functions)


@dataclass(frozen=True)
class _Kind:
    """What a kind of stages adds to the passes, and which of its stages can be done."""

    add: Callable[[list[Pass], Any, Any], None]
    can_do: Callable[[Any], bool] = lambda stage: True


_KINDS: dict[type[Stage], _Kind] = {
    LatticeStage: _Kind(_add_moved),
    AffineStage: _Kind(_add_resampled, lambda stage: stage.displaced is None),
    PointwiseStage: _Kind(_add_parts, _is_pixelwise),
}
