"""Elements with annotations in TensorFlow: the plan's walk over them beside the pixels' program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from augreg.annotations import asked, mixing, transform
from augreg.annotations.agreement import check_annotations
from augreg.annotations.element import (
    has_frames,
    image_of,
    targets_of,
    weights_of,
    with_targets,
)
from augreg.annotations.parts import (
    BOXES,
    FRAMES,
    IMAGES,
    LABELS,
    check_boxes_stated,
    each,
    in_floats,
)
from augreg.annotations.undeclared import as_large, check_declared, of_unknown_size
from augreg.backends.tensorflow import assertions
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.compiled import Compiled, Functions
from augreg.backends.tensorflow.dense import dense
from augreg.backends.tensorflow.given import Given, batch_of_one
from augreg.backends.tensorflow.moving import (
    annotation_program,
    form_of,
    shared_annotations,
)
from augreg.backends.tensorflow.vectors import widen
from augreg.checks import (
    as_uint32,
    check_epoch,
    check_images,
    check_index,
    check_one_or_many,
    shape_of,
)
from augreg.images.decode import decode
from augreg.lower import Answers
from augreg.policy import steps_in, walk
from augreg.random.generator import SampleKey


@dataclass
class Annotated:
    """A compiled policy for whole elements: what moves with their images, and labels that mix.

    Attributes:
        classes: of the labels that the policy's sections mix; None where they mix none.
        mixes: whether they mix samples in training.
        asks: whether steps ask something of annotations.
    """

    compiled: Compiled
    classes: int | None = None
    mixes: bool = False
    asks: bool = False
    _functions: Functions = field(default_factory=Functions)

    def __post_init__(self) -> None:
        self.options = self.compiled.options
        self.asks = any(map(asked.asks, walk(self.options.nodes)))
        if "augment" in self.options.sections:
            self.classes = mixing.label_classes(self.options.policy)
            self.mixes = self.options.training and bool(mixing.mixing_steps(self.options.policy))

    def read(self, element: Any, unbatched: bool | None = None) -> Given:
        """Takes an element apart; `unbatched` None: whether it is one sample is read off its image.

        Raises:
            ImageError, DataError: its parts are no arrays, don't go together, or look like targets
                that nobody declared.
            PolicyError: the policy mixes, and there is no batch or no labels.
        """
        layout, rules = self.options.layout, self.options.rules
        several = has_frames(element, layout)
        images = dense(image_of(element, layout), FRAMES if several else IMAGES)
        unbatched = check_one_or_many(images.shape.rank, images.dtype.name, unbatched, several)
        if images.dtype != tf.string or not unbatched:
            check_images(tuple(images.shape), images.dtype.name, several)
        found = targets_of(element, layout)
        answers = self._answers(found, unbatched, several) if self.asks else {}
        targets = self._targets(element, found, unbatched, several)
        suspects = check_declared(element, layout, unbatched)
        if images.dtype == tf.string and not suspects and not targets:
            return Given(element, unbatched, images, {}, [], answers=answers)
        files = {IMAGES: images, **{name: targets[name] for name in rules.bilinear}}
        files = {name: file for name, file in files.items() if unbatched and _is_file(file)}
        decoded = {name: decode(file) for name, file in files.items()}
        images, targets = decoded.pop(IMAGES, images), {**targets, **decoded}
        if unbatched:
            images, targets = batch_of_one(images), each(batch_of_one, targets)
        weights = {} if unbatched else weights_of(element, layout)
        unknown = check_annotations(targets, images, rules, weights)
        suspects = of_unknown_size(suspects, images, element, layout, unbatched)
        said = [(part, as_large(part, "{}", element, layout)) for part in suspects]
        others = {name: targets.pop(name) for name in rules.bilinear}
        moving = self._moving(targets)
        checks = [
            *assertions.agree(unknown),
            *assertions.near(moving, rules),
            *assertions.smaller(said, images, unbatched),
        ]
        contents = files if self._scales() else {}
        return Given(element, unbatched, images, moving, checks, others, contents, answers)

    def _answers(self, found: Mapping[str, Any], unbatched: bool, several: bool) -> Answers:
        """What labels say of the steps that are for some samples only."""
        asked.check_asked(self.options.policy, self.options.nodes, found, several)
        nodes = asked.for_labels(self.options.nodes)
        if not nodes:
            return {}
        given = {key: dense(found[key], key) for key in (LABELS, *BOXES) if key in found}
        if unbatched:
            given = each(batch_of_one, given)
        return asked.label_answers(TENSORFLOW, nodes, given)

    def _scales(self) -> bool:
        """Whether files are decoded at a part of their size, which gives other pixels."""
        steps = steps_in(self.options.policy.prepare(self.options.training))
        return any(step.arguments.get("decode") == "scaled" for step in steps)

    def _targets(
        self, element: Any, found: dict[str, Any], unbatched: bool, several: bool
    ) -> dict[str, Any]:
        """The element's targets as tensors; labels that nothing mixes are looked at in a batch."""
        if self.options.training or isinstance(element, Mapping | tuple | list):
            check_boxes_stated(found, self.options.rules)
        if several and "augment" in self.options.sections:
            mixing.refuse_frames(self.options.policy)
        if self.mixes:
            mixing.check_mixable(self.options.policy, found, self.options.rules, unbatched)
        if self.classes is None and (
            unbatched or not isinstance(found.get(LABELS), tf.Tensor | np.ndarray)
        ):
            found.pop(LABELS, None)
        return {key: dense(value, key) for key, value in found.items()}

    def _moving(self, targets: dict[str, Any]) -> dict[str, Any]:
        """What does not stay: of labels, shares of the classes, in training or not."""
        moving = {key: value for key, value in targets.items() if key != LABELS}
        if self.classes is not None and LABELS in targets:
            labels = targets[LABELS]
            checks = assertions.classes(labels, self.classes)
            soft = mixing.one_hot(TENSORFLOW, labels, self.classes)
            moving[LABELS] = assertions.after(checks, soft)
        return moving

    def __call__(
        self, given: Given, index: Any, epoch: Any, fix: str = "", sure: bool = False
    ) -> Any:
        """The element after the policy's sections.

        index: integers [B], or a scalar for a single sample; epoch: integers [], [1] or [B], None
        for 0; fix: how to come by the right index; sure: it was counted for this very batch.

        Raises:
            DataError: they do not go with the images.
            PolicyError: the policy can't work at this size.
        """
        count = 1 if given.unbatched else given.images.shape[0]
        index = tf.convert_to_tensor(whole(index, "index"))
        epoch = tf.convert_to_tensor(whole(0 if epoch is None else epoch, "epoch"))
        check_index(shape_of(index), index.dtype.name, count, given.unbatched, fix)
        check_epoch(shape_of(epoch), epoch.dtype.name, count)
        index = tf.cast(tf.reshape(index, (1,)) if given.unbatched else index, tf.uint32)
        if epoch.shape.rank is None:
            epoch = tf.reshape(epoch, (-1,))
        elif epoch.shape == (1,):
            epoch = tf.reshape(epoch, ())
        epoch = tf.cast(epoch, tf.uint32)
        one = sure and epoch.shape == ()
        numbers = [] if one else assertions.one_each(given.images, index, epoch)
        key = SampleKey(tf.constant(self.options.seed, tf.uint32), epoch, index)
        made = self._run(given.checked(numbers), key)
        return with_targets(given.element, made, self.options.layout)

    def _run(self, given: Given, key: SampleKey) -> dict[str, Any]:
        """Images and all that belongs to them, by name."""
        count, made = given.images_each, dict[str, Any]()
        folded, key = given.folded(key)
        answers = folded.answers
        for name, images in folded.pictures.items():  # what is asked is asked with the first
            targets, contents = folded.targets if name == IMAGES else {}, given.contents.get(name)
            made[name], moved, answers = self._sections(
                images, targets, key, answers, contents, count
            )
            made.update(moved)
        return given.unfolded(made)

    def _sections(
        self,
        images: tf.Tensor,
        targets: dict[str, Any],
        key: SampleKey,
        answers: Answers,
        contents: tf.Tensor | None,
        count: int | None,
    ) -> tuple[tf.Tensor, dict[str, Any], Answers]:
        """Images, targets that move with them, and answers, after the policy's sections.

        contents: the file of the image, where the policy decodes it; count: of images of one
        sample, None where only the data shows it.
        """
        widen()
        compiled, poison, batch = self.compiled, None, images.shape[:1]
        encoded = images.dtype == tf.string
        if not encoded:
            images, poison = compiled.to_input_form(images, key.index)
        for number, part in enumerate(compiled.parts(encoded)):
            move = self._function(part, images, targets) if targets else None
            if move is not None:
                targets, answers = move(targets, tf.shape(images)[1:3], key, answers)
            if number == 0 and contents is not None:
                images = contents
            program = compiled.program(part, images, key, count, answers)
            images = program(images, key, answers) if answers else program(images, key)
        if not encoded:  # a program's batch size is open
            images.set_shape([*batch, None, None, None])
        if poison is not None and images.dtype.is_floating:
            images = images + tf.cast(poison, images.dtype)
        return images, in_floats(TENSORFLOW, targets), answers

    def _function(self, part: tuple[str, ...], images: tf.Tensor, targets: dict[str, Any]) -> Any:
        """The function that moves targets like these in sections; None where nothing moves."""

        def make(shape: tuple[Any, ...], many: bool = False, kept: bool = True) -> Any:
            options = self.options.shared(part, self.options.rules)
            program = (
                shared_annotations(options, shape) if kept else annotation_program(options, shape)
            )
            if not transform.changes(program.plan, targets):
                return None
            return program.traceable(targets, many) if kept else program

        batch, *shape = images.shape
        any_key = part, form_of(targets, ranks=True)
        return self._functions.get((part, form_of(targets)), any_key, tuple(shape), batch, make)


def _is_file(image: tf.Tensor) -> bool:
    """Whether an image is the bytes of its file."""
    return bool(image.dtype == tf.string and image.shape.rank in (0, None))


def whole(value: Any, name: str) -> Any:
    """A tensor as it is; numbers as uint32."""
    known = isinstance(value, int | np.ndarray | np.integer)  # `is_tensor` is slow to deny it
    return as_uint32(value, name) if known or not tf.is_tensor(value) else value
