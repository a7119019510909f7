"""What every distribution is, and what the written ones share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from augreg.errors import ParameterError, suggest
from augreg.random.numbers import Bounds

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace

Words = tuple["Array", "Array"]


class Distribution(ABC):
    """The base of all: `str()` of one is what `explain` shows."""

    lo: float  # of those that have a single one
    hi: float

    @property
    def support(self) -> tuple[float, float]:
        """The least and the most that it gives; hidden draws have none."""
        return self.lo, self.hi

    def ends(self, xp: Namespace, dtype: str, epoch: Array) -> tuple[Array, Array]:
        """The support at `epoch` (uint32 [] or [B]), float32."""
        low, high = self.support
        return xp.array(low), xp.array(high)

    @abstractmethod
    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        """Draws of the words' shape, in `dtype`; uint32 words, and epoch [] or [B]."""


class Named(Distribution):
    """One that a policy writes as an object, under its `key`."""

    key: ClassVar[str]
    whole: ClassVar[bool] = True  # integer parameters take it, too

    @classmethod
    @abstractmethod
    def parse(cls, value: dict[str, Any], bounds: Bounds, op: str) -> Distribution:
        """Out of the object that a policy writes for `op`; raises `ParameterError`."""

    @classmethod
    @abstractmethod
    def schema(cls, bounds: Bounds) -> dict[str, Any]:
        """The JSON Schema of that object."""


# --- as policies write them -----------------------------------------------------------------------


def pair_schema(bounds: Bounds) -> dict[str, Any]:
    """The JSON Schema of [lo, hi]."""
    return {"type": "array", "items": bounds.schema(), "minItems": 2, "maxItems": 2}


def closed(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    """The JSON Schema of an object with these keys alone; the first is required where not said."""
    return {
        "type": "object",
        "properties": properties,
        "required": required or [next(iter(properties))],
        "additionalProperties": False,
    }


def only(value: dict[str, Any], *allowed: str, pointer: str = "") -> None:
    """Raises `ParameterError` for a key that is not allowed."""
    for key in value:
        if key not in allowed:
            raise ParameterError(
                f'unknown key "{key}" beside "{allowed[0]}"{suggest(key, allowed)}',
                f"{pointer}/{key}",
            )
