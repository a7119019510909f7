"""A network's steps. They are our own: `fit` can't pass a batch's index and epoch to a layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Network:
    """A network, its optimizer and, in the model placement, the layer in front.

    Attributes:
        totals: float64 [3]: the sum of losses, right answers and samples since `clear`. A variable,
            so that a step does not wait for the host, and a checkpoint keeps half an epoch.
    """

    def __init__(
        self, core: Any, layer: Any | None, reduction: str = "sum_over_batch_size"
    ) -> None:
        self.core, self.layer = core, layer
        self.optimizer = keras.optimizers.Adam()
        self.optimizer.build(core.trainable_variables)
        how = {"from_logits": True, "reduction": reduction}
        self.loss = keras.losses.SparseCategoricalCrossentropy(**how)
        self.mixed_loss = keras.losses.CategoricalCrossentropy(**how)
        self.totals = tf.Variable(tf.zeros(3, tf.float64), trainable=False, name="totals")
        self._train_step = tf.function(self._train, autograph=False)
        self._evaluation_step = tf.function(self._evaluate, autograph=False)

    def train(self, batch: Any, epoch: tf.Tensor, samples: int) -> None:
        """A step on a batch of so many samples."""
        self._train_step(batch, epoch)

    def evaluate(self, batch: Any) -> None:
        """Adds a batch to the totals."""
        self._evaluation_step(batch)

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
            logits = self.core(images, training=True)
            loss = self._loss(labels, logits)
            total = tf.add_n([loss, *self.core.losses])
        gradients = tape.gradient(total, self.core.trainable_variables)
        self.optimizer.apply(gradients, self.core.trainable_variables)
        self._count(labels, logits, loss)

    def _evaluate(self, batch: Any) -> None:
        images, labels = self._augmented(batch, None, False)
        logits = self.core(images, training=False)
        self._count(labels, logits, self._loss(labels, logits))

    def _loss(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Of class numbers [B], or of shares [B, classes] where the policy mixes samples."""
        return (self.mixed_loss if labels.shape.rank == 2 else self.loss)(labels, logits)

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


def right_and_all(labels: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How many of a batch's answers are right, and how many there are: float64 scalars."""
    classes = tf.argmax(labels, axis=-1) if labels.shape.rank == 2 else labels
    right = tf.argmax(logits, axis=-1) == tf.cast(classes, tf.int64)
    samples = tf.cast(tf.size(classes), tf.float64)
    return tf.reduce_sum(tf.cast(right, tf.float64)), samples
