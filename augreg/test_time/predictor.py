"""`augreg.tta`: a model's predictions on several augmented views of each image, as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from augreg.annotations.asked import check_asks_nothing
from augreg.annotations.boxes import check_format
from augreg.annotations.mixing import mixing_steps
from augreg.annotations.points import checked_pairs
from augreg.backends.options import RunOptions
from augreg.checks import (
    InputRange,
    check_count,
    check_flag,
    check_images,
    check_index,
    check_uint32,
    sample_key,
)
from augreg.dataset.function import map_function
from augreg.errors import DataError, ImageError
from augreg.layer import AugmentationLayer
from augreg.plan import SECTIONS
from augreg.policy import Policy
from augreg.random.generator import view_seed
from augreg.test_time.merge import View, mean, merge_keypoints, merge_masks, stack_boxes

OUTPUTS = ("classes", "masks", "boxes", "keypoints")


def tta(
    model: Any,
    policy: Any,
    n: int,
    *,
    seed: int = 0,
    epoch: int | None = None,
    outputs: str = "classes",
    from_logits: bool = False,
    input_range: InputRange = None,
    sections: Iterable[str] = SECTIONS,
    bounding_box_format: str | None = None,
    keypoint_pairs: Iterable[tuple[int, int]] = (),
) -> Callable[..., Any]:
    """Test-time augmentation: predicts on `n` views of each image and puts the results together.

    The first view is not augmented: it is what the policy gives for evaluation. View k of 1 to
    n - 1 is augmented as view k of `map_fn(..., views=n)` and of `augment_dataset`.

    What a model says of a view's places is moved back by the inverse of the very map that the view
    was made with. Colours, blur and noise only change what the model sees.

    Args:
        model: a Keras model, which is called for inference, or a function of a batch of images. It
            takes what the policy gives, [B,h,w,C]. It must not begin with an `AugmentationLayer`.
        policy: a `Policy`, a dict, a path or a ready policy's name, without steps that mix samples.
        n: the number of views, 1 or more. Each takes one prediction, so `n` times the time.
        seed: 0 to 2**32-1.
        epoch: of the draws; required if a parameter follows the epoch (a `schedule`), else 0.
        outputs: what the model gives, and how it is put together:

            - "classes": float [B,...]. The mean over the views.
            - "masks": float scores [B,h,w,K] of the view's size. Each pixel of the image is read
              where it went in each view, bilinearly, and averaged over the views that show it:
              those that cut it off, or hide it by a step with `"targets": "hide"`, do not count.
              What no view shows is as in the first.
            - "keypoints": float [B,...,2] or more columns: x and y in pixels of the view, centres
              at integers. The mean over the views that place a point inside of the image.
            - "boxes": float [B,N,4], or a dict of it as "boxes" with arrays [B,N,...] beside it.
              All are returned, moved, and nothing is merged: which boxes are one object is for
              weighted boxes fusion or non-maximum suppression to say.
        from_logits: the model gives logits: of classes and masks, the softmax over the last axis (a
            sigmoid for a single one) is averaged instead.
        input_range: the range of float images; without it, they have to be in 0..1.
        sections: which of prepare, augment and output to run.
        bounding_box_format: Keras's name of the format of boxes, in and out, as xyxy.
        keypoint_pairs: positions of keypoints that are a left and a right, as [(1, 2)]: in mirrored
            views, the model's left eye is the image's right one.

    Returns:
        `predict(images, index=None)`. images: uint8 or float (`input_range`) [B,H,W,C]. index: [B]
        positions in their source, of which the draws are; None: 0, 1, ... in each call. It returns
        NumPy arrays:

        - classes: float32 [B,...];
        - masks: float32 [B,H,W,K], of the size of the images, also if the policy resizes them;
        - keypoints: float32 [B,...,2 or more], in pixels of the images;
        - boxes: a dict: "boxes" float32 [B,n,N,4], each the tight box of its moved corners, clipped
          to the image (so a box is wider after a rotation); "valid" bool [B,n,N], whether anything
          of it is left and its label, if there are any, is not -1; the other arrays [B,n,N,...].

    Raises:
        PolicyError: the policy is wrong, can't work at this size, mixes samples, needs labels or
            boxes, or needs the epoch.
        DataError: the model's output is not of this kind, or a step blends several warps, so that
            places have no inverse.
        ValueError: an argument is out of its range, or the model augments by itself.

    Source: test-time augmentation as in Krizhevsky et al., ImageNet Classification with Deep
    Convolutional Neural Networks, 2012, section 4.1, https://doi.org/10.1145/3065386

    >>> import augreg, numpy as np
    >>> flips = {"version": 1, "augment": [{"op": "flip", "p": 0.5}]}
    >>> predict = augreg.tta(lambda images: images, flips, 4, outputs="masks")
    >>> images = np.random.default_rng(0).random((2, 5, 6, 3), np.float32)
    >>> np.array_equal(predict(images), images)
    True
    """
    options = RunOptions.of(policy, seed, sections=sections, input_range=input_range)
    if epoch is None:
        options.check_epoch_is_told("tta was not told which: pass epoch=")
    check_separable(options.policy)
    if outputs not in OUTPUTS:
        raise ValueError(f"outputs={outputs!r}; allowed are {', '.join(OUTPUTS)}")
    form = check_format(bounding_box_format) if outputs == "boxes" else None
    if check_flag(from_logits, "from_logits") and outputs in ("boxes", "keypoints"):
        raise ValueError(f"from_logits goes with classes and masks, and outputs={outputs!r}")
    views = [replace(options, training=False)]
    seeds = [view_seed(options.seed, k) for k in range(1, check_count(n, "n"))]
    views += [replace(options, seed=own) for own in seeds]
    pairs = checked_pairs(keypoint_pairs)
    merges: dict[str, Callable[[Iterator[View]], Any]] = {
        "classes": mean,
        "masks": merge_masks,
        "keypoints": lambda made: merge_keypoints(made, pairs),
        "boxes": lambda made: stack_boxes(made, form),
    }
    told = 0 if epoch is None else check_uint32(epoch, "epoch")
    made = [(view, map_function(view, True, told)) for view in views]
    return Predictor(_called(model), made, told, merges[outputs], from_logits)


def check_separable(policy: Policy) -> None:
    """Raises `PolicyError` where predictions on a policy's views are not of one image each."""
    for step in mixing_steps(policy):
        raise policy.error(
            f'"{step.op.name}" mixes samples, and a prediction on a mixture belongs to no one '
            "image; leave the step out for test-time augmentation",
            step.pointer,
        )
    check_asks_nothing(policy)


