"""What is done to elements: each is prepared by itself, and batches of them are augmented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from augreg.annotations.element import with_targets
from augreg.annotations.layout import Layout
from augreg.backends.options import RunOptions
from augreg.dataset.function import map_function
from augreg.dataset.sizes import images_of
from augreg.images.decode import decode


@dataclass(frozen=True)
class Batching:
    """How a caller wants batches; see `augment_dataset`.

    Attributes:
        restarted: each epoch is a new iteration (see `Compiled`).
    """

    size: int
    shuffle: bool | int
    drop_remainder: bool
    numbered: bool
    restarted: bool

    def delivered(self, epoch: Any, step: Any, index: Any, element: Any) -> Any:
        """A batch as it leaves: with its numbers, where they are wanted."""
        return (
            ({"epoch": epoch, "step": step, "index": index}, element) if self.numbered else element
        )


def batches_of(size: int, how: Batching) -> int:
    """How many batches so many elements make."""
    whole, rest = divmod(size, how.size)
    return whole if how.drop_remainder else whole + (rest > 0)


@dataclass(frozen=True)
class Work:
    """The two halves of a policy's work on a dataset.

    Attributes:
        prepare: `fn(index, element, epoch)` of one element, or None where nothing is to be done.
        augment: the same of batches.
    """

    prepare: Callable[..., Any] | None
    augment: Callable[..., Any]
    layout: Layout

    @classmethod
    def of(cls, options: RunOptions, single: bool, **how: Any) -> Work:
        """single: elements need work one by one, whatever the policy says. how: as `Compiled`."""
        first = tuple(name for name in options.sections if name == "prepare")
        rest = tuple(name for name in options.sections if name != "prepare")
        if not (single or options.policy.prepare(options.training)):
            # nothing to do for single images; floats are brought to their range all the same
            first, rest = (), rest or first
        prepare = map_function(replace(options, sections=first), False, 0) if first else None
        if not rest:
            return cls(prepare, lambda index, element, epoch: element, options.layout)
        after = (0.0, 1.0) if first else options.input_range
        later = replace(options, sections=rest, input_range=after)
        return cls(prepare, map_function(later, True, 0, **how), options.layout)

    def prepared(self, index: tf.Tensor, element: Any, epoch: tf.Tensor) -> Any:
        """One element, decoded where it holds files."""
        if self.prepare is not None:
            return self.prepare(index, element, epoch)
        images = images_of(element, self.layout)
        decoded = {name: decode(x) for name, x in images.items() if x.dtype == tf.string}
        return with_targets(element, decoded, self.layout)
