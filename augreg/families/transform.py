"""What an op returns: a transform, as arrays with a leading dimension of B or 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from augreg.families.stage import Item, Stage
    from augreg.families.traits import Traits


ANY = -1  # a side of an array that may be of any length


class Transform:
    """The base of all families.

    A family's dataclass lists in `arrays` the shapes of its arrays after the leading dimension
    (None: 1 or 3) and in `dtype` what they hold; those that it does not list are not looked at.
    """

    arrays: ClassVar[Mapping[str, tuple[int | None, ...]]] = {}
    dtype: ClassVar[str] = "float32"
    geometric: ClassVar[bool] = False  # shares resamples with what stands before and after it
    colored: ClassVar[bool] = False  # takes three channels, unless its op says that it takes one
    reads_others: ClassVar[bool] = False  # depends on the other samples of a batch
    boundary: ClassVar[str] = "another family"  # why it ends the stage before it

    def stage(self, item: Item, **common: Any) -> Stage:
        """The stage that begins with it; `common`: what every stage has.

        A family is geometric, or has a `part`, or a stage.
        """
        raise NotImplementedError(f"{type(self).__name__} has no stage")

    def part(self, item: Item) -> Any:
        """A part of a pointwise stage; None for what is no pointwise map."""
        return None

    def traits(self) -> Traits:
        """What decides whether it shares a resample, where it is geometric."""
        raise NotImplementedError(f"{type(self).__name__} is not geometric")

    def channels_after(self, channels: int) -> int:
        """How many channels an image of `channels` has after it."""
        return channels

    def checked(self, op: str) -> Self:
        """The transform with functions that raise `OpError` in the name of `op`."""
        return self