@dataclass(frozen=True)
class Predictor:
    """`predict(images, index=None)`; see `tta`."""

    model: Callable[[Any], Any]
    views: list[tuple[RunOptions, Callable[..., Any]]]
    epoch: int
    merge: Callable[[Iterator[View]], Any]
    from_logits: bool

    def __call__(self, images: Any, index: Any = None) -> Any:
        """The predictions of a batch."""
        images = np.asarray(images)
        if images.ndim != 4:
            raise ImageError(f"images of the shape {images.shape}; tta takes [B, H, W, C]")
        check_images(images.shape, images.dtype.name)
        index = np.arange(len(images)) if index is None else np.asarray(index)
        check_index(index.shape, index.dtype.name, len(images), False)
        return self.merge(self._predicted(images, index))

    def _predicted(self, images: NDArray[Any], index: NDArray[Any]) -> Iterator[View]:
        for view, function in self.views:
            made = self.model(function(index, images))
            made = probabilities(made) if self.from_logits else made
            key = sample_key(view.seed, self.epoch, index)
            yield View(made, view.plan(images.shape), key, images.shape[1:3])


def probabilities(logits: Any) -> NDArray[np.float32]:
    """float32: the softmax over the last axis; the sigmoid of a single one."""
    logits = np.asarray(logits, np.float32)
    if logits.shape[-1] == 1:
        return np.asarray(tf.sigmoid(logits))
    return np.asarray(tf.nn.softmax(logits))


def _called(model: Any) -> Callable[[Any], Any]:
    """The model as a function for inference."""
    if any(isinstance(layer, AugmentationLayer) for layer in getattr(model, "layers", ())):
        raise ValueError(
            "the model has an AugmentationLayer of its own, and would prepare images twice; pass "
            "the network behind it, which is model.layers[-1] of a model of augreg train"
        )
    if isinstance(model, keras.Model):
        return model.predict_on_batch
    if not callable(model):
        raise DataError(
            f"model is a {type(model).__name__}; allowed are a Keras model and a function"
        )
    return model
