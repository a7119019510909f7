"""The pixels of a batch through a plan: what they are as they come, its stages, the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg.backends.reference import kernels
from augreg.backends.reference.interpreter import Interpreter
from augreg.checks import DEEP_UNIT, InputRange, check_unit
from augreg.errors import ImageError
from augreg.lower import Draws, Lowering
from augreg.plan import Plan
from augreg.policy import Output
from augreg.xp import NUMPY

Images = NDArray[Any]


def run_plan(planned: Plan, words: Draws, images: Images, input_range: InputRange) -> Images:
    """The batch [B,H,W,C] after a plan's stages."""
    run = Interpreter(planned.policy, Lowering(NUMPY, words))
    came_as_uint8 = images.dtype == np.uint8
    if not came_as_uint8:
        images = unit_range(images, input_range)
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


def unit_range(images: Images, input_range: InputRange) -> Images:
    """uint16 or float images [B,H,W,C] as float32 in 0..1; raises `ImageError`."""
    if images.dtype == np.uint16:
        return images.astype(np.float32) * DEEP_UNIT
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    if not finite.all():
        which = int(np.argmin(finite))
        raise ImageError(f"image {which} holds NaN or infinite values; fix or leave it out")
    images = images.astype(np.float32)
    if input_range is None:
        check_unit(images)
        return images
    lo, hi = input_range
    return (images - np.float32(lo)) * np.float32(1 / (hi - lo))
