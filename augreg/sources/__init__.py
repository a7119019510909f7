"""Data sources: where the images and labels that a model trains on come from.

One function opens them all. Elements come in a fixed order: an element's position is the `index`
that its augmentation is drawn with.
"""

from __future__ import annotations

from collections.abc import Sequence

from augreg.errors import DataError
from augreg.images import MAX_PIXELS
from augreg.sources.openers import AnyPath, Reading, forms, opener_of
from augreg.sources.source import BadAnnotation, BadImage, Keypoints, Source, Split

__all__ = ["BadAnnotation", "BadImage", "Keypoints", "Source", "Split", "forms", "open_source"]


def open_source(
    spec: str,
    *,
    data_dir: AnyPath | None = None,
    manual_dir: AnyPath | None = None,
    max_bad: float = 0.01,
    max_pixels: int = MAX_PIXELS,
    verify: bool = True,
    parts: Sequence[str] | None = None,
    bad_annotations: str = "clip",
    difficult: bool = False,
    instances: bool = False,
) -> Source:
    """Opens a data source and checks its images.

    Args:
        spec: `digits` (embedded), `folder:PATH`, or the name of a TFDS dataset, with config and
            version as TFDS takes them: `tf_flowers`, `mnist:3.0.1`, `cifar10_corrupted/fog_1`.
            With annotations: `coco:PATH`, `yolo:PATH`, `voc:PATH` and `masks:PATH`, whose elements
            are dicts (`augreg.sources.Split` describes them).
        data_dir: TFDS only: where prepared datasets lie, or go.
        manual_dir: TFDS only: where archives lie that were downloaded by hand.
        max_bad: fraction of unreadable images, 0..1, that is tolerated; they are left out and
            listed.
        max_pixels: the most pixels that an image may have.
        verify: whether every image is decoded once now, which for a million images takes a while.
            Without it, a damaged file ends the epoch that meets it.
        parts: of a source with annotations, which of "boxes", "masks" and "keypoints" elements
            hold; None: all that it has (of VOC: masks only if every image has one).
        bad_annotations: what to do about annotations that are wrong, all of which the source lists.
            "clip" cuts boxes at the image's border and leaves out what is wrong otherwise, such as
            a box without area or of an unknown class; "drop" leaves out all of them; "error"
            raises.
        difficult: whether COCO's crowds and VOC's difficult objects have boxes, too.
        instances: whether masks say which pixels are each box's own, n + 1 for box n (int32), as
            `copy_paste` and `box_from="mask"` take them, and not which are of a class. Of `coco:`
            and `yolo:` only.

    Raises:
        DataError: the source can't be opened, a class or a split is empty, there is one class
            only, or more than `max_bad` of its images can't be used. Of annotated images, only an
            empty source is refused, and annotations that are wrong with bad_annotations="error".

    >>> open_source("digits").splits["train"].size
    1297
    """
    if not 0 <= max_bad <= 1:
        raise DataError(f"max_bad is {max_bad}; it is a fraction of the images, 0 to 1")
    reading = Reading(
        data_dir,
        manual_dir,
        max_bad,
        max_pixels,
        verify,
        None if parts is None else tuple(parts),
        bad_annotations,
        difficult,
        instances,
    )
    return opener_of(spec).open(spec, reading)
