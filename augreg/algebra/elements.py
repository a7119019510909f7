"""The closed algebra of image maps: what ops return, and how maps compose and are chosen among.

Everything here works on tiny arrays with a leading dimension of B or 1; no pixel is touched.
Coordinates are (x, y), x to the right, y down, pixel centres at integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace

Size = tuple[Any, Any]  # (height, width): ints, or a backend's scalars where they are not static


@dataclass(frozen=True)
class LatticeMap:
    """Moves whole pixels: flips, quarter turns, crops, padding. Exact.

    Attributes:
        linear: int32 [B,2,2], output→input, a signed permutation of (x, y).
        offset: int32 [B,2], (x, y) of the input pixel that output pixel (0, 0) comes from.
        cuts: may hide input pixels; `pads`: may read outside of the input, where it gives 0.
    """

    linear: Array
    offset: Array
    cuts: bool = field(default=True, metadata={"static": True})
    pads: bool = field(default=True, metadata={"static": True})


@dataclass(frozen=True)
class AffineMap:
    """Resamples along straight lines: rotation, zoom, shear, translation.

    Attributes:
        matrix: float32 [B,2,3], output→input, in pixels relative to the image's centre
            ((W-1)/2, (H-1)/2), so that an op needs no size unless it moves by a part of one.
        fill: what lies outside: reflect, nearest, wrap or constant (scipy's `reflect`, `nearest`,
            `grid-wrap` and `grid-constant`).
        fill_value: 0..1, a number or one per channel, for constant.
        interpolation: bilinear or nearest.
    """

    matrix: Array
    fill: str = field(default="reflect", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})
    interpolation: str = field(default="bilinear", metadata={"static": True})


@dataclass(frozen=True)
class ProjectiveMap:
    """Resamples along straight lines that need not stay parallel: perspective.

    Attributes:
        matrix: float32 [B,3,3], output→input in homogeneous pixels relative to the image's centre;
            the last row is scaled so that it gives 1 at the centre. Positions where it gives less
            than `HORIZON` are read as if it gave that.
        fill, fill_value, interpolation: as in `AffineMap`.
    """

    matrix: Array
    fill: str = field(default="reflect", metadata={"static": True})
    fill_value: Any = field(default=0.0, metadata={"static": True})
    interpolation: str = field(default="bilinear", metadata={"static": True})


@dataclass(frozen=True)
class ColorMap:
    """An affine map of a pixel's channels: x' = matrix @ x + mean @ (mean of the image) + offset.

    Attributes:
        matrix: float32 [B,C',C]; C' is 3, or 1 where the map makes one channel out of three.
        offset: float32 [B,C'], 0..1 units.
        mean: float32 [B,C',C], the weight of the image's own mean per channel (contrast uses it),
            or None. With it the family stays closed under composition, so that a chain of
            brightness, contrast and grayscale is one matrix and one statistic.
    """

    matrix: Array
    offset: Array
    mean: Array | None = None


@dataclass(frozen=True)
class PixelFunction:
    """A pointwise function that no matrix expresses.

    Attributes:
        function: called as `function(xp, planes, *arguments)`; `planes` is a tuple of three float32
            arrays [B,H,W] in RGB (one for a grey image), arguments broadcast against them. Returns
            as many planes.
        arguments: float32 [B] arrays, or arrays with more dimensions after B ([B,n]).
        statistics: of the image as it reaches the function: mean, min, max (float32 [B,1,1] for
            each plane) or histogram (int32 [B,256], how often each level floor(x*255 + 0.5) of the
            clipped plane occurs). Each is passed by its name, a tuple with one for each plane.
        coordinates: passes `y` and `x`, int32 [1,H,1] and [1,1,W], and `size`, (H, W).
        noise: uint32 [B,2] keys (a parameter `Key`). Passed as `noise`: for each key, for each
            plane, two float32 [B,H,W] planes of uniform draws in [0, 1).
    """

    function: Callable[..., tuple[Array, ...]] = field(metadata={"static": True})
    arguments: tuple[Array, ...] = ()
    statistics: tuple[str, ...] = field(default=(), metadata={"static": True})
    coordinates: bool = field(default=False, metadata={"static": True})
    noise: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Neighborhood:
    """Reads a window around each pixel: blur, sharpening. A stage of its own, never fused.

    Attributes:
        function: called as `function(xp, planes, *arguments)` as a pixel function is; it reads
            neighbours by slicing. A tuple of functions is done in order, each a kernel of its own:
            a separable filter's two directions would otherwise be worked out inside each other.
            Between them planes may have any size; the last one returns the image's.
        arguments: float32 [B] arrays, or arrays with more dimensions after B.
    """

    function: Callable[..., tuple[Array, ...]] | tuple[Callable[..., tuple[Array, ...]], ...] = (
        field(metadata={"static": True})
    )
    arguments: tuple[Array, ...] = ()

    @property
    def functions(self) -> tuple[Callable[..., tuple[Array, ...]], ...]:
        return self.function if isinstance(self.function, tuple) else (self.function,)


@dataclass(frozen=True)
class Resize:
    """Resamples an integer box of the input to a new size, as if nothing lay outside of the box.

    Attributes:
        size: (height, width) of the output.
        box: int32 [B,4], (top, left, height, width) in the input; None is the whole image.
        method: bilinear, nearest, bicubic or area, as `tf.image.resize`.
        antialias: widens the filter when shrinking.
        inner: (height, width) that the box is resized to, centred in `size` with 0 around; None is
            `size` itself.
        decode: full, or scaled: a JPEG that is resized first may be decoded at a part of its size.
    """

    size: Size = field(metadata={"static": True})
    box: Array | None = None
    method: str = field(default="bilinear", metadata={"static": True})
    antialias: bool = field(default=False, metadata={"static": True})
    inner: Size | None = field(default=None, metadata={"static": True})
    decode: str = field(default="full", metadata={"static": True})


@dataclass(frozen=True)
class Mix:
    """Mixes each sample with another one of its batch, and their labels by the same shares.

    Attributes:
        partner: float32 [B], 0 to 1, exclusive: sample i's partner is
            (i + 1 + floor(partner * (B - 1))) mod B, never itself where B is above 1.
        weight: float32 [B], 0..1, the sample's own share of its label, and of its pixels unless
            there is a box.
        classes: how many classes labels have.
        box: int32 [B,4], (top, left, height, width), where pixels are the partner's, or None.
    """

    partner: Array
    weight: Array
    classes: int = field(metadata={"static": True})
    box: Array | None = None


Element = (
    LatticeMap | AffineMap | ProjectiveMap | ColorMap | PixelFunction | Neighborhood | Resize | Mix
)
GEOMETRIC = (LatticeMap, AffineMap, ProjectiveMap)
STATISTICS = ("mean", "min", "max", "histogram")
HORIZON = 2.0**-3

M = TypeVar("M")


_SHAPES: dict[str, tuple[int | None, ...]] = {
    "LatticeMap.linear": (2, 2),
    "LatticeMap.offset": (2,),
    "AffineMap.matrix": (2, 3),
    "ProjectiveMap.matrix": (3, 3),
    "ColorMap.matrix": (None, None),
    "ColorMap.offset": (None,),
    "ColorMap.mean": (None, None),
    "Resize.box": (4,),
}


def batched(xp: Namespace, element: Element) -> Element:
    """The element with a leading dimension everywhere.

    Raises:
        ValueError: an array has the wrong shape or dtype.
    """
    parts = {}
    kind = type(element).__name__
    for part in fields(element):
        value = getattr(element, part.name)
        wanted = _SHAPES.get(f"{kind}.{part.name}")
        if value is None or wanted is None:
            continue
        dtype = "int32" if kind in ("LatticeMap", "Resize") else "float32"
        found = getattr(getattr(value, "dtype", None), "name", "no array")
        if found != dtype:
            raise ValueError(f"{kind}.{part.name} is {found}; it has to be {dtype}")
        shape = tuple(xp.shape(value))
        if len(shape) == len(wanted):
            value = xp.reshape(value, (1, *shape))
            shape = (1, *shape)
        if len(shape) != len(wanted) + 1 or any(
            s not in (1, 3) if w is None else w != s for w, s in zip(wanted, shape[1:], strict=True)
        ):
            sides = ", ".join("1 or 3" if w is None else str(w) for w in wanted)
            raise ValueError(f"{kind}.{part.name} has the shape {shape}; it has to be [B, {sides}]")
        parts[part.name] = value
    return replace(element, **parts) if parts else element


# --- choice -------------------------------------------------------------------------------------


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


# --- composition --------------------------------------------------------------------------------


def compose_affine(xp: Namespace, first: Array, then: Array) -> Array:
    """The output→input matrix [B,2,3] of doing `first`, then `then` (both output→input)."""
    linear = small_matmul(xp, first[:, :, :2], then[:, :, :2])
    shift = small_matmul(xp, first[:, :, :2], then[:, :, 2:]) + first[:, :, 2:]
    return _beside(xp, linear, shift)


def to_projective(xp: Namespace, affine: Array) -> Array:
    """[B,2,3] with the row (0, 0, 1) below."""
    last = xp.array([[[0.0, 0.0, 1.0]]]) + xp.zeros_like(affine[:, :1, :])
    return xp.concat([affine, last], axis=1)


def compose_projective(xp: Namespace, first: Array, then: Array) -> Array:
    """The output→input matrix [B,3,3] of doing `first`, then `then`, 1 at the centre again."""
    product = small_matmul(xp, first, then)
    return product / product[:, 2:, 2:]


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
