"""Steps on a batch in slices: what each of several workers does with its own, or one with all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from augreg.dataset import slice_rows
from augreg.train.loop import Network, Recipe, Step, right_and_all
from augreg.train.team import Alone, Row

_STRIDE = 1_000_003  # between the seeds of two slices


class SlicedNetwork(Network):
    """A network whose gradients are the sum over the slices of a batch, added in order.

    A slice's numbers depend on its samples and on the state before the step, and not on who
    computes them:

    - The loss is the sum over its samples, by the number of samples in the whole batch.
    - What else a step moves (the statistics of batch normalization) moves by the mean over the
      slices, weighted by their samples.
    - Random layers draw anew in each slice.

    Args:
        team: who computes the slices.
        batch_size: of a full batch.
        slices: how many.
        mixes: the layer mixes samples, so it needs a batch before that is cut.
        recipe: how it is trained.
    """

    def __init__(
        self,
        core: Any,
        layer: Any | None,
        team: Alone,
        batch_size: int,
        slices: int,
        mixes: bool,
        recipe: Recipe | None = None,
    ) -> None:
        super().__init__(core, layer, recipe, reduction="sum")
        self.team, self.batch_size, self.slices, self.mixes = team, batch_size, slices, mixes
        self._weights: list[Any] = core.trainable_variables
        self._state: list[Any] = core.non_trainable_variables
        self._floats = [v for v in self._state if "float" in v.dtype]
        self._counters = [v for v in self._state if "float" not in v.dtype]
        self._mix = tf.function(self._augmented, autograph=False)
        self._evaluate_slice = Step(self._figures)

    def freeze(self, frozen: bool) -> None:
        super().freeze(frozen)
        self._move = tf.function(self._moved, autograph=False)
        self._train_slice = Step(self._gradients)

    def train(self, batch: Any, epoch: tf.Tensor, samples: int) -> None:
        if self.mixes:
            images, labels = self._mix(batch, epoch, True)
            batch = {"images": images, "labels": labels, "index": batch["index"]}

        def row(number: int) -> Row:
            part = self._part(batch, number, self.mixes)
            numbers = tf.constant(samples, tf.float32), tf.constant(number, tf.int64)
            return self._run(self._train_slice, part, epoch, *numbers)

        self._move(*self._sum(row))

    def evaluate(self, batch: Any) -> None:
        def row(number: int) -> Row:
            return self._run(self._evaluate_slice, self._part(batch, number, False))

        self.totals.assign_add(*self._sum(row))

    def _sum(self, row: Callable[[int], Row]) -> Row:
        add = functools.partial(tf.nest.map_structure, tf.add)
        return functools.reduce(add, self.team.rows(row))

    def _part(self, batch: Any, number: int, whole: bool) -> Any:
        if self.team.worker is not None and not whole:
            return batch  # its own rows already
        rows = slice(*slice_rows(self.batch_size, number, self.slices))
        return {key: part[rows] for key, part in batch.items()}

    def _run(self, step: Step, part: Any, *scalars: tf.Tensor) -> Row:
        """Slices of any size are computed alike, because one program is for all of them."""
        if part["labels"].shape[0] == 0:  # layers need not know what to do with no samples
            made = step.program(part, *scalars).get_concrete_function().structured_outputs
            return tuple(tf.zeros(spec.shape, spec.dtype) for spec in made)
        return step(part, *scalars)

    def _gradients(self, part: Any, epoch: tf.Tensor, samples: tf.Tensor, number: tf.Tensor) -> Row:
        """Of a slice: float32 (gradients, moves of floats), float64 (loss, right, samples, ...)."""
        inputs = (part["images"], part["labels"])
        images, labels = inputs if self.mixes else self._augmented(part, epoch, True)
        weights = [tf.convert_to_tensor(v) for v in self._weights]
        state = [_begun(v, number) for v in self._state]
        share = tf.cast(tf.shape(images)[0], tf.float32) / samples
        ids = {id(v) for v in self.trained}
        trained = [w for v, w in zip(self._weights, weights, strict=True) if id(v) in ids]
        with tf.GradientTape() as tape:
            tape.watch(trained)
            logits, after, losses = self.core.stateless_call(
                weights,
                state,
                images,
                training=not self.recipe.inference,
                return_losses=True,
            )
            loss = self._training_loss(labels, logits)
            sums = [loss / samples, *(one * share for one in losses)]
            total = self.optimizer.scale_loss(tf.add_n(sums))
        gradients = tape.gradient(total, trained, unconnected_gradients="zero")
        moves = [now - before for now, before in zip(after, state, strict=True)]
        floats = [tf.cast(move, tf.float32) * share for move in moves if move.dtype.is_floating]
        counts = [tf.where(number == 0, m, 0) for m in moves if not m.dtype.is_floating]
        figures = self._sums(labels, logits, loss)
        return _flat([*gradients, *floats], tf.float32), _flat([figures, *counts], tf.float64)

    def _moved(self, wide: tf.Tensor, narrow: tf.Tensor) -> None:
        """Takes the step, with the sums over all slices."""
        moves = _split(wide, [*self.trained, *self._floats])
        self.optimizer.apply(moves[: len(self.trained)], self.trained)
        for variable, move in zip(self._floats, moves[len(self.trained) :], strict=True):
            variable.assign_add(move)
        self.totals.assign_add(narrow[:3])
        for variable, move in zip(self._counters, _split(narrow[3:], self._counters), strict=True):
            variable.assign_add(move)

    def _figures(self, part: Any) -> Row:
        images, labels = self._augmented(part, None, False)
        logits = self.core(images, training=False)
        return (self._sums(labels, logits, self._loss(labels, logits)),)

    def _sums(self, labels: tf.Tensor, logits: tf.Tensor, loss: tf.Tensor) -> tf.Tensor:
        return tf.stack([tf.cast(loss, tf.float64), *right_and_all(labels, logits)])


def _begun(variable: Any, number: tf.Tensor) -> tf.Tensor:
    """A variable's value as a slice begins with it: seeds differ, so that no two draw alike."""
    value = tf.convert_to_tensor(variable)
    if "seed_generator" not in variable.path:
        return value
    return value + tf.cast([number * _STRIDE, 0], value.dtype)


def _flat(tensors: Sequence[tf.Tensor], dtype: tf.DType) -> tf.Tensor:
    return tf.concat([tf.reshape(tf.cast(tensor, dtype), [-1]) for tensor in tensors], 0)


def _split(vector: tf.Tensor, variables: Sequence[Any]) -> list[tf.Tensor]:
    if not variables:
        return []
    parts = tf.split(vector, [variable.shape.num_elements() for variable in variables])
    return [
        tf.cast(tf.reshape(part, variable.shape), variable.dtype)
        for part, variable in zip(parts, variables, strict=True)
    ]
