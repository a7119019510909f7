"""What an op does to images: finite, as planned, and the same in TensorFlow as in the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.annotations.element import image_of
from augreg.annotations.mixing import label_classes, mixing_steps, pastes
from augreg.backends.reference import augment
from augreg.errors import PolicyError
from augreg.plan import plan
from augreg.testing.cases import BATCH, INDEX, SEED, Case
from augreg.testing.objects import OPTIONS, with_objects
from augreg.testing.transforms import check_finite

_TINY = ((1, 1), (1, 7), (7, 1), (5, 4))


def images_of(case: Case, smooth: bool) -> NDArray[np.uint8]:
    """uint8 [B,H,W,C]: waves, or noise."""
    height, width = case.size
    shape = (BATCH, height, width, case.channels)
    if not smooth:
        return np.random.default_rng(SEED).integers(0, 256, shape).astype(np.uint8)
    b, y, x, c = np.ogrid[:BATCH, :height, :width, : case.channels]
    wave = np.sin(3 * y / height + c) * np.cos(2 * x / width + b)
    return np.broadcast_to(np.round(wave * 120 + 128), shape).astype(np.uint8)


def element_with(case: Case, smooth: bool) -> Any:
    """The case's images; with labels where the op mixes them, or with an object that it pastes."""
    images, classes = images_of(case, smooth), label_classes(case.policy)
    if pastes(case.policy):
        height, width = case.size
        mask = np.zeros(case.size, np.int32)
        mask[height // 4 : height // 2, width // 4 : width // 2] = 1
        return with_objects(images, mask)
    return images if classes is None else {"images": images, "labels": INDEX % classes}


def options_of(case: Case) -> dict[str, Any]:
    """What the case's element has to be augmented with: an op that pastes asks for masks."""
    return OPTIONS if pastes(case.policy) else {}


def check_range(case: Case) -> None:
    """Arrays and pixels are finite, and no pixel is `MOST` times as large as 1, which is white."""
    from augreg.backends.tensorflow.debug import MOST

    check_finite(case)
    inside = ("prepare", "augment")  # nothing clips there
    element = element_with(case, smooth=False)
    made = image_of(augment(element, case.policy, SEED, INDEX, sections=inside, **options_of(case)))
    if not np.isfinite(made).all():
        raise case.fail("its pixels hold NaN or infinity")
    if (most := float(np.abs(made).max())) > MOST:
        raise case.fail(
            f"its pixels reach {most:.4g}, and {MOST:.0f} is the most; inside, 1 is white, not 255"
        )


def check_xla(case: Case) -> None:
    """XLA compiles the op, as it does in tf.data and the layer."""
    from augreg.dataset import map_fn

    try:
        fn = map_fn(case.policy, SEED, batched=True, **options_of(case))
        fn(INDEX, element_with(case, smooth=True))
    except Exception as error:
        raise case.fail(
            f"XLA can't compile it, so that it can't run in tf.data and Keras: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def check_pixels(case: Case) -> None:
    """Images have the planned size; TensorFlow's are within DESIGN's bounds of the reference's."""
    from augreg.dataset import map_fn

    options = options_of(case)
    kernel = map_fn(case.policy, SEED, batched=True, **options)
    planned = plan(case.policy, size=case.size, channels=case.channels)
    shape = (BATCH, *planned.size_out, planned.channels_out)
    for smooth, bound in ((True, 1e-4), (False, 1 / 255)):
        element = element_with(case, smooth)
        expected = image_of(augment(element, case.policy, SEED, INDEX, **options))
        if expected.shape != shape:
            raise case.fail(f"the result has the shape {expected.shape}, and {shape} was planned")
        off = np.abs(np.asarray(image_of(kernel(INDEX, element))) - expected).max(axis=-1)
        if (off > bound + 1e-6).mean() > 0.001:
            raise case.fail(
                f"TensorFlow differs from the reference by up to {off.max():.2g} "
                f"(0..1 units; {bound:.1g} is allowed)"
            )


def check_run_time(case: Case) -> None:
    """One graph for images of every size gives the reference's pixels, also of tiny images.

    So runs `augreg apply`, and tf.data on files. Sizes that the plan refuses are left out.
    """
    from augreg.dataset import at_any_size, map_fn

    if not case.example or mixing_steps(case.policy):  # which need a batch
        return
    run = at_any_size(map_fn(case.policy, SEED), case.channels)
    for size in (case.size, *_TINY):
        tried = replace(case, size=size)
        image = images_of(tried, smooth=False)[0]
        try:
            expected = augment(image, case.policy, SEED, [0])
            found = np.asarray(run(0, image))
        except PolicyError:
            continue
        except Exception as error:
            said = f"{type(error).__name__} where the size is known at run time only: {error}"
            raise tried.fail(said) from error
        if found.shape != expected.shape:
            raise tried.fail(
                f"where the size is known at run time only, the result has the shape {found.shape} "
                f"in place of {expected.shape}; in a graph a side is no int but a tensor"
            )
        worst = float(np.abs(found - expected).max())
        if (np.abs(found - expected).max(axis=-1) > 1 / 255 + 1e-6).mean() > 0.001:
            raise tried.fail(
                f"where the size is known at run time only, pixels differ by up to {worst:.2g}"
            )


def check_identity(case: Case) -> None:
    """The case's arguments leave an image as it is."""
    element = element_with(case, smooth=False)
    result = image_of(augment(element, case.policy, SEED, INDEX, **options_of(case)))
    expected = image_of(element) * np.float32(1 / 255)
    if result.shape != expected.shape:
        raise case.fail(f"this was to be the identity, but the shape becomes {result.shape}")
    if (worst := float(np.abs(result - expected).max())) > 1e-5:
        raise case.fail(f"this was to be the identity, but pixels change by up to {worst:.2g}")
