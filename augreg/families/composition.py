"""How maps are chosen among and compose: products of small matrices, sample by sample."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from augreg.families.transforms import ColorMap, LatticeMap, Size

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace

M = TypeVar("M")


def select(xp: Namespace, condition: Array, chosen: M, other: M) -> M:
    """`chosen` where `condition` (bool [B]) holds, `other` elsewhere: a choice among maps.

    Works on any dataclass of arrays with a leading dimension of B or 1; where only one of the two
    has an optional part, the other counts as 0 there.
    """
    parts = {}
    for part in fields(chosen):  # type: ignore[arg-type]
        x, y = getattr(chosen, part.name), getattr(other, part.name)
        if part.metadata.get("static") or (x is None and y is None):
            continue
        x = xp.zeros_like(y) if x is None else x
        y = xp.zeros_like(x) if y is None else y
        rank = len(xp.shape(x))
        parts[part.name] = xp.where(xp.reshape(condition, (-1,) + (1,) * (rank - 1)), x, y)
    return replace(chosen, **parts)  # type: ignore[type-var]


def compose_affine(xp: Namespace, first: Array, then: Array) -> Array:
    """The output→input matrix [B,2,3] of doing `first`, then `then` (both output→input)."""
    linear = small_matmul(xp, first[:, :, :2], then[:, :, :2])
    shift = small_matmul(xp, first[:, :, :2], then[:, :, 2:]) + first[:, :, 2:]
    return _beside(xp, linear, shift)


def to_projective(xp: Namespace, affine: Array) -> Array:
    """[B,2,3] with the row (0, 0, 1) below."""
    last = xp.array([[[0.0, 0.0, 1.0]]]) + xp.zeros_like(affine[:, :1, :])
    return xp.concat([affine, last], axis=1)


def compose_lattice(xp: Namespace, first: Any, then: Any) -> tuple[Array, Array]:
    """(linear, offset) of doing `first`, then `then`; integer arithmetic, exact."""
    return small_matmul(xp, first.linear, then.linear), move_points(xp, first, then.offset)


def move_points(xp: Namespace, lattice: Any, points: Array) -> Array:
    """int32 [B,2]: the input pixels that the output pixels `points` (x, y) come from."""
    return _apply(xp, lattice.linear, points) + lattice.offset


def compose_color(xp: Namespace, first: ColorMap, then: ColorMap) -> ColorMap:
    """One map for `first`, then `then`. The mean of a mapped image is the map of its mean."""
    matrix = small_matmul(xp, then.matrix, first.matrix)
    offset = _apply(xp, then.matrix, first.offset) + then.offset
    if first.mean is None and then.mean is None:
        return ColorMap(matrix, offset)
    first_mean = first.mean if first.mean is not None else xp.zeros_like(first.matrix)
    mean = small_matmul(xp, then.matrix, first_mean)
    if then.mean is not None:
        mean = mean + small_matmul(xp, then.mean, first.matrix + first_mean)
        offset = offset + _apply(xp, then.mean, first.offset)
    return ColorMap(matrix, offset, mean)


def lattice_to_affine(xp: Namespace, lattice: LatticeMap, size_in: Size, size_out: Size) -> Array:
    """The centred matrix [B,2,3] of a lattice map between two sizes; exact in float32."""
    linear = xp.cast(lattice.linear, "float32")
    centre_in, centre_out = _centre(xp, size_in), _centre(xp, size_out)
    at_centre = small_matmul(xp, linear, xp.reshape(centre_out, (1, 2, 1)))
    offset = xp.reshape(xp.cast(lattice.offset, "float32"), (-1, 2, 1))
    return _beside(xp, linear, offset + at_centre - xp.reshape(centre_in, (1, 2, 1)))


def _beside(xp: Namespace, linear: Array, shift: Array) -> Array:
    """[linear | shift], where either may have a leading dimension of 1."""
    return xp.concat(
        [linear + xp.zeros_like(shift), shift + xp.zeros_like(linear[:, :, :1])], axis=2
    )


def _centre(xp: Namespace, size: Size) -> Array:
    height, width = (xp.cast(xp.array(side, "float32"), "float32") for side in size)
    half, one = xp.array(0.5), xp.array(1.0)
    return xp.stack([(width - one) * half, (height - one) * half])


def small_matmul(xp: Namespace, x: Array, y: Array) -> Array:
    """Product of [.,n,k] and [.,k,m] spelled out.

    matmul has no int32 kernel under XLA on the CPU, and its order of additions is its own.
    """
    k = xp.shape(x)[-1]
    total = x[:, :, 0:1] * y[:, 0:1, :]
    for i in range(1, k):
        total = total + x[:, :, i : i + 1] * y[:, i : i + 1, :]
    return total


def _apply(xp: Namespace, matrix: Array, vector: Array) -> Array:
    rows = xp.shape(matrix)[-2]
    n = xp.shape(vector)[-1]
    return xp.reshape(small_matmul(xp, matrix, xp.reshape(vector, (-1, n, 1))), (-1, rows))
