"""Checks of what a caller passes in: numbers, flags, shapes and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.errors import DataError, ImageError, RunError
from augreg.random import generator

SLACK = 1e-3  # beyond 0..1, where nobody stated a range: a quarter of a level of 255
# What to say of floats beyond it; the two `{}` are the lowest and the highest.
UNSTATED = (
    "holds floats of {} to {}, and nobody stated what floats mean; pass input_range=(0, 255) where "
    "255 is white, or the range that they have"
)
InputRange = tuple[float, float] | None  # what float images mean; None: nobody stated it
Shape = tuple[int | None, ...]  # None: a side that is not known
DEEP_UNIT = np.float32(1 / 65535)  # of uint16, which is float32 inside
FEW = 4  # channels; a single image of more has to look like one
FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_uint32(value: Any, name: str) -> NDArray[np.uint32]:
    """A seed, an epoch or positions as uint32; raises `ValueError` outside of 0 to 2**32-1."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has to be an integer, found {value!r}")
    if array.size and (array.min() < 0 or int(array.max()) >= generator.UINT32):
        raise ValueError(f"{name} has to be in 0 to {generator.UINT32 - 1}, found {value!r}")
    return array.astype(np.uint32)


def check_uint32(value: Any, name: str) -> int:
    """One seed or epoch; raises `ValueError` for what is no whole number in 0 to 2**32-1."""
    array = as_uint32(value, name)
    if array.ndim:
        raise ValueError(f"{name} has to be one integer, found {value!r}")
    return int(array)


def sample_key(seed: Any, epoch: Any, index: Any) -> generator.SampleKey:
    """Numbers of a caller's as a key, uint32; raises `ValueError`."""
    first = np.uint32(check_uint32(seed, "seed"))
    return generator.SampleKey(first, as_uint32(epoch, "epoch"), as_uint32(index, "index"))


def check_count(value: Any, name: str, least: int = 1, others: str = "") -> int:
    """A whole number from `least` on; raises `ValueError`, which names what `others` allow."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r}; allowed are {least}, {least + 1}, ...{others}")
    return int(value)


def check_flag(value: Any, name: str) -> bool:
    """True or False, NumPy's too; raises `ValueError` for all else, "False" among it."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={value!r}; allowed are True and False")
    return bool(value)


def check_dataset(value: Any, name: str) -> None:
    """Raises `DataError` for what is no `tf.data.Dataset`; `name` is whose argument it is."""
    if not (hasattr(value, "element_spec") and hasattr(value, "cardinality")):
        raise DataError(
            f"{name} takes a tf.data.Dataset, found a {type(value).__name__}; make one, as "
            "tf.data.Dataset.from_tensor_slices((images, labels)) does"
        )


def check_index(
    shape: Shape | None, dtype: str, batch: int | None, unbatched: bool, fix: str = ""
) -> None:
    """Raises `DataError` where an index is not one whole number for each image.

    shape, dtype: of the index; batch: the number of images, None where it is not known; unbatched:
    a single image, whose index is a scalar or [1]; fix: how to come by the right index.
    """
    if not dtype.startswith(("int", "uint")):
        found = f"{dtype} of the shape {shape}"
        raise DataError(f"index has to be whole numbers, found {found}{fix and f'; {fix}'}")
    if shape is None or (unbatched and shape == ()):
        return
    count = 1 if unbatched else batch
    if len(shape) == 1 and (count is None or shape[0] in (None, count)):
        return
    images = "a single image" if unbatched else f"a batch of {'images' if batch is None else batch}"
    allowed = "a scalar or [1]" if unbatched else f"one for each image, [{batch or 'B'}]"
    raise DataError(
        f"index of the shape {shape} for {images}; allowed is {allowed}{fix and f'; {fix}'}"
    )


def check_epoch(shape: Shape | None, dtype: str, batch: int | None) -> None:
    """Raises `DataError` where an epoch is not one whole number, or one for each image."""
    if not dtype.startswith(("int", "uint")):
        raise DataError(f"epoch has to be a whole number, found {dtype}")
    if shape is None or shape == ():
        return
    if len(shape) == 1 and (batch is None or shape[0] in (1, None, batch)):
        return
    raise DataError(
        f"epoch of the shape {shape}; allowed are a scalar, [1] and one for each image, "
        f"[{'B' if batch is None else batch}]"
    )


