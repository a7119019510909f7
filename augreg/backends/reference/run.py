"""Runs a plan in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from augreg.annotations import asked, frames, mixing, transform
from augreg.annotations.agreement import check_annotations
from augreg.annotations.element import (
    has_frames,
    image_of,
    targets_of,
    weights_of,
    with_targets,
)
from augreg.annotations.layout import Also, Parts
from augreg.annotations.parts import (
    BOXES,
    FRAMES,
    IMAGES,
    LABELS,
    MIN_VISIBLE,
    PADDED,
    check_boxes_stated,
    check_near,
    each,
    in_floats,
)
from augreg.annotations.undeclared import check_declared, of_unknown_size
from augreg.backends.options import RunOptions
from augreg.backends.reference.pixels import Images, run_plan
from augreg.checks import (
    InputRange,
    as_uint32,
    check_epoch,
    check_images,
    check_index,
    sample_key,
)
from augreg.errors import DataError
from augreg.lower import Answers, Draws
from augreg.plan import SECTIONS, Plan
from augreg.random.generator import SampleKey
from augreg.xp import NUMPY

Run = Callable[[Plan, Draws, Images, InputRange], Images]


def augment(
    images: Any,
    policy: Any,
    seed: int,
    index: Any = None,
    epoch: int = 0,
    training: bool = True,
    *,
    labels: Any = None,
    input_range: InputRange = None,
    parts: Parts | None = None,
    also: Also | None = None,
    sections: Iterable[str] = SECTIONS,
    bounding_box_format: str | None = None,
    min_visible: float = MIN_VISIBLE,
    box_from: str = "corners",
    keypoint_pairs: Iterable[tuple[int, int]] = (),
    oriented: bool = False,
) -> Any:
    """Augments a batch in NumPy: the reference implementation, which is slow.

    Args:
        images: uint8 (0..255) or float (`input_range`) [B,H,W,C] or [H,W,C]. Or a dict
            with "images", and with "masks" [B,H,W], "boxes" (a dict: "boxes" [B,N,4] and "labels"
            [B,N]), "keypoints" float [B,N,2] (x, y, pixel centres at integers) and "labels", each
            optional; all without B for a single image. "frames" [B,T,H,W,C] in place of "images"
            have the draws of their sample; then all but labels is [B,T,...].
        policy: a `Policy`, a dict or a path.
        seed, epoch: 0 to 2**32-1.
        index: [B] positions of the samples in their source; None: 0, 1, ...
        training: False skips `augment` and uses `prepare.eval`.
        labels: [B] class numbers or [B, classes] probabilities, for policies that mix samples.
        input_range: the range of floats, such as (0, 255). Without it, they have to be in 0..1.
        parts: what the parts of a tuple are, as ("images", "masks"); see `map_fn`.
        also: further parts that move with the image, as {"depth": "nearest"}; see `map_fn`.
        sections: which of prepare, augment and output to run. Without output, the result is
            float32 in 0..1, unclipped; after prepare only, uint8 for uint8 images.
        bounding_box_format: Keras's name of the boxes' format, such as xyxy or rel_xywh.
        min_visible: the fraction of its area that a box has to keep; else its class is -1.
        box_from: what a box is moved by: its "corners"; the "ellipse" in it, tighter in a
            rotation; or its "mask", the pixels of box n that are n + 1 in the masks, or channel n.
        keypoint_pairs: positions of keypoints that are a left and a right, as [(1, 2), (3, 4)]:
            where an image is mirrored, they change places, so that a left eye is one.
        oriented: adds the boxes' four corners to their dict, moved and not clipped: "corners",
            float32 [B,N,4,2], x and y, clockwise from the top left as the box came; relative
            where the boxes are. Boxes that come with corners keep theirs.

    Returns:
        [B,H',W',C'] (or without B) in the policy's output dtype and range. For a dict, a dict with
        its other keys unchanged; with `labels`, a pair of images and labels.

    Raises:
        PolicyError: the policy is wrong, or can't work on images of this size.
        ImageError: a float image holds NaN or infinite values.
        DataError: the annotations do not fit the images or the policy, or a part that `also` names
            is not there.
        ValueError: an argument is out of range; `also` names a part that augreg knows, or another
            way than "bilinear" and "nearest".

    >>> import numpy as np, augreg
    >>> black = np.zeros((2, 4, 4, 3), np.uint8)
    >>> augreg.augment(black, {"version": 1, "augment": [{"op": "invert"}]}, seed=7).max()
    np.float32(1.0)
    """
    element: Any = images if labels is None else (images, np.asarray(labels))
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
    )
    return augmented(element, options, index, epoch)


def augmented(
    element: Any, options: RunOptions, index: Any, epoch: Any, run: Run | None = None
) -> Any:
    """An element of `augment` under checked options.

    run: what does a plan's stages to images [B,H,W,C]; None: the reference.
    """
    several = has_frames(element, options.layout)
    pixels = _array(image_of(element, options.layout), FRAMES if several else IMAGES)
    check_images(pixels.shape, str(pixels.dtype), several)
    unbatched = pixels.ndim == 3 + several
    batch = pixels[None] if unbatched else pixels
    planned = options.plan(pixels.shape)
    key = _key(options.seed, epoch, index, len(batch), unbatched)
    targets, answers = _targets(element, options, planned, batch, unbatched)
    given = {IMAGES: batch, **targets}
    if several:
        key, given = frames.key_of_frames(NUMPY, key, batch), frames.folded(NUMPY, given)
        answers = frames.repeated(NUMPY, answers, batch)
    moved = _moved(options, planned, key, given, answers, run or run_plan)
    if several:
        moved = frames.unfolded(NUMPY, moved, batch)
    if unbatched:
        moved = each(lambda part: part[0], moved)
    return with_targets(element, moved, options.layout)


def _moved(
    options: RunOptions,
    planned: Plan,
    key: SampleKey,
    given: Mapping[str, Any],
    answers: Answers,
    run: Run,
) -> dict[str, Any]:
    """Images [B,H,W,C] and all that belongs to them, by name, after a plan."""
    words = replace(Draws.make(NUMPY, planned.draws, key), answers=answers)
    pictures = {name: given[name] for name in (IMAGES, *options.rules.bilinear)}
    targets = {name: part for name, part in given.items() if name not in pictures}
    if targets:
        size = planned.size_in
        moved, answers = transform.move_annotations(
            NUMPY, planned, words, targets, size, options.rules
        )
        words, targets = replace(words, answers=answers), in_floats(NUMPY, moved)
    for name, images in pictures.items():
        own = planned if name == IMAGES else options.plan(images.shape)
        targets[name] = run(own, words, images, options.input_range)
    return targets


def _targets(
    element: Any, options: RunOptions, planned: Plan, images: Images, unbatched: bool
) -> tuple[dict[str, Any], Answers]:
    """What is not to stay as it is, with a batch's dimension, once it is seen to go together.

    And what labels say of the steps that are for some only. images: [B,H,W,C] or [B,T,H,W,C].
    """
    layout, rules = options.layout, options.rules
    augments = "augment" in options.sections
    classes = mixing.label_classes(options.policy) if augments else None
    found = targets_of(element, layout)
    if options.training or isinstance(element, Mapping | tuple | list):
        check_boxes_stated(found, rules)
    if augments and images.ndim == 5:
        mixing.refuse_frames(options.policy)
    asked.check_asked(options.policy, options.nodes, found, images.ndim == 5)
    answers = _answers(found, options, unbatched)
    if planned.mixes:
        mixing.check_mixable(planned.policy, found, rules, unbatched)
    if classes is None and (unbatched or isinstance(found.get(LABELS), tuple)):
        found.pop(LABELS, None)
    suspects = check_declared(element, layout, unbatched)
    given = {key: _arrays(value, key) for key, value in found.items()}
    given = each(lambda part: part[None], given) if unbatched else given
    weights = {} if unbatched else weights_of(element, layout)
    check_annotations(given, images, rules, each(np.asarray, weights))
    of_unknown_size(suspects, images, element, layout, unbatched)
    if rules.relative:
        check_near(given, rules)
    if classes is None:
        given.pop(LABELS, None)
    elif LABELS in given:
        given[LABELS] = mixing.one_hot(NUMPY, given[LABELS], classes)
    return given, answers


def _answers(found: Mapping[str, Any], options: RunOptions, unbatched: bool) -> Answers:
    """What labels say of the steps that are for some samples only."""
    nodes = asked.for_labels(options.nodes)
    if not nodes:
        return {}
    given = {key: _arrays(found[key], key) for key in (LABELS, *BOXES) if key in found}
    given = each(lambda part: part[None], given) if unbatched else given
    return asked.label_answers(NUMPY, nodes, given)


def _key(seed: Any, epoch: Any, index: Any, batch: int, unbatched: bool) -> SampleKey:
    index = np.arange(batch) if index is None else as_uint32(index, "index")
    check_index(index.shape, str(index.dtype), batch, unbatched)
    key = sample_key(seed, epoch, np.reshape(index, (batch,)))
    check_epoch(key.epoch.shape, str(key.epoch.dtype), batch)
    return key


def _arrays(value: Any, name: str) -> Any:
    """A part as NumPy's; boxes as a dict of arrays."""
    if isinstance(value, Mapping):
        parts = value.items()
        return {key: _array(part, f"{name}/{key}") for key, part in parts if part is not None}
    return _array(value, name)


def _array(value: Any, name: str) -> Images:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype == object:
        found = "None" if value is None else f"a {type(value).__name__}"
        raise DataError(
            f'"{name}" is {found}, which is no array of numbers of one shape; allowed are arrays: '
            f"pad boxes with class {PADDED}"
        )
    return array
