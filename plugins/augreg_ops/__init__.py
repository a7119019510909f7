"""augreg's own ops, found through the same entry point as anyone's."""

import augreg
from augreg_ops import (
    affine,
    auto,
    clahe,
    color,
    compression,
    crops,
    distortion,
    dropout,
    filters,
    mixing,
    noise,
    resizing,
    tone,
    weather,
)

_MODULES = (
    crops,
    affine,
    distortion,
    resizing,
    color,
    tone,
    clahe,
    filters,
    compression,
    noise,
    dropout,
    weather,
    mixing,
    auto,
)


@augreg.hookimpl
def register_ops() -> list[augreg.Op | augreg.Macro]:
    """All that these modules define; what one takes from another is listed once."""
    found = {id(value): value for module in _MODULES for value in vars(module).values()}
    return [op for op in found.values() if isinstance(op, augreg.Op | augreg.Macro)]
