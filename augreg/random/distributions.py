"""What a policy gives a drawn parameter: a distribution, sampled from a draw's two words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from augreg.random import generator

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace

SHAPES = ("linear", "cosine")
_TAU = 2 * math.pi


@dataclass(frozen=True)
class Constant:
    """Always `value`."""

    value: float

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        return xp.array([self.value], dtype)


@dataclass(frozen=True)
class Uniform:
    """Uniform in [lo, hi); inclusive of both ends where the parameter is an integer."""

    lo: float
    hi: float

    @property
    def support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        u = generator.uniform(xp, words[0])
        if dtype == "int32":
            count = xp.array(self.hi - self.lo + 1)
            return xp.cast(xp.floor(u * count), "int32") + xp.array(self.lo, "int32")
        return xp.array(self.lo) + u * xp.array(self.hi - self.lo)


@dataclass(frozen=True)
class Choice:
    """One of `values`, with `weights`."""

    values: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def support(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        picked = choose(xp, words[0], generator.thresholds(self.weights))
        return xp.take(xp.array(self.values, dtype), picked)


@dataclass(frozen=True)
class Normal:
    """Normal (Box-Muller on both words), clipped to [lo, hi]."""

    mean: float
    std: float
    lo: float
    hi: float

    @property
    def support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        value = xp.array(self.mean) + gaussian(xp, words) * xp.array(self.std)
        return xp.clip(value, xp.array(self.lo), xp.array(self.hi))


@dataclass(frozen=True)
class LogUniform:
    """exp(uniform) in [lo, hi)."""

    lo: float
    hi: float

    @property
    def support(self) -> tuple[float, float]:
        return self.lo, self.hi

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        u = generator.uniform(xp, words[0])
        span = math.log(self.hi) - math.log(self.lo)
        return xp.exp(xp.array(math.log(self.lo)) + u * xp.array(span))


@dataclass(frozen=True)
class UniformArray:
    """`count` uniform draws in [0, 1): float32 [B, count]."""

    count: int

    support = (0.0, 1.0)

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        return generator.uniform(xp, generator.elements(xp, words, self.count)[0])


@dataclass(frozen=True)
class NoiseKey:
    """Both words as they are: uint32 [B,2], the key of a field of draws."""

    support = (0.0, 1.0)

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        return xp.stack([words[0], words[1]], axis=-1)


@dataclass(frozen=True)
class Schedule:
    """Uniform between two ends, both of which move with the epoch.

    `start` are the ends at epoch 0, `stop` those from epoch `epochs` on; equal ends are a constant.
    """

    start: tuple[float, float]
    stop: tuple[float, float]
    epochs: int
    shape: str = "linear"

    @property
    def support(self) -> tuple[float, float]:
        return min(self.start[0], self.stop[0]), max(self.start[1], self.stop[1])

    def progress(self, xp: Namespace, epoch: Array) -> Array:
        """float32 of epoch's shape: 0 at epoch 0, 1 from epoch `epochs` on."""
        part = xp.cast(xp.minimum(epoch, xp.array(self.epochs, "uint32")), "float32")
        t = part / xp.array(float(self.epochs))
        if self.shape == "cosine":
            t = (xp.array(1.0) - xp.cos(t * xp.array(math.pi))) * xp.array(0.5)
        return t

    def ends(self, xp: Namespace, dtype: str, epoch: Array) -> tuple[Array, Array]:
        """The two ends at `epoch` (uint32 [] or [B]), float32 of its shape; whole for int32."""
        t = self.progress(xp, epoch)
        lo, hi = (
            xp.array(a) + t * (xp.array(b) - xp.array(a))
            for a, b in zip(self.start, self.stop, strict=True)
        )
        if dtype == "int32":
            lo, hi = (xp.floor(end + xp.array(0.5)) for end in (lo, hi))
        return lo, hi

    def at(self, xp: Namespace, words: tuple[Array, Array], dtype: str, epoch: Array) -> Array:
        """The draw at `epoch`, uint32 [] or [B]."""
        (lo, hi), u = self.ends(xp, dtype, epoch), generator.uniform(xp, words[0])
        if len(xp.shape(u)) > len(xp.shape(lo)) == 1:  # several draws of each sample
            lo, hi = lo[:, None], hi[:, None]
        if dtype == "int32":
            return xp.cast(lo + xp.floor(u * (hi - lo + xp.array(1.0))), "int32")
        return lo + u * (hi - lo)

    def sample(self, xp: Namespace, words: tuple[Array, Array], dtype: str) -> Array:
        return self.at(xp, words, dtype, xp.array(0, "uint32"))


class Several(NamedTuple):
    """What an op gets for a parameter that is drawn several times.

    Attributes:
        draws: float32 [B, count]; [1, 1] where a policy gives one value.
        low, high: float32, the ends of what may be drawn: [], or [1] or [B, 1] by the epoch.
    """

    draws: Array
    low: Array
    high: Array


Distribution = (
    Constant | Uniform | Choice | Normal | LogUniform | UniformArray | NoiseKey | Schedule
)


def sample(
    xp: Namespace,
    distribution: Distribution,
    words: tuple[Array, Array] | None,
    dtype: str,
    epoch: Array,
    count: int = 1,
) -> Any:
    """A parameter's draws at `epoch` (uint32 [] or [B]): [B] or [1]; `Several` for a count above 1.

    Element j of several is drawn under both words as a key (see `generator.elements`).
    """
    if count > 1 and words is not None:
        words = generator.elements(xp, words, count)
    if isinstance(distribution, Schedule):
        drawn = distribution.at(xp, words, dtype, epoch)  # type: ignore[arg-type]
        low, high = (end[..., None] for end in distribution.ends(xp, dtype, epoch))
    else:
        drawn = distribution.sample(xp, words, dtype)  # type: ignore[arg-type]
        low, high = (xp.array(end) for end in distribution.support)
    if count == 1:
        return drawn
    if len(xp.shape(drawn)) == 1:  # a constant
        drawn = xp.reshape(drawn, (1, 1))
    return Several(drawn, low, high)


def gaussian(xp: Namespace, words: tuple[Array, Array]) -> Array:
    """Standard normal float32 by Box-Muller, of the words' shape."""
    u = generator.uniform(xp, words[0]) + xp.array(2.0**-25)  # never log(0)
    angle = generator.uniform(xp, words[1]) * xp.array(_TAU)
    return xp.sqrt(xp.log(u) * xp.array(-2.0)) * xp.cos(angle)


def choose(xp: Namespace, word: Array, thresholds: tuple[int, ...]) -> Array:
    """int32 of the words' shape: which interval of the 24-bit `thresholds` each falls into."""
    bits = generator.bits24(xp, word)[..., None]
    return xp.sum(xp.cast(bits >= xp.array(thresholds[:-1], "int32"), "int32"), axis=-1)
