"""The map function: augments an element, or a batch of them, by its position."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from augreg.annotations import mixing
from augreg.annotations.layout import Also, Parts
from augreg.annotations.parts import MIN_VISIBLE
from augreg.backends.options import RunOptions
from augreg.backends.tensorflow.annotations import Annotated, whole
from augreg.backends.tensorflow.compiled import Compiled
from augreg.checks import InputRange, check_count, check_flag, check_index, shape_of
from augreg.errors import DataError
from augreg.plan import SECTIONS
from augreg.random.generator import view_seed

# How to come by the right index, of one element and of a batch.
_FIX = (
    "number the elements, as augreg.enumerate_epochs(ds).map(fn) does",
    "number the elements before they are batched, as augreg.enumerate_epochs(ds).batch(32).map(fn) "
    "does",
)
_UNTOLD = (
    "the function was not told which it is; call it as fn(index, element, epoch), give map_fn an "
    "epoch, or use augment_dataset"
)
_MISSING = object()


class MapFunction:
    """`fn(index, element, epoch=None) -> element`; see `map_fn`."""

    def __init__(self, options: RunOptions, batched: bool, epoch: Any, **how: Any) -> None:
        self.options, self.batched = options, batched
        self.annotated = Annotated(Compiled(options, **how))
        if self.annotated.mixes and not batched:
            step = mixing.mixing_steps(options.policy)[0]
            raise options.policy.error(
                f'"{step.op.name}" mixes the samples of a batch: use batched=True, augment_dataset '
                "or the layer",
                step.pointer,
            )
        self.epoch = None if epoch is None else whole(epoch, "epoch")

    def __call__(self, index: Any, element: Any = _MISSING, epoch: Any = None) -> Any:
        if element is _MISSING:
            raise DataError(f"the function got no index; {_FIX[self.batched]}")
        index = tf.convert_to_tensor(whole(index, "index"))
        check_index(shape_of(index), index.dtype.name, None, not self.batched, _FIX[self.batched])
        given = self.annotated.read(element, not self.batched)
        epoch = self.epoch if epoch is None else whole(epoch, "epoch")
        if epoch is None:
            self.options.check_epoch_is_told(_UNTOLD)
        return self.annotated(given, index, epoch, _FIX[self.batched])


def map_fn(
    policy: Any,
    seed: int = 0,
    training: bool = True,
    batched: bool = False,
    epoch: Any = None,
    *,
    input_range: InputRange = None,
    parts: Parts | None = None,
    also: Also | None = None,
    sections: Iterable[str] = SECTIONS,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
    box_from: str = "corners",
    keypoint_pairs: Iterable[tuple[int, int]] = (),
    oriented: bool = False,
    views: int = 1,
    debug: bool | None = None,
) -> Callable[..., Any]:
    """A function for `Dataset.map` that augments by position.

    Args:
        policy: a `Policy`, a dict or a path.
        seed: 0 to 2**32-1.
        training: False skips `augment` and uses `prepare.eval`.
        batched: elements are batches, and index is [B].
        epoch: the default of `fn`'s epoch; an integer or a scalar tensor. None is 0, and is refused
            in training if a parameter follows the epoch (a `schedule`).
        input_range: the range of float images, such as (0, 255); uint8 is always 0..255. Without
            it, floats have to be in 0..1; the first batch outside is an error.
        parts: names the parts of a tuple in order, as ("images", "masks"), or keys of a dict, as
            {"mask": "masks"}. Names are images, frames, labels, masks, boxes, keypoints, those in
            `also`, and None for what passes through.
        also: further parts of an element that move with the image, by their keys or by their names
            in `parts`, and how each is resampled. "bilinear": an image of the first one's height
            and width (a right camera), to which all is done that is done to the first, under the
            same draws. "nearest": numbers [H,W] or [H,W,C] that only move (a depth map), of any
            dtype; they keep it and their values, and are 0 where nothing of the image is.
        sections: which of prepare, augment and output to run.
        bounding_box_format: Keras's name of the format of boxes, as xyxy or rel_xywh.
        min_visible: the fraction of its area that a box has to keep; else its class is -1.
        box_from: what a box is moved by: its "corners"; the "ellipse" in it, tighter in a
            rotation; or its "mask", the pixels of box n that are n + 1 in the masks, or channel n.
        keypoint_pairs: positions of keypoints that are a left and a right, as [(1, 2), (3, 4)]:
            where an image is mirrored, they change places, so that a left eye is one.
        oriented: adds the boxes' four corners to their dict, moved and not clipped: "corners",
            float32 [B,N,4,2], x and y, clockwise from the top left as the box came; relative
            where the boxes are. Boxes that come with corners keep theirs.
        views: how many augmentations of each element, for contrastive learning: above 1, `fn`
            returns a tuple of elements. Each view has draws of its own, the first those of 1.
        debug: checks shape, dtype, range and NaN after every step, slowly; None reads
            `AUGREG_DEBUG`.

    Returns:
        `fn(index, element, epoch=None) -> element`. An element is an image, `(image, label)`,
        `(image, label, weight)` or a dict with "images"; the image uint8 or float [H,W,C] or
        [B,H,W,C], or a scalar string of encoded bytes. A dict's "masks", "boxes" and
        "keypoints" (as `augreg.augment` takes them) move with the image. "frames" [T,H,W,C] or
        [B,T,H,W,C] in place of "images" have the draws of their sample. Labels become float32
        [B, classes] where the policy mixes samples, in evaluation too. All else passes through.

    Seed, epoch and index are 32 bits wide. A constant outside of 0 to 2**32-1 is refused; a tensor
    is not checked, but taken modulo 2**32.

    Raises:
        PolicyError: the policy is wrong, can't work at this size, or needs the epoch; also raised
            from inside of `map`.
        ValueError, DataError: as `augreg.augment`.

    >>> import augreg, tensorflow as tf
    >>> fn = augreg.map_fn({"version": 1, "augment": [{"op": "invert"}]}, seed=7)
    >>> ds = tf.data.Dataset.from_tensors(tf.zeros((4, 4, 3))).enumerate().map(fn)
    >>> float(tf.reduce_min(next(iter(ds))))
    1.0
    """
    options = RunOptions.of(
        policy,
        seed,
        training,
        sections=sections,
        input_range=input_range,
        parts=parts,
        also=also,
        bounding_box_format=bounding_box_format,
        min_visible=min_visible,
        box_from=box_from,
        keypoint_pairs=keypoint_pairs,
        oriented=oriented,
        debug=debug,
    )
    seeds = [view_seed(options.seed, view) for view in range(check_count(views, "views"))]
    many = check_flag(batched, "batched")
    made = [map_function(replace(options, seed=own), many, epoch) for own in seeds]
    if views == 1:
        return made[0]
    return tf.autograph.experimental.do_not_convert(
        lambda *arguments, **named: tuple(fn(*arguments, **named) for fn in made)
    )


def map_function(options: RunOptions, batched: bool, epoch: Any, **how: Any) -> Callable[..., Any]:
    """`map_fn` of options that were checked; how: as `Compiled` takes it."""
    # autograph would turn a PolicyError into an error of its own
    return tf.autograph.experimental.do_not_convert(MapFunction(options, batched, epoch, **how))


def at_any_size(fn: Callable[..., Any], channels: int) -> Callable[[Any, Any], Any]:
    """`fn` in one graph for uint8 images [H,W,channels] whose size only the data shows."""
    index, image = tf.TensorSpec((), tf.uint32), tf.TensorSpec((None, None, channels), tf.uint8)
    return tf.function(fn, input_signature=[index, image], autograph=False)