def check_one_or_many(
    rank: int | None, dtype: str, unbatched: bool | None, frames: bool = False
) -> bool:
    """Whether images are a single one: `unbatched`, or what their rank says where that is None.

    frames: each of them is several, [T,H,W,C].

    Raises:
        ImageError: the rank is unknown, or another than `unbatched` says.
        DataError: a batch of encoded images.
    """
    if dtype == "string" and frames:
        raise DataError("frames that are encoded; decode them before")
    if dtype == "string" and unbatched is not None:
        if not unbatched:
            raise DataError("encoded images are decoded one by one: use batched=False")
        return True
    if rank is None:
        raise ImageError(
            "images of unknown rank; state it, as tf.ensure_shape(image, [None, None, 3]) does, or "
            "tf.io.decode_image with expand_animations=False and channels=3"
        )
    one, sides = (4, "T, H, W, C") if frames else (3, "H, W, C")
    if unbatched is not None and rank == (one + 1 if unbatched else one):
        single = "frames of a single sample" if frames else "a single image"
        found = f"a batch, [B, {sides}]" if unbatched else f"{single}, [{sides}]"
        raise ImageError(f"found {found}; use batched={unbatched}")
    return rank == one if unbatched is None else unbatched


def check_input_range(value: Any) -> tuple[float, float] | None:
    """The range that floats are stated to have, or None where nobody stated it.

    Raises:
        ValueError: it is no pair of finite numbers, the first below the second.
    """
    if value is None:
        return None
    try:
        lo, hi = (float(end) for end in value)
    except (TypeError, ValueError):
        lo = hi = float("nan")
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(
            f"input_range={value!r}; allowed is (lowest, highest), as (0, 255), or None for uint8 "
            "and floats in 0 to 1"
        )
    return lo, hi


def check_keras_backend(found: str, what: str) -> None:
    """Raises `RunError` where Keras runs on something else than TensorFlow."""
    if found != "tensorflow":
        raise RunError(
            f'{what} runs on Keras\'s TensorFlow backend, found "{found}"; set '
            "KERAS_BACKEND=tensorflow before Keras is imported, or augment in the data, with "
            "augreg.augment_dataset or augreg.map_fn, which feed any backend"
        )


def check_unit(images: NDArray[Any]) -> None:
    """Raises `ImageError` where floats [B,H,W,C] whose range nobody stated leave 0..1."""
    low, high = images.min(axis=(1, 2, 3)), images.max(axis=(1, 2, 3))
    wrong = np.flatnonzero((low < -SLACK) | (high > 1 + SLACK))
    if wrong.size:
        which = int(wrong[0])
        raise ImageError(f"image {which} {UNSTATED.format(low[which], high[which])}")


def check_images(shape: Shape, dtype: str, frames: bool = False, name: str = "") -> None:
    """Raises `ImageError` where a shape is no [H,W,C] or [B,H,W,C].

    frames: allowed are [T,H,W,C] and [B,T,H,W,C]. name: of the images, where they have another.
    """
    name = name or ("frames" if frames else "images")
    one = 4 if frames else 3
    if len(shape) not in (one, one + 1):
        sides = "T, H, W, C" if frames else "H, W, C"
        fix = ""
        if len(shape) == one - 1:
            fix = f"; a grey image has its channel last, {name}[..., None]"
        elif len(shape) == 5:
            fix = '; several images of a sample are "frames", as parts=("frames", "labels") says'
        raise ImageError(
            f"{name} of the shape {shape}; allowed are [{sides}] and [B, {sides}]{fix}"
        )
    if shape[-1] is None:
        raise ImageError(
            f"{name} whose number of channels is not known; state it, as tf.ensure_shape(image, "
            "[None, None, 3]) or decode_jpeg(..., channels=3) do"
        )
    width, channels = shape[-2], shape[-1]
    if len(shape) == 3 and width is not None and channels > max(FEW, width // 2):
        raise ImageError(
            f"images of the shape {shape}: a batch of grey images, which needs a channel, "
            f"images[..., None], or one image of {channels} channels, which is written [1, H, W, C]"
        )
    if dtype not in ("uint8", "uint16", *FLOATS):
        raise ImageError(f"{name} of dtype {dtype}; allowed are uint8, uint16 and floats")
    if 0 in shape[-3:]:
        raise ImageError(f"an image of the shape {shape} has no pixels")


def is_numeric(array: Any) -> bool:
    """Whether an array, of either backend, holds numbers or truths."""
    return dtype_of(array).startswith(("int", "uint", "float", "bfloat", "bool"))


def shape_of(array: Any) -> tuple[Any, ...] | None:
    """The static shape of an array or a spec; None where there is none or its rank is unknown."""
    shape = getattr(array, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        return None
    return tuple(shape)


def dtype_of(array: Any) -> str:
    """The name of an array's dtype, of either backend."""
    return str(getattr(array.dtype, "name", array.dtype))
