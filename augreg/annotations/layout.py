"""What a caller says of an element's parts: their names, and how further ones are resampled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from augreg.annotations.parts import FRAMES, IMAGES, TARGETS
from augreg.errors import DataError, suggest

# The names of a tuple's parts in order, or of a dict's keys; None for a part that passes through,
# and names again, in a tuple or a dict, for a part that has parts of its own.
Parts: TypeAlias = Sequence[Any] | Mapping[Any, Any]
Also: TypeAlias = Mapping[str, str]
NAMES = (IMAGES, FRAMES, *TARGETS)
BILINEAR, NEAREST = "bilinear", "nearest"


@dataclass(frozen=True)
class Layout:
    """The parts of an element, as far as it does not say so itself.

    Attributes:
        parts: what its parts are; None where its own keys and order tell.
        also: (name, how it is resampled) of further parts that move with the image.
    """

    parts: Parts | None = None
    also: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, parts: Any, also: Any) -> Layout:
        """The layout as a caller gives it.

        Raises:
            DataError: the parts are none.
            ValueError: `also` is no names with "bilinear" or "nearest".
        """
        further = _checked_also(also)
        return cls(_checked_parts(parts, (*NAMES, *(name for name, _ in further))), further)

    @property
    def names(self) -> tuple[str, ...]:
        """What a part can be called."""
        return (*NAMES, *(name for name, _ in self.also))

    def resampled(self, how: str) -> tuple[str, ...]:
        """The further parts that are resampled so."""
        return tuple(name for name, own in self.also if own == how)


PLAIN = Layout()


def _checked_also(also: Any) -> tuple[tuple[str, str], ...]:
    if also is None:
        return ()
    ways = f'"{BILINEAR}" (an image like the first) and "{NEAREST}" (values that only move)'
    if not isinstance(also, Mapping):
        raise ValueError(f'also={also!r}; allowed is a dict, as {{"depth": "{NEAREST}"}}')
    for name, how in also.items():
        if not isinstance(name, str) or name in NAMES:
            known = f", a part that augreg knows ({', '.join(NAMES)})" if name in NAMES else ""
            raise ValueError(
                f"also={dict(also)!r} names {name!r}{known}; allowed are other names, as "
                '"depth" or "right"'
            )
        if how not in (BILINEAR, NEAREST):
            raise ValueError(f"also={dict(also)!r}: {how!r} for {name!r}; allowed are {ways}")
    return tuple(also.items())


def _checked_parts(parts: Any, names: Sequence[str]) -> Parts | None:
    """Names of parts, once they are seen to be names; raises `DataError`."""
    if parts is None:
        return None
    if isinstance(parts, str) or not isinstance(parts, Sequence | Mapping):
        raise DataError(f'parts={parts!r}; allowed is a tuple of names, as ("images", "masks")')
    found = list(_leaves(parts))
    for name in found:
        if name is not None and name not in names:
            allowed = ", ".join(f'"{one}"' for one in names)
            hint = suggest(name, names) if isinstance(name, str) else ""
            raise DataError(
                f"parts={parts!r}: {name!r} is no part{hint}; allowed are {allowed}, None, and "
                "the names that also= gives"
            )
    if not isinstance(parts, Mapping) and not {IMAGES, FRAMES} & {*found} and {} not in parts:
        raise DataError(f'parts={parts!r} without "images"; one of the parts has to be the image')
    return dict(parts) if isinstance(parts, Mapping) else tuple(parts)


def _leaves(parts: Any) -> Iterator[Any]:
    """The names in `parts`, those of parts of parts too."""
    if isinstance(parts, Mapping | tuple | list):
        for name in parts.values() if isinstance(parts, Mapping) else parts:
            yield from _leaves(name)
    else:
        yield parts
