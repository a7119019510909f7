"""Elements with annotations in TensorFlow: the plan's walk over them beside the pixels' program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from augreg import mixing, moving
from augreg.annotations import (
    MASKS,
    BoxRules,
    annotations_of,
    check_annotations,
    each,
    with_annotations,
)
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.compiled import Compiled
from augreg.backends.tensorflow.decode import decode
from augreg.elements import image_of, with_image
from augreg.lower import Draws
from augreg.plan import Plan, plan


@dataclass
class Annotated:
    """A compiled policy for whole elements: what moves with their images, and labels that mix.

    Attributes:
        classes: of the labels that the policy's sections mix; None where they mix nothing.
    """

    compiled: Compiled
    rules: BoxRules
    classes: int | None = None
    _functions: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        compiled = self.compiled
        if compiled.training and "augment" in compiled.sections:
            self.classes = mixing.label_classes(compiled.policy)

    def found(self, element: Any, alone: bool) -> dict[str, Any]:
        """What an element (one sample if `alone`, else a batch) holds that is not to stay as it is.

        Raises:
            PolicyError: the policy mixes, and there is no batch or no labels.
        """
        given = annotations_of(element, self.classes is not None)
        if self.classes is not None:
            mixing.check_mixable(self.compiled.policy, given, alone)
        return given

    def __call__(
        self, element: Any, given: Mapping[str, Any], index: Any, epoch: Any, alone: bool
    ) -> Any:
        """The element after the policy's sections; index [B], epoch a scalar, integers."""
        images = tf.convert_to_tensor(image_of(element))
        images = decode(images) if images.dtype == tf.string else images
        moved = each(tf.convert_to_tensor, given)
        if alone:
            images, moved = images[tf.newaxis], each(lambda part: part[tf.newaxis], moved)
        images = self.compiled.entered(images, index)
        check_annotations(moved, tuple(images.shape[1:3]), self.rules)
        images, moved = self._run(images, moved, index, epoch)
        if alone:
            images, moved = images[0], each(lambda part: part[0], moved)
        return with_image(with_annotations(element, moved), images)

    def _run(
        self, images: tf.Tensor, given: dict[str, Any], index: Any, epoch: Any
    ) -> tuple[tf.Tensor, dict[str, Any]]:
        compiled = self.compiled
        index, epoch = tf.cast(index, tf.uint32), tf.cast(epoch, tf.uint32)
        seed = tf.constant(compiled.seed, tf.uint32)
        for part in compiled.parts(encoded=False):
            size = tf.shape(images)[1:3]
            move = self._function(part, tuple(images.shape[1:]), given)
            given = given if move is None else move(given, size, index, seed, epoch)
            images = compiled.program(part, images)(images, index, seed, epoch)
        return images, given

    def _function(self, part: tuple[str, ...], shape: Any, given: dict[str, Any]) -> Any:
        """The function that moves annotations like `given` in sections; None where none moves."""
        key = (part, shape, _form(given))
        if key not in self._functions:
            planned = plan(
                self.compiled.policy,
                training=self.compiled.training,
                sections=part,
                size=shape[:2],
                channels=shape[2],
            )
            moves = moving.changes(planned, given)
            function = traceable(planned, given, self.rules) if moves else None
            self._functions[key] = function
        return self._functions[key]


def traceable(plan: Plan, annotations: Mapping[str, Any], rules: BoxRules) -> Any:
    """The program as a function. XLA where there are masks, all sizes static: points are tiny."""
    sizes = (*plan.size_in, *plan.size_out)
    shapes = [tensor.shape[1:] for tensor in tf.nest.flatten(dict(annotations))]
    static = None not in sizes and all(shape.is_fully_defined() for shape in shapes)
    masks = any(key in MASKS for key in annotations)
    program = AnnotationProgram(plan, rules)
    return tf.function(program, autograph=False, jit_compile=True if static and masks else None)


class AnnotationProgram:
    """Moves batches of annotations (tensors in dicts) along a plan."""

    def __init__(self, plan: Plan, rules: BoxRules) -> None:
        self.plan, self.rules = plan, rules

    def __call__(
        self,
        annotations: Mapping[str, Any],
        size: tf.Tensor,
        index: tf.Tensor,
        seed: tf.Tensor,
        epoch: tf.Tensor,
    ) -> dict[str, Any]:
        """size: int32 [2], the images' height and width, used where the plan does not know them."""
        height, width = self.plan.size_in
        sides = (size[0] if height is None else height, size[1] if width is None else width)
        words = Draws.make(TENSORFLOW, self.plan, seed, epoch, index)
        return moving.move_annotations(TENSORFLOW, self.plan, words, annotations, sides, self.rules)


def _form(given: Mapping[str, Any]) -> Any:
    """What a function of annotations is traced for, apart from the batch's size."""
    return tuple(
        (key, _form(part) if isinstance(part, dict) else (tuple(part.shape[1:]), part.dtype))
        for key, part in given.items()
    )
