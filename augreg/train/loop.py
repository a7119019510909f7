"""A network's steps. They are our own: `fit` can't pass a batch's index and epoch to a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        optimizer: a Keras optimizer that is not built.
        given: whether the network is a Keras model from Python, which no option names.
        from_logits: whether the network gives logits; else probabilities.
        head: the variables that are trained while the others are frozen.
        inference: whether the network is in inference mode in training too. (`training=False` where
            a functional model calls its backbone is no way: that of the outer call replaces it.)
        first_rate: the learning rate, where the options name none; None: the optimizer's own.
        class_weights: what the loss of a sample of each class is multiplied by; None: by 1.
    """

    optimizer: Any = field(default_factory=keras.optimizers.Adam)
    from_logits: bool = True
    given: bool = False
    head: Sequence[Any] = ()
    inference: bool = False
    first_rate: float | None = 0.001
    class_weights: Sequence[float] | None = None


class Step:
    """A function of a batch and scalars, in one graph for any number of samples.

    `tf.function` alone traces a network once more for the smaller last batch of an epoch. Images
    of another size, which a layer may bring to one, have a graph of their own.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._programs: dict[tuple[Any, ...], Any] = {}

    def program(self, batch: Any, *scalars: tf.Tensor) -> Any:
        """The graph, traced for batches like this one."""
        key = tuple((name, tuple(part.shape[1:]), part.dtype) for name, part in batch.items())
        if key not in self._programs:
            sizes = {name: tf.TensorSpec([None, *rest], dtype) for name, rest, dtype in key}
            signature = [sizes, *(tf.TensorSpec([], scalar.dtype) for scalar in scalars)]
            program = tf.function(self.function, autograph=False, input_signature=signature)
            self._programs[key] = program
        return self._programs[key]

    def __call__(self, batch: Any, *scalars: tf.Tensor) -> Any:
        return self.program(batch, *scalars)(batch, *scalars)


class Network:
    """A network, its optimizer and, in the model placement, the layer in front.

    Attributes:
        frozen, trained: whether steps train the head alone, and the variables that they change.
        totals: float64 [3]: the sum of losses, right answers and samples since `clear`. A variable,
            so that a step does not wait for the host, and a checkpoint keeps half an epoch.
    """

    def __init__(
        self,
        core: Any,
        layer: Any | None,
        recipe: Recipe | None = None,
        reduction: str = "sum_over_batch_size",
    ) -> None:
        self.core, self.layer, self.recipe = core, layer, recipe or Recipe()
        self.optimizer = self.recipe.optimizer
        if core.compute_dtype == "float16":
            self.optimizer = keras.optimizers.LossScaleOptimizer(self.optimizer)
        self.optimizer.build(core.trainable_variables)
        how = {"from_logits": self.recipe.from_logits, "reduction": reduction}
        self.loss = keras.losses.SparseCategoricalCrossentropy(**how)
        self.mixed_loss = keras.losses.CategoricalCrossentropy(**how)
        self.totals = tf.Variable(tf.zeros(3, tf.float64), trainable=False, name="totals")
        self._rate: float | None = None
        self._evaluation_step = Step(self._evaluate)
        self.freeze(False)

    def freeze(self, frozen: bool) -> None:
        """Has the next steps train the head alone, or everything that is trainable."""
        self.frozen = frozen
        self.trained = list(self.recipe.head if frozen else self.core.trainable_variables)
        self._train_step = Step(self._train)

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of the next steps."""
        if rate != self._rate:
            self.optimizer.learning_rate = self._rate = rate

    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.learning_rate)

    def restart_optimizer(self) -> None:
        """Forgets what the optimizer has seen, such as momentum."""
        fresh = type(self.optimizer).from_config(self.optimizer.get_config())
        fresh.build(self.core.trainable_variables)
        for variable, value in zip(self.optimizer.variables, fresh.variables, strict=True):
            variable.assign(value)
        self._rate = None

    def train(self, batch: Any, epoch: tf.Tensor, samples: int) -> None:
        """A step on a batch of so many samples."""
        self._train_step(batch, epoch)

    def evaluate(self, batch: Any) -> tf.Tensor | None:
        """Adds a batch to the totals.

        Returns:
            The predicted classes, int64 [B]; None where batches are computed in slices.
        """
        return self._evaluation_step(batch)

    def variables(self) -> dict[str, list[Any]]:
        """All that the next step depends on. `variables`, not `weights`: dropout's seeds count."""
        return {
            "model": list(self.core.variables),
            "optimizer": list(self.optimizer.variables),
            "totals": [self.totals],
        }

    def clear(self) -> None:
        """Starts the sums anew."""
        self.totals.assign(tf.zeros(3, tf.float64))

    def means(self) -> tuple[float, float]:
        """Loss and accuracy since `clear`."""
        loss, right, samples = (float(total) for total in self.totals.numpy())
        return loss / max(samples, 1), right / max(samples, 1)

    def _train(self, batch: Any, epoch: tf.Tensor) -> None:
        images, labels = self._augmented(batch, epoch, True)
        with tf.GradientTape() as tape:
            logits = self.core(images, training=not self.recipe.inference)
            loss = self._training_loss(labels, logits)
            total = self.optimizer.scale_loss(tf.add_n([loss, *self.core.losses]))
        gradients = tape.gradient(total, self.trained)
        self.optimizer.apply(gradients, self.trained)
        self._count(labels, logits, loss)

    def _evaluate(self, batch: Any) -> tf.Tensor:
        images, labels = self._augmented(batch, None, False)
        logits = self.core(images, training=False)
        self._count(labels, logits, self._loss(labels, logits))
        return tf.argmax(logits, axis=-1)

    def _training_loss(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """As `_loss`, with the weights of the classes."""
        if self.recipe.class_weights is None:
            return self._loss(labels, logits)
        weights = tf.constant(self.recipe.class_weights, tf.float32)
        if labels.shape.rank != 2:
            return self._loss(labels, logits, tf.gather(weights, labels))
        weighted = tf.cast(labels, tf.float32) * weights
        sums = tf.reduce_sum(weighted, -1)
        # the gradient of TensorFlow's cross-entropy is only right where shares sum to 1
        return self._loss(tf.math.divide_no_nan(weighted, sums[:, None]), logits, sums)

    def _loss(
        self, labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Of class numbers [B], or of shares [B, classes] where the policy mixes samples."""
        loss = self.mixed_loss if labels.shape.rank == 2 else self.loss
        return loss(labels, logits, sample_weight=weights)

    def _augmented(
        self, batch: Any, epoch: tf.Tensor | None, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Images and labels; the layer mixes both where the policy does."""
        if self.layer is None:
            return batch["images"], batch["labels"]
        element = {key: batch[key] for key in ("images", "labels")}
        made = self.layer(element, training=training, index=batch["index"], epoch=epoch)
        return made["images"], made["labels"]

    def _count(self, labels: tf.Tensor, logits: tf.Tensor, loss: tf.Tensor) -> None:
        right, samples = right_and_all(labels, logits)
        self.totals.assign_add(tf.stack([tf.cast(loss, tf.float64) * samples, right, samples]))


def class_numbers(labels: NDArray[Any]) -> NDArray[Any]:
    """Class numbers [N] of labels; of shares [N, classes], where a policy mixes, the largest."""
    return labels.argmax(axis=-1) if labels.ndim == 2 else labels


def right_and_all(labels: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How many of a batch's answers are right, and how many there are: float64 scalars."""
    classes = tf.argmax(labels, axis=-1) if labels.shape.rank == 2 else labels
    right = tf.argmax(logits, axis=-1) == tf.cast(classes, tf.int64)
    samples = tf.cast(tf.size(classes), tf.float64)
    return tf.reduce_sum(tf.cast(right, tf.float64)), samples
