"""The distribution whose ends move with the epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from augreg.errors import ParameterError, show
from augreg.random import generator
from augreg.random.base import Named, Words, closed, only, pair_schema
from augreg.random.numbers import Bounds

if TYPE_CHECKING:
    from augreg.xp import Array, Namespace


@dataclass(frozen=True)
class Schedule(Named):
    """Uniform between two ends, both of which move with the epoch.

    `start` are the ends at epoch 0, `stop` those from epoch `epochs` on; equal ends are a constant.
    Between them they move in the `shape`; "step" keeps them until then.
    """

    start: tuple[float, float]
    stop: tuple[float, float]
    epochs: int
    shape: str = "linear"
    key: ClassVar[str] = "schedule"
    shapes: ClassVar[tuple[str, ...]] = ("linear", "cosine", "step")

    @property
    def support(self) -> tuple[float, float]:
        return min(self.start[0], self.stop[0]), max(self.start[1], self.stop[1])

    def ends(self, xp: Namespace, dtype: str, epoch: Array) -> tuple[Array, Array]:
        """The two ends at `epoch` (uint32 [] or [B]), float32 of its shape; whole for int32."""
        t = xp.cast(xp.minimum(epoch, self.epochs), "float32") / self.epochs
        if self.shape == "cosine":
            t = (1.0 - xp.cos(t * math.pi)) * 0.5
        elif self.shape == "step":
            t = xp.floor(t)
        starts, stops = (xp.array(pair) for pair in (self.start, self.stop))
        lo, hi = (starts[i] + t * (stops[i] - starts[i]) for i in range(2))
        if dtype == "int32":
            lo, hi = (xp.floor(end + 0.5) for end in (lo, hi))
        return lo, hi

    def sample(self, xp: Namespace, words: Words, dtype: str, epoch: Array = None) -> Array:
        epoch = xp.array(0, "uint32") if epoch is None else epoch
        (lo, hi), u = self.ends(xp, dtype, epoch), generator.uniform(xp, words[0])
        if len(xp.shape(u)) > len(xp.shape(lo)) == 1:  # several draws of each sample
            lo, hi = lo[:, None], hi[:, None]
        if dtype == "int32":
            return xp.cast(lo + xp.floor(u * (hi - lo + 1.0)), "int32")
        return lo + u * (hi - lo)

    @classmethod
    def parse(cls, value: dict[str, Any], bounds: Bounds, op: str) -> Schedule:
        only(value, "schedule")
        raw = value["schedule"]
        if not isinstance(raw, dict) or not {"from", "to", "epochs"} <= raw.keys():
            raise ParameterError('"schedule" takes "from", "to" and "epochs"', "/schedule")
        only(raw, "from", "to", "epochs", "shape", pointer="/schedule")

        def ends(at: str) -> tuple[float, float]:
            if isinstance(raw[at], list):
                return bounds.pair(raw[at], op, f"/schedule/{at}")
            number = bounds.number(raw[at], op, f"/schedule/{at}")
            return number, number

        start, stop = ends("from"), ends("to")
        epochs = Bounds(1, 1_000_000, whole=True).number(raw["epochs"], op, "/schedule/epochs")
        shape = raw.get("shape", "linear")
        if shape not in cls.shapes:
            names = " or ".join(f'"{name}"' for name in cls.shapes)
            raise ParameterError(f"{show(shape)} is not {names}", "/schedule/shape")
        return cls(start, stop, int(epochs), shape)

    @classmethod
    def schema(cls, bounds: Bounds) -> dict[str, Any]:
        return cls.schema_of({"anyOf": [bounds.schema(), pair_schema(bounds)]})

    @classmethod
    def schema_of(cls, ends: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema of one whose ends have this schema."""
        parts = {
            "from": ends,
            "to": ends,
            "epochs": {"type": "integer", "minimum": 1},
            "shape": {"enum": list(cls.shapes)},
        }
        return closed({"schedule": closed(parts, required=["from", "to", "epochs"])})

    def __str__(self) -> str:
        start, stop = (
            f"{lo:g}" if lo == hi else f"uniform {lo:g} to {hi:g}"
            for lo, hi in (self.start, self.stop)
        )
        if self.shape == "step":
            return f"{start}, from epoch {self.epochs} on {stop}"
        return f"{start}, over {self.epochs} epochs {stop} ({self.shape})"
