"""augreg's own ops, found through the same entry point as anyone's."""

import augreg
from augreg_ops import color, geometry, mixing, resizing


@augreg.hookimpl
def register_ops() -> list[augreg.Op]:
    """All of them."""
    return [*geometry.OPS, *resizing.OPS, *color.OPS, *mixing.OPS]
