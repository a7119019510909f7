"""What moves with images: a plan's walk over annotations, as a function of TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import tensorflow as tf

from augreg.annotations import transform
from augreg.annotations.parts import TargetRules
from augreg.backends.options import RunOptions
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.compiled import SHARED
from augreg.lower import Answers, Draws
from augreg.plan import Plan
from augreg.random.generator import SampleKey


@dataclass(frozen=True, eq=False)  # a function: `tf.function` hashes it
class AnnotationProgram:
    """Moves batches of annotations (tensors in dicts) along a plan."""

    plan: Plan
    rules: TargetRules
    _traced: dict[Any, Any] = field(default_factory=dict)

    def traceable(self, annotations: Mapping[str, Any], many: bool) -> Any:
        """As a function. XLA where there are masks, all sizes static: points are tiny.

        many: it will be called with annotations of many shapes.
        """
        shapes = [tensor.shape[1:] for tensor in tf.nest.flatten(dict(annotations))]
        static = None not in (*self.plan.size_in, *self.plan.size_out)
        static = static and all(shape.is_fully_defined() for shape in shapes)
        xla = True if static and any(map(self.rules.is_mask, annotations)) else None
        key = many, form_of(annotations, ranks=many)
        if key not in self._traced:
            # a callable of its own: TensorFlow warns where one is traced for many shapes
            self._traced[key] = tf.function(
                partial(AnnotationProgram.__call__, self),
                autograph=False,
                jit_compile=xla,
                reduce_retracing=many,
            )
        return self._traced[key]

    def __call__(
        self, annotations: Mapping[str, Any], size: tf.Tensor, key: SampleKey, answers: Answers
    ) -> tuple[dict[str, Any], Answers]:
        """The annotations, and what they say of what the plan's stages ask, beside `answers`.

        size: int32 [2], the images' height and width, used where the plan does not know them.
        """
        height, width = self.plan.size_in
        sides = (size[0] if height is None else height, size[1] if width is None else width)
        words = replace(Draws.make(TENSORFLOW, self.plan.draws, key), answers=answers)
        return transform.move_annotations(
            TENSORFLOW, self.plan, words, annotations, sides, self.rules
        )


def annotation_program(options: RunOptions, shape: tuple[Any, ...]) -> AnnotationProgram:
    """The program for what moves with images [B, *shape]."""
    return AnnotationProgram(options.plan(shape), options.rules)


# The same one for all that run the policy.
shared_annotations = lru_cache(SHARED)(annotation_program)


def form_of(targets: Mapping[str, Any], ranks: bool = False) -> Any:
    """What a function of targets is traced for, apart from the batch's size."""

    def one(part: tf.Tensor) -> Any:
        return part.shape.rank if ranks else tuple(part.shape[1:]), part.dtype

    return tuple(
        (key, form_of(part, ranks) if isinstance(part, Mapping) else one(part))
        for key, part in targets.items()
    )
