"""What a policy gives a drawn parameter: a distribution.

Each class says how it is written in a policy and in the schema, how it is sampled from a draw's two
words, and how `explain` shows it. A new one is a class and an entry in `NAMED`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from augreg.errors import ParameterError
from augreg.random import generator
from augreg.random.base import Distribution as Distribution
from augreg.random.base import Named, Words, closed, only, pair_schema
from augreg.random.numbers import Bounds, check_weights
from augreg.random.schedule import Schedule as Schedule

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Constant(Distribution):
    """Always `value`."""

    value: float

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        return xp.array([self.value], dtype)

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform in [lo, hi); inclusive of both ends where the parameter is an integer."""

    lo: float
    hi: float

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        u = generator.uniform(xp, words[0])
        if dtype == "int32":
            return xp.cast(xp.floor(u * (self.hi - self.lo + 1)), "int32") + xp.array(
                self.lo, "int32"
            )
        return self.lo + u * (self.hi - self.lo)

    def __str__(self) -> str:
        return f"uniform {self.lo:g} to {self.hi:g}"


@dataclass(frozen=True)
class Choice(Named):
    """One of `values`, with `weights`."""

    values: tuple[float, ...]
    weights: tuple[float, ...]
    key: ClassVar[str] = "choice"

    @property
    def support(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        picked = choose(xp, words[0], generator.thresholds(self.weights))
        return xp.take(xp.array(self.values, dtype), picked)

    @classmethod
    def parse(cls, value: dict[str, Any], bounds: Bounds, op: str) -> Choice:
        only(value, "choice", "weights")
        raw = value["choice"]
        if not isinstance(raw, list) or not raw:
            raise ParameterError('"choice" takes a list of at least one value', "/choice")
        values = tuple(bounds.number(item, op, f"/choice/{i}") for i, item in enumerate(raw))
        return cls(values, check_weights(value.get("weights"), len(values)))

    @classmethod
    def schema(cls, bounds: Bounds) -> dict[str, Any]:
        weights = {"type": "array", "items": {"type": "number", "minimum": 0}}
        choice = {"type": "array", "items": bounds.schema(), "minItems": 1}
        return closed({"choice": choice, "weights": weights})

    def __str__(self) -> str:
        even = len(set(self.weights)) == 1
        weights = "" if even else " by " + ", ".join(f"{weight:g}" for weight in self.weights)
        return f"one of {', '.join(f'{item:g}' for item in self.values)}{weights}"


@dataclass(frozen=True)
class Normal(Named):
    """Normal (Box-Muller on both words), clipped to [lo, hi]."""

    mean: float
    std: float
    lo: float
    hi: float
    key: ClassVar[str] = "normal"
    whole: ClassVar[bool] = False

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        value = xp.array(self.mean) + gaussian(xp, words) * xp.array(
            self.std
        )  # may be beyond float32
        return xp.clip(value, self.lo, self.hi)

    @classmethod
    def parse(cls, value: dict[str, Any], bounds: Bounds, op: str) -> Normal:
        only(value, "normal", "min", "max")
        raw = value["normal"]
        if not isinstance(raw, list) or len(raw) != 2:
            raise ParameterError('"normal" takes [mean, std]', "/normal")
        mean = Bounds(-math.inf, math.inf).number(raw[0], op, "/normal/0")
        std = Bounds(0.0, math.inf).number(raw[1], op, "/normal/1")
        lo = bounds.number(value["min"], op, "/min") if "min" in value else bounds.lo
        hi = bounds.number(value["max"], op, "/max") if "max" in value else bounds.hi
        if lo > hi:
            raise ParameterError(f'"min" {lo} is above "max" {hi}', "/min")
        return cls(mean, std, lo, hi)

    @classmethod
    def schema(cls, bounds: Bounds) -> dict[str, Any]:
        number = bounds.schema()
        normal = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        return closed({"normal": normal, "min": number, "max": number})

    def __str__(self) -> str:
        return f"normal {self.mean:g} ± {self.std:g}, {self.lo:g} to {self.hi:g}"


@dataclass(frozen=True)
class LogUniform(Named):
    """exp(uniform) in [lo, hi)."""

    lo: float
    hi: float
    key: ClassVar[str] = "log_uniform"
    whole: ClassVar[bool] = False

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        u = generator.uniform(xp, words[0])
        low, high = math.log(self.lo), math.log(self.hi)
        return xp.exp(low + u * (high - low))

    @classmethod
    def parse(cls, value: dict[str, Any], bounds: Bounds, op: str) -> LogUniform:
        only(value, "log_uniform")
        lo, hi = bounds.pair(value["log_uniform"], op, "/log_uniform")
        if lo <= 0:
            raise ParameterError("log_uniform takes ends above 0", "/log_uniform/0")
        return cls(lo, hi)

    @classmethod
    def schema(cls, bounds: Bounds) -> dict[str, Any]:
        return closed({"log_uniform": pair_schema(bounds)})

    def __str__(self) -> str:
        return f"log-uniform {self.lo:g} to {self.hi:g}"


@dataclass(frozen=True)
class UniformArray(Distribution):
    """`count` uniform draws in [0, 1): float32 [B, count]."""

    count: int

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        return generator.uniform(xp, generator.elements(xp, words, self.count)[0])

    def __str__(self) -> str:
        return f"{self.count} uniform 0 to 1"


@dataclass(frozen=True)
class NoiseKey(Distribution):
    """Both words as they are: uint32 [B,2], the key of a field of draws."""

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        return xp.stack([words[0], words[1]], axis=-1)

    def __str__(self) -> str:
        return "a draw for every pixel"


NAMED: tuple[type[Named], ...] = (Choice, Normal, LogUniform, Schedule)


# --- as policies write them -----------------------------------------------------------------------


def parse(value: Any, bounds: Bounds, op: str) -> Distribution:
    """A constant, [lo, hi] or an object that names a distribution; raises `ParameterError`."""
    if isinstance(value, list):
        lo, hi = bounds.pair(value, op)
        return Uniform(lo, hi) if lo < hi else Constant(lo)
    if not isinstance(value, dict):
        return Constant(bounds.number(value, op))
    allowed = [kind for kind in NAMED if kind.whole or not bounds.whole]
    for kind in allowed:
        if kind.key in value:
            return kind.parse(value, bounds, op)
    found = ", ".join(f'"{key}"' for key in value) or "nothing"
    names = ", ".join(f'"{kind.key}"' for kind in allowed)
    raise ParameterError(f"a distribution is a constant, [lo, hi] or one of {names}; found {found}")


def schema(bounds: Bounds) -> dict[str, Any]:
    """The JSON Schema of what `parse` takes."""
    named = (kind.schema(bounds) for kind in NAMED if kind.whole or not bounds.whole)
    return {"anyOf": [bounds.schema(), pair_schema(bounds), *named]}


# --- drawing --------------------------------------------------------------------------------------


class Several(NamedTuple):
    """What an op gets for a parameter that is drawn several times.

    Attributes:
        draws: float32 [B, count]; [1, 1] where a policy gives one value.
        low, high: float32, the ends of what may be drawn: [], or [1] or [B, 1] by the epoch.
    """

    draws: Array
    low: Array
    high: Array


def sample(
    xp: Namespace,
    distribution: Distribution,
    words: Words | None,
    dtype: str,
    epoch: Array,
    count: int = 1,
) -> Any:
    """A parameter's draws at `epoch` (uint32 [] or [B]): [B] or [1]; `Several` for a count above 1.

    Element j of several is drawn under both words as a key (see `generator.elements`).
    """
    if count > 1 and words is not None:
        words = generator.elements(xp, words, count)
    drawn = distribution.sample(xp, words, dtype, epoch)  # type: ignore[arg-type]  # a constant has none
    if count == 1:
        return drawn
    low, high = distribution.ends(xp, dtype, epoch)
    if isinstance(distribution, Schedule):
        low, high = low[..., None], high[..., None]
    if len(xp.shape(drawn)) == 1:  # a constant
        drawn = xp.reshape(drawn, (1, 1))
    return Several(drawn, low, high)


def gaussian(xp: Namespace, words: Words) -> Array:
    """Standard normal float32 by Box-Muller, of the words' shape."""
    u = generator.uniform(xp, words[0]) + 2.0**-25  # never log(0)
    angle = generator.uniform(xp, words[1]) * (2 * math.pi)
    return xp.sqrt(xp.log(u) * -2.0) * xp.cos(angle)


def choose(xp: Namespace, word: Array, thresholds: tuple[int, ...]) -> Array:
    """int32 of the words' shape: which interval of the 24-bit `thresholds` each falls into."""
    bits = generator.bits24(xp, word)[..., None]
    return xp.sum(xp.cast(bits >= xp.array(thresholds[:-1], "int32"), "int32"), axis=-1)
