"""An element that was read: its images, what moves with them, and what is still to be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from augreg.annotations import frames
from augreg.annotations.parts import IMAGES, each
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.assertions import after
from augreg.lower import Answers
from augreg.random.generator import SampleKey


@dataclass(frozen=True)
class Given:
    """An element that was read, and checked as far as its shapes are known.

    Attributes:
        element: as it came.
        unbatched: a single sample; else a batch.
        images: [B,H,W,C], frames [B,T,H,W,C], or a scalar string that a policy's own first steps
            decode.
        targets: what is not to stay as it is, with a batch's dimension.
        checks: of what has to be looked at in the data.
        others: further images, by their names.
        contents: the files that images were decoded from, by their names, where a policy decodes
            them otherwise.
        answers: what labels say of the steps that are for some samples only.
    """

    element: Any
    unbatched: bool
    images: tf.Tensor
    targets: dict[str, Any]
    checks: list[Any]
    others: dict[str, tf.Tensor] = field(default_factory=dict)
    contents: dict[str, tf.Tensor] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)

    @property
    def has_frames(self) -> bool:
        """Whether images are frames, of which a sample has several."""
        return bool(self.images.shape.rank == 5)

    @property
    def images_each(self) -> int | None:
        """How many images a sample has; None where only the data shows it."""
        return self.images.shape[1] if self.has_frames else 1

    @property
    def pictures(self) -> dict[str, tf.Tensor]:
        """All images, by their names."""
        return {IMAGES: self.images, **self.others}

    def checked(self, checks: list[Any]) -> Given:
        """The element, which can't be had before its checks, and these."""
        done = [*checks, *self.checks]
        images, targets, others = (
            after(done, part) for part in (self.images, self.targets, self.others)
        )
        return replace(self, images=images, targets=targets, others=others, checks=[])

    def folded(self, key: SampleKey) -> tuple[Given, SampleKey]:
        """As a batch of images, where it holds frames, with their key out of their samples'."""
        if not self.has_frames:
            return self, key
        others = frames.folded(TENSORFLOW, self.pictures)
        images, targets = others.pop(IMAGES), frames.folded(TENSORFLOW, self.targets)
        answers = frames.repeated(TENSORFLOW, self.answers, self.images)
        folded = replace(self, images=images, targets=targets, others=others, answers=answers)
        return folded, frames.key_of_frames(TENSORFLOW, key, self.images)

    def unfolded(self, made: dict[str, Any]) -> dict[str, Any]:
        """What a batch of images became, in the form that the element came in."""
        if self.has_frames:
            made = frames.unfolded(TENSORFLOW, made, self.images)
        return each(_alone, made) if self.unbatched else made


def batch_of_one(part: tf.Tensor) -> tf.Tensor:
    """A sample's part as a batch's. Eagerly, `part[tf.newaxis]` takes five times as long."""
    return tf.expand_dims(part, 0)


def _alone(part: Any) -> Any:
    """The way back, for which the same holds."""
    return tf.squeeze(part, 0) if isinstance(part, tf.Tensor) else part[0]
