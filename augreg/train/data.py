"""From a source and a policy to the batches of a run, for both placements of the augmentation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from augreg.annotations.element import Indexed
from augreg.annotations.mixing import label_classes
from augreg.dataset import augment_dataset, slice_rows
from augreg.dataset.indexed import behind
from augreg.errors import DataError, PolicyError, RunError
from augreg.plan import plan
from augreg.policy import Policy, PolicyWarning, load_policy
from augreg.sources import Source
from augreg.train.options import TrainOptions

Shape = tuple[int | None, int | None, int]
# What TensorFlow says of its own graph, around what it says of the data.
_NOISE = re.compile(r"\{\{.*?\}\} |Error in user-defined .*V2: | \[Op:.*")
SPLITS = ("train", "validation", "test")


def policy_of(options: TrainOptions) -> Policy:
    """The policy of a run; without one, images as they are, resized where a size is given."""
    if isinstance(options.policy, Policy):
        return options.policy
    if options.policy is not None:
        return load_policy(options.policy)
    steps: list[dict[str, Any]] = []
    if options.size is not None:
        height, width = options.size
        steps = [{"op": "resize", "height": height, "width": width}]
    with warnings.catch_warnings():  # no steps is what was asked for here
        warnings.simplefilter("ignore", PolicyWarning)
        return load_policy({"version": 1, "name": "none", "prepare": steps})


class Feed:
    """The batches of a run: dicts of images, labels and index (positions in the source).

    Attributes:
        raw: (H, W, C) of the images as they come; None where a side isn't fixed.
        taken: (H, W, C) of raw images that the policy can bring to `fed`; None where any will do.
        prepared: (H, W, C) after `prepare`, or None for a side that isn't fixed.
        fed: (H, W, C) of what the network takes, after all sections.
        sections: of the policy, that this run uses; in_data: those that the dataset does.
        steps: batches in an epoch of training.
        mixes: whether samples are mixed after the dataset, which then has to give whole batches.
        worker: (i, n) where batches hold slice i of n only.
    """

    def __init__(
        self,
        source: Source,
        policy: Policy,
        options: TrainOptions,
        worker: tuple[int, int] | None = None,
    ) -> None:
        self.source, self.policy, self.options = source, policy, options
        self.worker = worker
        if source.annotated:
            raise DataError(
                f"{options.data}: holds {' and '.join(source.parts)}, not a class label for each "
                "image; train makes classifiers. Train a model of your own on "
                "augreg.augment_dataset (docs/annotations.md)"
            )
        for name in SPLITS:
            if source.splits[name].size < 1:
                raise DataError(f'{options.data}: the split "{name}" is empty; it needs images')
        self._check_classes()
        self.raw = _raw_shape(source.splits["train"].dataset, options)
        augmented = ("augment",) if options.augment else ()
        self.sections: tuple[str, ...] = ("prepare", *augmented, "output")
        # In the model placement a layer does the rest, on the same samples.
        self.in_data = self.sections if options.placement == "data" else ("prepare",)
        self.prepared = _after(policy, False, ("prepare",), self.raw)
        self.fed = self._one_size()
        free: Shape = (None, None, self.raw[2])
        self.taken = free if _fixes(policy, self.sections, free, self.fed) else self.raw
        self.steps = -(-source.splits["train"].size // options.batch_size)
        in_model = options.placement == "model" and options.augment
        self.mixes = in_model and label_classes(policy) is not None
        self._evaluations: dict[str, Any] = {}

    def samples(self, batch: int) -> int:
        """How many samples this batch of an epoch of training has, over all slices."""
        size = self.options.batch_size
        return min(size, self.source.splits["train"].size - batch * size)

    def training(self, epoch: int, batch: int) -> Iterator[Any]:
        """The batches from (epoch, batch) to the end of the run."""
        batches = self._batches(
            "train",
            seed=self.options.seed,
            training=True,
            shuffle=True,
            epochs=self.options.epochs - epoch,
            first_epoch=epoch,
            first_batch=batch,
            service=self.options.input_service,
        )
        return iter(batches)

    def evaluation(self, name: str) -> Any:
        """The batches of the validation or test split, in order, not augmented.

        It is made once: tracing it anew for every epoch cost half a second each.
        """
        if name not in self._evaluations:
            self._evaluations[name] = self._batches(name, training=False)
        return self._evaluations[name]

    def augmented(self, name: str, seed: int, epoch: int) -> Any:
        """The batches of a split, in order, augmented as in an epoch with this seed."""
        return self._batches(name, seed=seed, training=True, epochs=1, first_epoch=epoch)

    def _batches(self, split: str, **how: Any) -> Any:
        """Of static sizes, which a stated --size promises and the graph does not know."""
        options = self.options
        sides = self.fed if options.placement == "data" else (*self.prepared[:2], None)
        ds, own = self.source.splits[split].dataset, None
        if how["training"]:  # shuffled: without reading all of it first
            ds = behind(ds) or ds
        if self.worker is not None and not (how["training"] and self.mixes):
            if isinstance(ds, Indexed):
                how["shard"] = self.worker
            else:
                own = slice(*slice_rows(options.batch_size, *self.worker))

        def sized(element: Any) -> Any:
            images = tf.ensure_shape(element["images"], [None, *sides])
            element = {**element, "images": images}
            return element if own is None else {key: part[own] for key, part in element.items()}

        how = {"batch_size": options.batch_size, "sections": self.in_data, **how}
        batches = augment_dataset(_named(ds), self.policy, **how)
        return batches.map(tf.autograph.experimental.do_not_convert(sized))

    def _check_classes(self) -> None:
        """A policy that mixes labels states how many classes they have."""
        stated = label_classes(self.policy) if self.options.augment else None
        found = len(self.source.class_names)
        if stated not in (None, found):
            raise RunError(
                f"{_name(self.policy)}: mixes labels of {stated} classes, and {self.options.data} "
                f'has {found}; set "classes": {found} in mixup and cutmix'
            )

    def _one_size(self) -> tuple[int, int, int]:
        trained, evaluated = (
            _after(self.policy, training, self.sections, self.raw) for training in (True, False)
        )
        if trained != evaluated:
            raise RunError(
                f"{_name(self.policy)}: images leave training as {_text(trained)} and evaluation "
                f"as {_text(evaluated)}; a model takes one size: make prepare's train and eval, "
                "with augment, end in the same height, width and channels"
            )
        height, width, channels = evaluated
        if height is None or width is None:
            raise RunError(
                f"{_name(self.policy)}: the policy does not fix the size of the images, and those "
                f'of {self.options.data} may differ; begin "prepare" with '
                '{"op": "resize", "height": 180, "width": 180}, or state the size that all of '
                "them have with --size HxW"
            )
        return height, width, channels


@contextmanager
def reading(data: str) -> Iterator[None]:
    """Turns what TensorFlow says while images are read into a `DataError`."""
    try:
        yield
    except tf.errors.OpError as error:
        text = _NOISE.sub("", str(error.message).splitlines()[0])
        # of `augment_dataset`; of a batch; of `ensure_shape`
        if any(known in text for known in ("differ in size", "Shapes are:", "Shape of tensor")):
            raise DataError(
                f"{data}: images of different size came into one batch ({text}); begin the "
                'policy\'s "prepare" with a "resize"'
            ) from error
        raise DataError(f"{data}: an image can't be read: {text}") from error


def _named(ds: Any) -> Any:
    """(image, label) elements as dicts that carry their index along."""

    def named(index: Any, element: Any) -> Any:
        image, label = element
        return {"images": image, "labels": label, "index": index}

    if isinstance(ds, Indexed):
        element: Callable[[Any], Any] = ds.element
        return Indexed(ds.size, lambda i: named(tf.cast(i, tf.int64), element(i)))
    return ds.enumerate().map(tf.autograph.experimental.do_not_convert(named))


def _raw_shape(ds: Any, options: TrainOptions) -> Shape:
    if isinstance(ds, Indexed):
        ds = tf.data.Dataset.range(1).map(tf.autograph.experimental.do_not_convert(ds.element))
    spec = ds.element_spec[0]
    stated = options.size or (None, None)
    if spec.dtype == tf.string:
        return (*stated, 3)
    if spec.shape.rank != 3 or spec.shape[2] is None:
        raise DataError(f"{options.data}: images of the shape {spec.shape}; [H, W, C] is needed")
    height, width, channels = spec.shape
    if options.size and None not in (height, width) and options.size != (height, width):
        raise RunError(
            f"--size {stated[0]}x{stated[1]}: the images of {options.data} are {height}x{width}; "
            'to change that put a "resize" into the policy\'s "prepare"'
        )
    return (height or stated[0], width or stated[1], channels)


def _after(policy: Policy, training: bool, wanted: tuple[str, ...], raw: Shape) -> Shape:
    made = plan(policy, training=training, sections=wanted, size=raw[:2], channels=raw[2])
    return (*made.size_out, made.channels_out)


def _fixes(policy: Policy, wanted: tuple[str, ...], free: Shape, fed: Shape) -> bool:
    """Whether images of any size end as `fed`."""
    try:
        return all(_after(policy, training, wanted, free) == fed for training in (False, True))
    except PolicyError:  # a step that can't do without a known size
        return False


def _name(policy: Policy) -> str:
    return policy.path or f'policy "{policy.name}"'


def _text(shape: Shape) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)
