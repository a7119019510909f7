"""Runs a plan in NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg import mixing, moving
from augreg.annotations import LABELS, MIN_VISIBLE, BoxRules, check_annotations, each
from augreg.backends.reference import kernels
from augreg.backends.reference.interpreter import Interpreter
from augreg.checks import as_uint32, check_images, check_input_range
from augreg.elements import Parts, check_parts, image_of, targets_of, with_image, with_targets
from augreg.errors import ImageError
from augreg.lower import Draws, Lowering
from augreg.plan import SECTIONS, Plan, plan
from augreg.policy import Output, load_policy
from augreg.xp import NUMPY

Images = NDArray[Any]
Range = tuple[float, float] | None


def augment(
    images: Any,
    policy: Any,
    seed: int,
    index: Any = None,
    epoch: int = 0,
    training: bool = True,
    *,
    labels: Any = None,
    input_range: Range = None,
    parts: Parts | None = None,
    sections: Iterable[str] = SECTIONS,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
) -> Any:
    """Augments a batch in NumPy: the reference, slow and plain.

    Args:
        images: uint8 (0..255) or float (`input_range`) [B,H,W,C] or [H,W,C], C 1 or 3. Or a dict
            with "images", and with "masks" [B,H,W], "boxes" (a dict: "boxes" [B,N,4] and "labels"
            [B,N]), "keypoints" float [B,N,2] (x, y, pixel centres at integers) and "labels", each
            where it has them; all of it without B where images have none.
        policy: a `Policy`, a dict or a path.
        seed, epoch: 0 to 2**32-1.
        index: [B] positions of the samples in their source; 0, 1, ... where None.
        training: False leaves `augment` out and takes `prepare.eval`.
        labels: [B] class numbers or [B, classes] shares, for policies that mix samples.
        input_range: what floats mean, as (0, 255). Where it is not stated, they have to lie in
            0..1.
        parts: what the parts of a tuple are, as ("images", "masks"); see `map_fn`.
        sections: which of prepare, augment and output to run. Without output, the result is
            float32 in 0..1, unclipped; uint8 after prepare alone, where the images came as uint8.
        bounding_box_format: Keras's name of the boxes' format, as xyxy or rel_xywh.
        min_visible: the share of its moved area that a box has to keep; else its class is -1.

    Returns:
        [B,H',W',C'] (or without B) in the policy's output dtype and range. A dict where a dict
        came, its other keys as they were; a pair with the labels where `labels` came.

    Raises:
        PolicyError: the policy is wrong, or can't work on images of this size.
        ImageError: a float image holds NaN or infinite values.
        DataError: what came with the images does not go with them, or with the policy.

    >>> import numpy as np, augreg
    >>> black = np.zeros((2, 4, 4, 3), np.uint8)
    >>> augreg.augment(black, {"version": 1, "augment": [{"op": "invert"}]}, seed=7).max()
    np.float32(1.0)
    """
    element: Any = images if labels is None else (images, np.asarray(labels))
    parts, input_range = check_parts(parts), check_input_range(input_range)
    pixels = np.asarray(image_of(element, parts))
    check_images(pixels.shape, str(pixels.dtype))
    planned = plan(
        load_policy(policy),
        training=training,
        sections=sections,
        size=(pixels.shape[-3], pixels.shape[-2]),
        channels=pixels.shape[-1],
    )
    alone, given = pixels.ndim == 3, targets_of(element, parts)
    if mixing.mixes(planned):
        mixing.check_mixable(planned.policy, given, alone)
    else:
        given.pop(LABELS, None)
    given = each(np.asarray, given)
    if alone:
        pixels, given = pixels[None], each(lambda part: part[None], given)
        index = None if index is None else np.reshape(index, (1,))
    positions = np.arange(len(pixels)) if index is None else np.asarray(index)
    named = ((seed, "seed"), (epoch, "epoch"), (positions, "index"))
    words = Draws.make(NUMPY, planned, *(as_uint32(value, name) for value, name in named))
    moved = _moved(planned, words, given, BoxRules(bounding_box_format, min_visible))
    result = _pixels(planned, words, pixels, input_range)
    if alone:
        result, moved = result[0], each(lambda part: part[0], moved)
    return with_image(with_targets(element, moved, parts), result, parts)


def _moved(planned: Plan, words: Draws, given: dict[str, Any], rules: BoxRules) -> dict[str, Any]:
    """Batches of annotations after a plan's stages."""
    if not given:
        return given
    height, width = planned.size_in
    check_annotations(given, (height, width), rules)
    return moving.move_annotations(NUMPY, planned, words, given, (height, width), rules)


def _pixels(planned: Plan, words: Draws, images: Images, input_range: Range) -> Images:
    """The batch [B,H,W,C] after a plan's stages."""
    run = Interpreter(planned.policy, Lowering(NUMPY, words))
    came_as_uint8 = images.dtype == np.uint8
    if not came_as_uint8:
        images = _unit_range(images, input_range)
    if planned.prepare:
        images = run.stages(planned.prepare, images)
        images = kernels.quantize(images) if came_as_uint8 else images
    images = run.stages(planned.augment, images)
    if planned.output:
        return output(kernels.to_unit(images), planned.output)
    return images if came_as_uint8 and not planned.augment else kernels.to_unit(images)


def output(images: Images, spec: Output) -> Images:
    """Clips to 0..1 and maps to the policy's output. float32 in, the output's dtype out."""
    if spec.dtype == "uint8":
        return kernels.quantize(images)
    clipped = np.clip(images, 0, 1)
    scale, offset = (np.asarray(part, np.float32) for part in (spec.scale, spec.offset))
    mapped = clipped * scale + offset
    if spec.dtype == "bfloat16":
        import ml_dtypes  # NumPy has no bfloat16; TensorFlow brings this

        return np.asarray(mapped.astype(ml_dtypes.bfloat16))
    return np.asarray(mapped.astype(spec.dtype))


def _unit_range(images: Images, input_range: Range) -> Images:
    lo, hi = input_range or (0.0, 1.0)
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    if not finite.all():
        which = int(np.argmin(finite))
        raise ImageError(f"image {which} holds NaN or infinite values; mend or leave it out")
    images = images.astype(np.float32)
    if (lo, hi) == (0, 1):
        return images
    return (images - np.float32(lo)) * np.float32(1 / (hi - lo))
