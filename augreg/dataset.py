"""The tf.data target: a map function for one's own pipeline, and the whole pipeline.

Nothing here holds a random state: an element's augmentation is a function of (seed, epoch, index),
so it may run in any order, on any number of threads, and an iterator's checkpoint holds it all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from augreg import draws, mixing
from augreg.annotations import MIN_VISIBLE, BoxRules
from augreg.backends.tensorflow.annotations import Annotated
from augreg.backends.tensorflow.arrays import TENSORFLOW
from augreg.backends.tensorflow.batching import batch
from augreg.backends.tensorflow.compiled import Compiled
from augreg.backends.tensorflow.decode import decode
from augreg.checks import as_uint32
from augreg.elements import Indexed, image_of, with_image
from augreg.errors import DataError
from augreg.plan import SECTIONS, check_sections
from augreg.policy import load_policy

Range = tuple[float, float]
_ORDER = draws.draw_id("shuffle", "order")
_MEND = '; add a "resize" to the policy\'s "prepare"'
WINDOW = 10_000  # how many elements `shuffle=True` mixes where a source has no random access


class MapFunction:
    """`fn(index, element, epoch=None) -> element`; see `map_fn`."""

    def __init__(self, compiled: Compiled, batched: bool, epoch: Any, rules: BoxRules) -> None:
        self.compiled, self.batched = compiled, batched
        self.annotated = Annotated(compiled, rules)
        if self.annotated.classes is not None and not batched:
            step = mixing.mixing_steps(compiled.policy)[0]
            raise compiled.policy.error(
                f'"{step.op.name}" mixes the samples of a batch: use batched=True, augment_dataset '
                "or the layer",
                step.pointer,
            )
        self.epoch = _whole(epoch)
        self.follows = compiled.policy.scheduled(compiled.sections) if compiled.training else None

    def __call__(self, index: Any, element: Any, epoch: Any = None) -> Any:
        image = tf.convert_to_tensor(image_of(element))
        if image.dtype == tf.string and self.batched:
            raise DataError("encoded images are decoded one by one: use batched=False")
        index = tf.convert_to_tensor(index if tf.is_tensor(index) else as_uint32(index, "index"))
        epoch = self._at(epoch)
        if given := self.annotated.found(element, not self.batched):
            index = index if self.batched else tf.reshape(index, (1,))
            return self.annotated(element, given, index, epoch, not self.batched)
        if self.batched:
            return with_image(element, self.compiled(image, index, epoch))
        images = image if image.dtype == tf.string else image[tf.newaxis]
        result = self.compiled(images, tf.reshape(index, (1,)), epoch)
        return with_image(element, result[0])

    def _at(self, epoch: Any) -> tf.Tensor:
        """The epoch of a call; refuses to guess one where a step follows it."""
        known = self.epoch if epoch is None else _whole(epoch)
        if known is None and self.follows is not None:
            raise self.compiled.policy.error(
                "a parameter follows the epoch, and the function was not told which it is; call it "
                "as fn(index, element, epoch), give map_fn an epoch, or use augment_dataset",
                self.follows,
            )
        return tf.convert_to_tensor(as_uint32(0, "epoch") if known is None else known)


def _whole(epoch: Any) -> Any:
    """A tensor as it is, an integer as uint32, None as None."""
    return epoch if epoch is None or tf.is_tensor(epoch) else as_uint32(epoch, "epoch")


def map_fn(
    policy: Any,
    seed: int = 0,
    training: bool = True,
    batched: bool = False,
    epoch: Any = None,
    *,
    input_range: Range = (0, 1),
    sections: Iterable[str] = SECTIONS,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
    debug: bool | None = None,
) -> Callable[..., Any]:
    """A function for `Dataset.map` that augments by position.

    Args:
        policy: a `Policy`, a dict or a path.
        seed: 0 to 2**32-1.
        training: False leaves `augment` out and takes `prepare.eval`.
        batched: elements are batches, and index is [B].
        epoch: what `fn`'s own epoch falls back to; an integer or a scalar tensor. None is 0, and
            refused in training where a parameter follows the epoch (a `schedule`).
        input_range: what float images mean; uint8 is always 0..255.
        sections: which of prepare, augment and output to run.
        bounding_box_format: Keras's name of the format of boxes, as xyxy or rel_xywh.
        min_visible: the share of its moved area that a box has to keep; else its class is -1.
        debug: checks shape, dtype, range and NaN after every step, slowly; None asks
            `AUGREG_DEBUG`.

    Returns:
        `fn(index, element, epoch=None) -> element`. An element is an image, `(image, label)`,
        `(image, label, weight)` or a dict with "images"; the image uint8 or float [H,W,C] or
        [B,H,W,C], or a scalar string of encoded bytes. A dict's "masks", "boxes" and
        "keypoints" (as `augreg.augment` takes them) move with the image. Labels become float32
        [B, classes] where the policy mixes samples, in training. All else passes through.

    Seed, epoch and index are 32 bits wide. A constant outside of 0 to 2**32-1 is refused; a tensor
    is not looked at, and counts modulo 2**32.

    Raises:
        PolicyError: the policy is wrong, or can't work at this size, or has to be told the epoch;
            also from inside of `map`.

    >>> import augreg, tensorflow as tf
    >>> fn = augreg.map_fn({"version": 1, "augment": [{"op": "invert"}]}, seed=7)
    >>> ds = tf.data.Dataset.from_tensors(tf.zeros((4, 4, 3))).enumerate().map(fn)
    >>> float(tf.reduce_min(next(iter(ds))))
    1.0
    """
    rules = BoxRules(bounding_box_format, min_visible)
    wanted = check_sections(sections)
    compiled = Compiled(load_policy(policy), seed, training, wanted, input_range, debug=debug)
    function = MapFunction(compiled, batched, epoch, rules)
    # autograph would turn a PolicyError into an error of its own
    return tf.autograph.experimental.do_not_convert(function)


def augment_dataset(
    ds: tf.data.Dataset | Indexed,
    policy: Any,
    batch_size: int = 32,
    seed: int = 0,
    training: bool = True,
    shuffle: bool | int = False,
    epochs: int = 1,
    first_epoch: int = 0,
    *,
    input_range: Range = (0, 1),
    sections: Iterable[str] = SECTIONS,
    first_batch: int = 0,
    drop_remainder: bool = False,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
    debug: bool | None = None,
) -> tf.data.Dataset:
    """Prepares, shuffles, batches, augments (in training only) and prefetches.

    Boxes whose number varies are padded to the largest of a batch, with class -1.

    Args:
        ds: elements as in `map_fn`, in a fixed order: an element's index is its position. An
            `Indexed` source is shuffled without a buffer.
        policy, seed, training, input_range, sections, bounding_box_format, min_visible, debug: as
            in `map_fn`.
        batch_size: the last batch of an epoch may be smaller, unless `drop_remainder`.
        shuffle: True mixes the whole of `ds` (10,000 elements at a time where its length is
            unknown); a number is the window that is mixed. The order depends on (seed, epoch).
        epochs: how many to yield, one after another; no batch crosses an epoch.
        first_epoch, first_batch: where to begin, to continue an interrupted run.

    Returns:
        A dataset for `fit(steps_per_epoch=...)`. Iterating it again gives the same epochs; its
        iterator can be saved by `tf.train.Checkpoint`.

    Raises:
        PolicyError: the policy is wrong, or can't work at this size.
    """
    loaded, wanted = load_policy(policy), check_sections(sections)
    rules: dict[str, Any] = {"bounding_box_format": bounding_box_format, "debug": debug}
    rules["min_visible"] = min_visible
    steps = _Steps(ds, loaded, batch_size, seed, training, shuffle, input_range, wanted, rules)
    last = int(as_uint32(first_epoch, "first_epoch")) + epochs
    numbers = tf.data.Dataset.range(first_epoch, last)
    batches = _flat_map(numbers, lambda epoch: steps.epoch(epoch, drop_remainder))
    if first_batch:
        begun = _flat_map(
            numbers.take(1), lambda epoch: steps.epoch(epoch, drop_remainder, first_batch)
        )
        batches = begun.concatenate(
            _flat_map(numbers.skip(1), lambda epoch: steps.epoch(epoch, drop_remainder))
        )
    per_epoch = steps.batches(drop_remainder)
    if per_epoch is not None:
        count = per_epoch * epochs - min(first_batch, per_epoch)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
    return batches.prefetch(tf.data.AUTOTUNE)


class _Steps:
    """The steps of one epoch's pipeline."""

    def __init__(
        self,
        ds: tf.data.Dataset | Indexed,
        policy: Any,
        batch_size: int,
        seed: int,
        training: bool,
        shuffle: bool | int,
        input_range: Range,
        sections: tuple[str, ...],
        rules: dict[str, Any],
    ) -> None:
        self.ds, self.batch_size, self.shuffle = ds, batch_size, shuffle
        self.seed, self.size = int(as_uint32(seed, "seed")), _length(ds)
        self.encoded = not isinstance(ds, Indexed) and _is_encoded(ds.element_spec)
        first = tuple(name for name in sections if name == "prepare")
        rest = tuple(name for name in sections if name != "prepare")
        if not (policy.prepare(training) or self.encoded or isinstance(ds, Indexed)):
            first = ()
        common = (policy, seed, training, False, 0)
        self.prepare = None
        if first:
            self.prepare = map_fn(*common, input_range=input_range, sections=first, **rules)
        after = (0, 1) if first else input_range
        batched = (policy, seed, training, True, 0)
        self.augment = None
        if rest:
            self.augment = map_fn(*batched, input_range=after, sections=rest, **rules)

    def epoch(
        self, epoch: tf.Tensor, drop_remainder: bool, first_batch: int = 0
    ) -> tf.data.Dataset:
        """The batches of one epoch, from `first_batch` on."""
        skip = first_batch * self.batch_size
        if isinstance(self.ds, Indexed):
            ds = self._indexed(self.ds, epoch, skip)
        elif self.shuffle or self.prepare or self.encoded:
            ds = self._sequential(self.ds, epoch, skip)
        else:
            return self._batches_first(self.ds, epoch, drop_remainder, first_batch)
        alike = _of_one_size(ds, self.batch_size, lambda pair: image_of(pair[1]))
        return self._augmented(batch(alike, self.batch_size, drop_remainder), epoch)

    def _augmented(self, batches: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        augment = self.augment
        if augment is None:
            return _map(batches, lambda index, element: element)
        return _map(batches, lambda index, element: augment(index, element, epoch))

    def _batches_first(
        self, ds: tf.data.Dataset, epoch: tf.Tensor, drop_remainder: bool, first_batch: int
    ) -> tf.data.Dataset:
        """Nothing is done to single elements: batches are numbered, which costs less."""
        alike = _of_one_size(ds, self.batch_size, image_of)
        batches = batch(alike, self.batch_size, drop_remainder).skip(first_batch)
        first = tf.range(self.batch_size, dtype=tf.int64)

        def named(number: tf.Tensor, element: Any) -> tuple[tf.Tensor, Any]:
            count = tf.shape(tf.nest.flatten(element)[0])[0]
            return number * self.batch_size + first[:count], element

        numbered = batches.enumerate(first_batch)
        if self.augment is None:
            return batches
        return _map(numbered, lambda *pair: self.augment(*named(*pair), epoch))  # type: ignore[misc]

    def batches(self, drop_remainder: bool) -> int | None:
        """Batches an epoch, where the source's length is known."""
        size = self.size
        if size is None:
            return None
        return size // self.batch_size if drop_remainder else math.ceil(size / self.batch_size)

    def _indexed(self, source: Indexed, epoch: tf.Tensor, skip: int) -> tf.data.Dataset:
        positions = tf.data.Dataset.range(source.size)
        if self.shuffle:
            positions = _map(positions, lambda i: self._permuted(i, epoch, 0, source.size))
        ds = positions.skip(skip) if skip else positions
        return _map(ds, lambda i: self._prepared(i, source.element(i), epoch))

    def _sequential(self, ds: tf.data.Dataset, epoch: tf.Tensor, skip: int) -> tf.data.Dataset:
        """Elements, prepared: before the shuffle, which needs one size, or after it, if encoded."""
        ds = ds.enumerate()
        if self.shuffle:
            ds = self._windows(ds if self.encoded else self._each(ds, epoch), epoch)
        ds = ds.skip(skip)
        return self._each(ds, epoch) if self.encoded or not self.shuffle else ds

    def _each(self, ds: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        if self.prepare is None and not self.encoded:
            return ds
        return _map(ds, lambda i, element: self._prepared(i, element, epoch))

    def _windows(self, ds: tf.data.Dataset, epoch: tf.Tensor) -> tf.data.Dataset:
        """Permutes windows: a stateless shuffle, so an iterator can be saved."""
        whole = self.size or WINDOW
        window = whole if self.shuffle is True else int(self.shuffle)

        def permute(number: tf.Tensor, elements: Any) -> Any:
            count = tf.shape(tf.nest.flatten(elements)[0], out_type=tf.int64)[0]
            places = self._permuted(tf.range(count), epoch, number, count)
            return tf.nest.map_structure(lambda part: tf.gather(part, places), elements)

        batched = batch(ds, min(window, whole)).enumerate()
        return _map(batched, permute).unbatch()

    def _permuted(self, i: tf.Tensor, epoch: Any, number: Any, size: Any) -> tf.Tensor:
        """Where position `i` goes in a permutation that depends on (seed, epoch, window)."""
        seed, epoch, number = (
            tf.reshape(tf.cast(word, tf.uint32), (1,)) for word in (self.seed, epoch, number)
        )
        pair = draws.words(TENSORFLOW, seed, (_ORDER,), epoch, number)
        key = tf.reshape(tf.stack(pair), (2,))
        return tf.random.experimental.index_shuffle(i, key, tf.cast(size, tf.int64) - 1)

    def _prepared(self, index: tf.Tensor, element: Any, epoch: tf.Tensor) -> tuple[tf.Tensor, Any]:
        if self.prepare is not None:
            return index, self.prepare(index, element, epoch)
        image = image_of(element)
        return index, with_image(element, decode(image)) if image.dtype == tf.string else element


def _map(ds: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    plain = tf.autograph.experimental.do_not_convert(function)
    return ds.map(plain, num_parallel_calls=tf.data.AUTOTUNE)


def _flat_map(ds: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    return ds.flat_map(tf.autograph.experimental.do_not_convert(function))


def _of_one_size(
    ds: tf.data.Dataset, batch_size: int, image: Callable[[Any], Any]
) -> tf.data.Dataset:
    """Has two sizes in one batch end the data with how to mend it, where sizes are not known.

    A number is read from our words, which fails with them: an assertion would make the dataset
    stateful, and its iterator could not be saved.
    """
    shape = image(ds.element_spec).shape
    if shape.rank != 3 or None not in shape[:2]:
        return ds

    def check(state: tuple[tf.Tensor, tf.Tensor], element: Any) -> Any:
        number, first = state
        size = tf.shape(image(element))[:2]
        first = tf.where(number % batch_size == 0, size, first)
        sides = [tf.strings.reduce_join(tf.as_string(s), separator="x") for s in (size, first)]
        words = ["images of one batch differ in size: ", sides[0], " after ", sides[1], _MEND]
        failed = tf.cond(
            tf.reduce_all(size == first),
            lambda: tf.constant(0, tf.int64),
            lambda: tf.strings.to_number(tf.strings.join(words), tf.int64),
        )
        return (number + 1 + failed, first), element

    start = (tf.constant(0, tf.int64), tf.constant([0, 0]))
    return ds.scan(start, tf.autograph.experimental.do_not_convert(check))


def _length(ds: tf.data.Dataset | Indexed) -> int | None:
    if isinstance(ds, Indexed):
        return ds.size
    count = int(ds.cardinality())
    return count if count >= 0 else None


def _is_encoded(spec: Any) -> bool:
    return bool(image_of(spec).dtype == tf.string)
