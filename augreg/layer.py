"""The Keras target: a policy as a layer, saved with the model, off at inference."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from augreg.annotations.element import has_frames, image_of, with_targets
from augreg.annotations.layout import Also, Parts
from augreg.annotations.parts import IMAGES, MIN_VISIBLE
from augreg.backends.options import RunOptions
from augreg.backends.tensorflow import symbolic
from augreg.backends.tensorflow.annotations import Annotated
from augreg.backends.tensorflow.compiled import Compiled
from augreg.checks import (
    InputRange,
    check_images,
    check_index,
    check_keras_backend,
    check_one_or_many,
    shape_of,
)
from augreg.errors import AugregError, PluginError, PolicyError
from augreg.plan import SECTIONS
from augreg.policy import Policy

_DRAW_BOUND = 2**32
_REMEDY = "to_load_this"
_PHILOX, _STEP = 1, 256  # TensorFlow's number of the generator, and how far it moves for each skip
_FIX = "pass the positions of these images in their source, or none"
_UNTOLD = (
    'the layer was not told which it is; call it with "epoch", as the trainer does, or augment in '
    "the dataset"
)


@keras.saving.register_keras_serializable(package="augreg")
class AugmentationLayer(keras.layers.Layer):
    """Keras layer that runs a policy: all of it in training, else only prepare and output.

    Call with images uint8 (0..255) or float (`input_range`), [B,H,W,C] or [H,W,C]; the result has
    the policy's dtype and range. Or with an element, returned in the same form: a dict with
    "images", a tuple (image, label) or (image, {...}), or a tuple with `parts`. "masks", "boxes"
    and "keypoints" move with the images (as `augreg.augment` takes them), and labels become
    float32 [B, classes] if the policy mixes samples. "frames", [B,T,H,W,C] or [T,H,W,C], in place
    of "images" have the draws of their sample.

    With `index` (integers [B]) and `epoch` (a scalar, [1] or [B]), the pixels are the same as in
    `augment_dataset`. Without `index`, the layer draws at epoch 0 with the number of samples it has
    seen, times the replicas, plus the replica's id: repeatable, but not equal to tf.data. The count
    is exact in threads and in a parallel `map`.

    Requires Keras's TensorFlow backend.

    Args:
        policy: a `Policy`, a dict or a path.
        seed: 0 to 2**32-1.
        input_range: the range of float images, such as (0, 255). Without it, they have to be in
            0..1; note that Keras converts uint8 images to floats in a model without a uint8
            `Input`.
        parts: names the parts of a tuple, as ("images", "masks"); see `augreg.map_fn`.
        also: further parts that move with the image, as {"depth": "nearest"}; see `augreg.map_fn`.
        sections: which of prepare, augment and output to run; `("augment", "output")` if the
            dataset has already run prepare.
        bounding_box_format: Keras's name of the format of boxes, as xyxy or rel_xywh.
        min_visible: the fraction of its area that a box has to keep; else its class is -1.
        box_from: what a box is moved by: its "corners"; the "ellipse" in it, tighter in a
            rotation; or its "mask", the pixels of box n that are n + 1 in the masks, or channel n.
        keypoint_pairs: positions of keypoints that are a left and a right, as [(1, 2), (3, 4)]:
            where an image is mirrored, they change places, so that a left eye is one.
        oriented: adds the boxes' four corners to their dict, moved and not clipped: "corners",
            float32 [B,N,4,2], x and y, clockwise from the top left as the box came; relative
            where the boxes are. Boxes that come with corners keep theirs.
        debug: checks every step, slowly; None reads `AUGREG_DEBUG`. Not saved with the model.

    >>> import augreg, numpy as np
    >>> layer = augreg.AugmentationLayer({"version": 1, "augment": [{"op": "invert"}]}, seed=7)
    >>> float(layer(np.zeros((2, 4, 4, 3), "uint8"), training=True)[0, 0, 0, 0])
    1.0
    """

    def __init__(
        self,
        policy: Any,
        seed: int = 0,
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
        debug: bool | None = None,
        **kwargs: Any,
    ) -> None:
        check_keras_backend(keras.config.backend(), "AugmentationLayer")
        # the policy decides the dtype of what comes out; a mixed-precision model must not cast what
        # goes in, least of all uint8
        kwargs.setdefault("dtype", "float32")
        super().__init__(autocast=False, **kwargs)
        self.options = RunOptions.of(
            policy,
            seed,
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
        self._modes = {
            training: Annotated(Compiled(replace(self.options, training=training), portable=True))
            for training in (False, True)
        }
        # XLA leaves assertions out, and they are all that debug mode is
        self.supports_jit = not self._modes[True].compiled.debug
        self._seen = self.add_weight(
            name="samples_seen",
            shape=(3,),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    @property
    def policy(self) -> Policy:
        """The policy that it runs."""
        return self.options.policy

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.options.seed

    @property
    def sections(self) -> tuple[str, ...]:
        """Which of prepare, augment and output it runs."""
        return self.options.sections

    @property
    def input_range(self) -> InputRange:
        """The range of float images; None where it was not stated."""
        return self.options.input_range

    @property
    def parts(self) -> Parts | None:
        """What the parts of an element are."""
        return self.options.layout.parts

    @property
    def also(self) -> Also:
        """How further parts that move with the images are resampled, by their names."""
        return dict(self.options.layout.also)

    @property
    def samples_seen(self) -> int:
        """How many samples were drawn for without an index, on the first replica."""
        return int(keras.ops.convert_to_numpy(self._seen)[0]) // _STEP

    def call(
        self, inputs: Any, training: bool | None = None, index: Any = None, epoch: Any = None
    ) -> Any:
        annotated = self._modes[bool(training)]
        with _raised_as_itself():
            if epoch is None:
                annotated.options.check_epoch_is_told(_UNTOLD)
            given = annotated.read(inputs)
            if counted := index is None:
                batch = given.images.shape[0]
                if batch is None:  # asked for only then: eagerly, it takes a twentieth of a call
                    batch = tf.shape(given.images)[0]
                index = self._count(batch) if training else tf.range(batch)
            return annotated(given, index, epoch, _FIX, sure=counted)

    def _count(self, batch: Any) -> tf.Tensor:
        """Positions of the next samples; replicas interleave, so that no two draw alike.

        Read and added to in one operation, because a layer may be called from many threads: with a
        read and an assignment, 1024 samples in a parallel `map` drew 964 times. TensorFlow's one
        such operation moves the state of a generator of random numbers, whose counter is the first
        of three numbers and counts in steps of 256. Each replica has a counter of its own.
        """
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        replica = context.replica_id_in_sync_group if context else 0
        before = tf.raw_ops.RngReadAndSkip(
            resource=self._seen.value.handle,
            alg=tf.constant(_PHILOX),
            delta=tf.cast(batch, tf.uint64),
        )
        if tf.executing_eagerly():  # NumPy takes a tenth of the time for single numbers
            before, more = before.numpy(), np.arange(int(batch), dtype=np.int64)
        else:
            more = tf.range(tf.cast(batch, tf.int64))
        own = replica if isinstance(replica, int) else tf.cast(replica, tf.int64)
        numbers = (before[0] // _STEP + more) * replicas + own
        return tf.cast(numbers % _DRAW_BOUND, tf.uint32)

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        shape = tuple(input_shape)
        check_images(shape, "uint8")
        plans = [mode.options.plan(shape) for mode in self._modes.values()]
        ends = [(*planned.size_out, planned.channels_out) for planned in plans]
        return (*shape[:-3], *(a if a == b else None for a, b in zip(*ends, strict=True)))

    def compute_output_spec(
        self, inputs: Any, training: Any = None, index: Any = None, epoch: Any = None
    ) -> Any:
        """What comes out, all of it new: a part that came back as it went in would be no output."""
        with _raised_as_itself():
            layout, rules = self.options.layout, self.options.rules
            several = has_frames(inputs, layout)
            images = image_of(inputs, layout)
            check_images(tuple(images.shape), "uint8", several)
            unbatched = check_one_or_many(len(images.shape), images.dtype, None, several)
            count = 1 if unbatched else images.shape[0]
            if index is not None:
                check_index(shape_of(index), index.dtype, count, unbatched, _FIX)
            targets = symbolic.checked(inputs, images, unbatched, self.options)
            spec, mode = self._after(images), self._modes[True]
            moved = symbolic.moved(targets, spec, rules, self._after, mode.classes, mode.mixes)
            result = keras.tree.map_structure(symbolic.anew, inputs)
            return with_targets(result, {**moved, IMAGES: spec}, layout)

    def _after(self, images: Any) -> Any:
        """The images, or frames, that come out for these."""
        _, *shape = self.compute_output_shape((None, *images.shape[-3:]))
        shape = (*images.shape[:-3], *shape)
        return keras.KerasTensor(shape, dtype=self._output_dtype(images.dtype))

    def _output_dtype(self, given: Any) -> str:
        if "output" in self.options.sections:
            return self.policy.output.dtype
        augments = "augment" in self.options.sections
        kept = keras.backend.standardize_dtype(given) == "uint8" and not augments
        return "uint8" if kept else "float32"

    def get_config(self) -> dict[str, Any]:
        options = self.options
        return {
            **super().get_config(),
            "policy": dict(self.policy.source),
            "policy_hash": self.policy.hash,
            "plugins": dict(self.policy.plugins),
            "seed": self.seed,
            "input_range": options.input_range and list(options.input_range),
            "parts": options.layout.parts,
            "also": dict(options.layout.also),
            "sections": list(options.sections),
            "bounding_box_format": options.rules.format,
            "min_visible": options.rules.min_visible,
            "box_from": options.rules.box_from,
            "keypoint_pairs": [list(pair) for pair in options.rules.keypoint_pairs],
            "oriented": options.rules.oriented,
            # Keras prints the config of a layer that it does not know, and so the remedy
            _REMEDY: "import augreg after keras, or from augreg import AugmentationLayer",
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AugmentationLayer:
        config = dict(config)
        config.pop(_REMEDY, None)
        plugins = config.pop("plugins", {})
        wheels = ", ".join(f"{name} {version}" for name, version in plugins.items())
        written = config.pop("policy_hash", None)
        try:
            layer = cls(**config)
        except PolicyError as error:
            raise PluginError(f"{error}; the layer was saved with: {wheels}") from error
        if written is not None and written != layer.policy.hash:
            raise PluginError(
                "the ops that are installed give other pixels than those that this layer was saved "
                f"with ({wheels}); install these versions"
            )
        return layer


@contextlib.contextmanager
def _raised_as_itself() -> Iterator[None]:
    """Keras raises a copy of what a layer raises, without its attributes, unless it is marked."""
    try:
        yield
    except AugregError as error:
        error._keras_call_info_injected = True  # type: ignore[attr-defined]  # Keras's mark
        raise
