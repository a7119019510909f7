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
from augreg.lower import Draws, Lowering
from augreg.plan import plan
from augreg.policy import steps_in
from augreg.random import fields
from augreg.random.generator import SampleKey
from augreg.testing.cases import BATCH, INDEX, SEED, Case, kind_of, without_name
from augreg.xp import NUMPY, Namespace

Arrays = dict[str, NDArray[Any]]
# By how an array's name begins; all others are float32.
_DTYPES = {
    "LatticeMap": "int32",
    "Resize.box": "int32",
    "Mix.box": "int32",
    "PixelFunction.noise": "uint32",
    "Paste.key": "uint32",
}
_AT_RUN_TIME = " and a size that is known at run time only"
_IN_A_GRAPH = "in a TensorFlow graph, where arrays have no values yet"
_OWN_DRAWS = (
    "an op must not draw random numbers of its own: declare a parameter, or augreg.Uniform01() for "
    "one that policies do not see"
)


def check_result(case: Case) -> None:
    """The function returns a transform, whose arrays have the right shapes and dtypes."""
    for name, part in lowered(case, NUMPY, INDEX).items():
        wanted = next((t for start, t in _DTYPES.items() if name.startswith(start)), "float32")
        if part.dtype != wanted:
            said = f"{name} is {part.dtype}; it has to be {wanted} (xp's functions keep to 32 bits)"
            raise case.fail(said, "dtype")
        if part.ndim == 0 or len(part) not in (1, BATCH):
            said = f"{name} has the shape {part.shape}; it has to begin with B or 1"
            raise case.fail(said, "shape")
        if name == "LatticeMap.linear" and not (np.abs(np.linalg.det(part)).round() == 1).all():
            raise case.fail("LatticeMap.linear has to be a signed permutation of (x, y)")
    if case.op.wants_size:
        lowered(case, NUMPY, INDEX, dynamic=True)


def check_finite(case: Case) -> None:
    """No array holds NaN or infinity, for planes that reach out of 0..1, as in a policy."""
    for name, part in lowered(case, NUMPY, INDEX).items():
        if not np.isfinite(part).all():
            why = " where its input is below 0 or above 1; clip it" if name[:5] == "plane" else ""
            raise case.fail(f"{name} holds NaN or infinity{why}")


def check_determinism(case: Case) -> None:
    """Equal arguments give equal results."""
    if difference := _difference(lowered(case, NUMPY, INDEX), lowered(case, NUMPY, INDEX)):
        plane = difference.startswith("plane")
        where = " of its pixel function" if plane else ""
        when = "two calls" if plane else "two calls with the same arguments"
        raise case.fail(f"{difference}{where} differs between {when}; {_OWN_DRAWS}")


def check_independence(case: Case) -> None:
    """A sample's result does not depend on the batch around it."""
    together = lowered(case, NUMPY, INDEX)
    for b in range(BATCH):
        row = {name: part[b : b + 1] if len(part) > 1 else part for name, part in together.items()}
        if difference := _difference(row, lowered(case, NUMPY, INDEX[b : b + 1]), 1e-6):
            raise case.fail(
                f"{difference} of a sample depends on the batch around it; each row of a result "
                "may depend on the same row of the arguments only"
            )


def check_tensorflow(case: Case) -> None:
    """TensorFlow's arrays are NumPy's, and a graph can be made of the function."""
    from augreg.backends.tensorflow.arrays import TENSORFLOW, trace

    expected = lowered(case, NUMPY, INDEX)
    for dynamic in (False, True):
        found = lowered(case, TENSORFLOW, INDEX, dynamic)
        how = _AT_RUN_TIME if dynamic else ""
        for name, part in found.items():
            if part.dtype != expected[name].dtype:
                raise case.fail(f"{name} is {part.dtype} with TensorFlow's xp{how}")
        if difference := _difference(expected, found, 1e-4):
            raise case.fail(f"{difference} differs between NumPy's and TensorFlow's xp{how}")

    def call(index: Any) -> None:
        size = _as_numbers(TENSORFLOW, case.size)
        made = transform_of_case(case, TENSORFLOW, index, size)
        if isinstance(made, families.PixelFunction | families.Neighborhood):
            _planes(case, TENSORFLOW, made, INDEX)

    _called(case, _IN_A_GRAPH, lambda: trace(call))


def _as_numbers(xp: Namespace, size: tuple[int, int]) -> tuple[Any, Any]:
    """A size as an op gets it that is known at run time only."""
    return xp.array(size[0], "int32"), xp.array(size[1], "int32")


