"""What an op's function returns: shapes, dtypes, values, determinism, and no look at other rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augreg import families
from augreg.backends.reference import kernels
from augreg.errors import OpError
from augreg.families.call import call_op
from augreg.families.functions import aligned, coordinates
from augreg.families.splines import folds
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.policy import steps_in
from augreg.random import fields
from augreg.random.generator import SampleKey
from augreg.testing.cases import BATCH, INDEX, SEED, Case
from augreg.xp import NUMPY, Namespace

Elements = dict[str, NDArray[Any]]
# By how an array's name begins; all others are float32.
_DTYPES = {
    "LatticeMap": "int32",
    "Resize.box": "int32",
    "Mix.box": "int32",
    "PixelFunction.noise": "uint32",
    "Paste.key": "uint32",
}
_AT_RUN_TIME = " and a size that is known at run time only"
_OWN_DRAWS = (
    "an op must not draw random numbers of its own: declare a parameter, or augreg.Uniform01() for "
    "one that policies do not see"
)


def check_elements(case: Case) -> None:
    """Shapes, dtypes, values, determinism and batch independence, in NumPy and TensorFlow."""
    from augreg.backends.tensorflow.arrays import TENSORFLOW

    first = _lowered(case, NUMPY, INDEX)
    for name, part in first.items():
        _check_part(case, name, part)
    if difference := _difference(first, _lowered(case, NUMPY, INDEX)):
        plane = difference.startswith("plane")
        where = " of its pixel function" if plane else ""
        when = "two calls" if plane else "two calls with the same arguments"
        raise case.fail(f"{difference}{where} differs between {when}; {_OWN_DRAWS}")
    for b in range(BATCH):
        row = {name: part[b : b + 1] if len(part) > 1 else part for name, part in first.items()}
        if difference := _difference(row, _lowered(case, NUMPY, INDEX[b : b + 1]), 1e-6):
            raise case.fail(
                f"{difference} of a sample depends on the batch around it; each row of a result "
                "may depend on the same row of the arguments only"
            )
    for dynamic in (False, True):
        other = _lowered(case, TENSORFLOW, INDEX, dynamic)
        how = _AT_RUN_TIME if dynamic else ""
        for name, part in other.items():
            if part.dtype != first[name].dtype:
                raise case.fail(f"{name} is {part.dtype} with TensorFlow's xp{how}")
        if difference := _difference(first, other, 1e-4):
            raise case.fail(f"{difference} differs between NumPy's and TensorFlow's xp{how}")


def _lowered(case: Case, xp: Namespace, index: NDArray[np.int_], dynamic: bool = False) -> Elements:
    """Every array of the element that the op returns, as NumPy, by its name."""
    height, width = case.size
    size = (xp.array(height, "int32"), xp.array(width, "int32")) if dynamic else case.size
    how = f"{xp.name}'s xp{_AT_RUN_TIME if dynamic else ''}"
    element = _called(case, how, lambda: element_of_case(case, xp, index, size))
    found = _arrays(case, xp, element)
    if isinstance(element, families.Displacement) and xp is NUMPY:
        _check_folds(case, element)
    if isinstance(element, families.PixelFunction | families.Neighborhood):
        planes = _called(case, how, lambda: _planes(case, xp, element, len(index)))
        for i, plane in enumerate(planes):
            found[f"plane {i}"] = _numpy(case, xp, f"plane {i}", plane)
    if isinstance(element, families.PixelFunction) and element.hidden is not None:
        hidden = _called(case, how, lambda: element.hidden_pixels(xp, case.size))
        found["hidden"] = _numpy(case, xp, "hidden", xp.cast(hidden, "float32"))
    return found


def _check_folds(case: Case, element: families.Displacement) -> None:
    if folds(NUMPY, element.offsets, element.spline, case.size).any():
        raise case.fail(
            "its offsets fold the image, so that masks, boxes and keypoints have no one place; "
            "keep them below 0.48 of a cell with a cubic spline, 0.25 with a linear one"
        )


def element_of_case(case: Case, xp: Namespace, index: NDArray[np.int_], size: Any) -> Any:
    """What the op returns for samples, for images of `size`."""
    planned = plan(case.policy, size=case.size, channels=case.channels)
    key = SampleKey(*(xp.array(number, "uint32") for number in (SEED, 0, index)))
    (step,) = steps_in(case.policy.augment)
    arguments = Lowering(xp, Draws.make(xp, planned.draws, key)).arguments(step)
    return call_op(case.op, xp, arguments, size)


def _called(case: Case, how: str, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except OpError as error:
        if (cause := error.__cause__) and str(error).startswith(f'op "{case.op.name}" raised'):
            raise case.fail(f"{type(cause).__name__} with {how}: {cause}") from cause
        raise case.fail(str(error).removeprefix(f'op "{case.op.name}": ')) from error
    except Exception as error:
        raise case.fail(f"{type(error).__name__} with {how}: {error}") from error


def _arrays(case: Case, xp: Namespace, element: Any) -> Elements:
    kind, found = type(element).__name__, {}
    for part in dataclasses.fields(element):
        value = getattr(element, part.name)
        if part.metadata.get("static") or value is None:
            continue
        many = value if isinstance(value, tuple) else (value,)
        for i, array in enumerate(many):
            name = f"{kind}.{part.name}" + (f"[{i}]" if isinstance(value, tuple) else "")
            found[name] = _numpy(case, xp, name, array)
    if isinstance(element, families.Resize) and case.op.output_size is None:
        raise case.fail("it returns a Resize, so it has to declare output_size")
    return found


def _planes(
    case: Case, xp: Namespace, element: families.PixelFunction | families.Neighborhood, batch: int
) -> Any:
    """What a function makes of planes; they reach out of 0..1, as in a policy."""
    noise = np.random.default_rng(SEED).uniform(-0.25, 1.25, (case.channels, *case.size))
    planes = [np.broadcast_to(plane, (batch, *case.size)).astype(np.float32) for plane in noise]
    return made_of_planes(case, xp, element, planes, planes)


def made_of_planes(
    case: Case,
    xp: Namespace,
    element: families.PixelFunction | families.Neighborhood,
    given: Sequence[NDArray[Any]],
    whole: Sequence[NDArray[Any]],
) -> Any:
    """What a function makes of the planes `given`, with the statistics of the planes `whole`."""
    planes = tuple(xp.array(plane) for plane in given)
    arguments = [aligned(xp, xp.array(value)) for value in element.arguments]
    if isinstance(element, families.PixelFunction):
        extra = _given(case, xp, element, np.stack(whole, axis=-1))
        return tuple(element.function(xp, planes, *arguments, **extra))
    for function in element.functions:
        planes = tuple(function(xp, planes, *arguments))
    return planes


def _given(
    case: Case, xp: Namespace, element: families.PixelFunction, images: NDArray[Any]
) -> dict[str, Any]:
    """What the function asks for by name: statistics, places and noise."""
    given: dict[str, Any] = {
        name: tuple(xp.array(part, str(part.dtype)) for part in parts)
        for name, parts in kernels.statistics(images, element.statistics).items()
    }
    if element.coordinates:
        given |= coordinates(xp, case.size)
    if element.noise:
        keys = (xp.array(key, "uint32") for key in element.noise)
        made = (fields.uniform_planes(xp, key, case.size, case.channels) for key in keys)
        given["noise"] = tuple(made)
    return given


def _numpy(case: Case, xp: Namespace, name: str, value: Any) -> NDArray[Any]:
    if xp is NUMPY and not isinstance(value, np.ndarray | np.generic):
        found = type(value).__name__
        raise case.fail(f"{name} is a {found}; use xp's functions only, so that it is an array")
    return np.asarray(value)


def _check_part(case: Case, name: str, part: NDArray[Any]) -> None:
    wanted = next((dtype for start, dtype in _DTYPES.items() if name.startswith(start)), "float32")
    if part.dtype != wanted:
        raise case.fail(
            f"{name} is {part.dtype}; it has to be {wanted} (xp's functions keep to 32 bits)"
        )
    if part.ndim == 0 or len(part) not in (1, BATCH):
        raise case.fail(f"{name} has the shape {part.shape}; it has to begin with B or 1")
    if not np.isfinite(part).all():
        why = " where its input is below 0 or above 1; clip it" if name.startswith("plane") else ""
        raise case.fail(f"{name} holds NaN or infinity{why}")
    if name == "LatticeMap.linear" and not (np.abs(np.linalg.det(part)).round() == 1).all():
        raise case.fail("LatticeMap.linear has to be a signed permutation of (x, y)")


def _difference(one: Elements, two: Elements, tolerance: float = 0.0) -> str:
    """The name of the first array that differs, relative to its size; empty where none does."""
    for name, part in one.items():
        other = two.get(name)
        if other is None:
            same = False
        elif tolerance == 0:
            same = np.array_equal(part, other, equal_nan=True)
        else:
            scale = max(1.0, float(np.abs(part).max()))
            same = bool(np.allclose(part, other, rtol=0, atol=tolerance * scale))
        if not same:
            return name
    return ""