def lowered(case: Case, xp: Namespace, index: NDArray[np.int_], dynamic: bool = False) -> Arrays:
    """Every array of the transform that the op returns, as NumPy, by its name."""
    size = _as_numbers(xp, case.size) if dynamic else case.size
    how = f"with {xp.name}'s xp{_AT_RUN_TIME if dynamic else ''}"
    transform = _called(case, how, lambda: transform_of_case(case, xp, index, size))
    found = _arrays(case, xp, transform)
    if isinstance(transform, families.PixelFunction | families.Neighborhood):
        planes = _called(case, how, lambda: _planes(case, xp, transform, index))
        for i, plane in enumerate(planes):
            found[f"plane {i}"] = _numpy(case, xp, f"plane {i}", plane)
    if isinstance(transform, families.PixelFunction) and transform.hidden is not None:
        hidden = _called(case, how, lambda: transform.hidden_pixels(xp, case.size))
        found["hidden"] = _numpy(case, xp, "hidden", xp.cast(hidden, "float32"))
    return found


def transform_of_case(case: Case, xp: Namespace, index: NDArray[np.int_], size: Any) -> Any:
    """What the op returns for samples, for images of `size`."""
    planned = plan(case.policy, size=case.size, channels=case.channels)
    key = SampleKey(*(xp.array(number, "uint32") for number in (SEED, 0, index)))
    (step,) = steps_in(case.policy.augment)
    arguments = Lowering(xp, Draws.make(xp, planned.draws, key)).arguments(step)
    return call_op(case.op, xp, arguments, size)


def _called(case: Case, how: str, function: Callable[[], Any]) -> Any:
    """What a function that calls the op's gives; raises `ContractError` for what that raises."""
    try:
        return function()
    except Exception as error:
        cause = error.__cause__ if isinstance(error, OpError) else error
        if isinstance(error, OpError) and not _raised(case, error):
            raise case.fail(without_name(case.op, error), kind_of(error)) from error
        raise case.fail(f"{type(cause).__name__} {how}: {cause}") from cause


def _raised(case: Case, error: OpError) -> bool:
    """Whether an error says what the op's function raised, and not what it returned."""
    return error.__cause__ is not None and str(error).startswith(f'op "{case.op.name}" raised')


def _arrays(case: Case, xp: Namespace, transform: Any) -> Arrays:
    kind, found = type(transform).__name__, {}
    for part in dataclasses.fields(transform):
        value = getattr(transform, part.name)
        if part.metadata.get("static") or value is None:
            continue
        many = value if isinstance(value, tuple) else (value,)
        for i, array in enumerate(many):
            name = f"{kind}.{part.name}" + (f"[{i}]" if isinstance(value, tuple) else "")
            found[name] = _numpy(case, xp, name, array)
    if isinstance(transform, families.Resize) and case.op.output_size is None:
        raise case.fail("it returns a Resize, so it has to declare output_size")
    return found


def _planes(
    case: Case,
    xp: Namespace,
    transform: families.PixelFunction | families.Neighborhood,
    index: NDArray[np.int_],
) -> Any:
    """What a function makes of planes; they reach out of 0..1, as in a policy."""
    shape = (case.channels, BATCH, *case.size)
    noise = np.random.default_rng(SEED).uniform(-0.25, 1.25, shape)
    planes = list(noise[:, index].astype(np.float32))
    return made_of_planes(case, xp, transform, planes, planes)


def made_of_planes(
    case: Case,
    xp: Namespace,
    transform: families.PixelFunction | families.Neighborhood,
    given: Sequence[NDArray[Any]],
    whole: Sequence[NDArray[Any]],
) -> Any:
    """What a function makes of the planes `given`, with the statistics of the planes `whole`."""
    planes = tuple(xp.array(plane) for plane in given)
    arguments = [aligned(xp, xp.array(value)) for value in transform.arguments]
    if isinstance(transform, families.PixelFunction):
        extra = _given(case, xp, transform, np.stack(whole, axis=-1))
        return tuple(transform.function(xp, planes, *arguments, **extra))
    for function in transform.functions:
        planes = tuple(function(xp, planes, *arguments))
    return planes


def _given(
    case: Case, xp: Namespace, transform: families.PixelFunction, images: NDArray[Any]
) -> dict[str, Any]:
    """What the function asks for by name: statistics, places and noise."""
    given: dict[str, Any] = {
        name: tuple(xp.array(part, str(part.dtype)) for part in parts)
        for name, parts in kernels.statistics(images, transform.statistics).items()
    }
    if transform.coordinates:
        given |= coordinates(xp, case.size)
    if transform.noise:
        keys = (xp.array(key, "uint32") for key in transform.noise)
        made = (fields.uniform_planes(xp, key, case.size, case.channels) for key in keys)
        given["noise"] = tuple(made)
    return given


def _numpy(case: Case, xp: Namespace, name: str, value: Any) -> NDArray[Any]:
    if xp is NUMPY and not isinstance(value, np.ndarray | np.generic):
        found = type(value).__name__
        raise case.fail(f"{name} is a {found}; use xp's functions only, so that it is an array")
    return np.asarray(value)


def _difference(one: Arrays, two: Arrays, tolerance: float = 0.0) -> str:
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
