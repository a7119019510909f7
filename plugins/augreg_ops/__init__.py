"""augreg's own ops, found through the same entry point as anyone's."""

import augreg
from augreg_ops import auto, blur, channels, color, geometry, mixing, noise, resizing, tone, warps


@augreg.hookimpl
def register_ops() -> list[augreg.Op | augreg.Macro]:
    """All of them."""
    ops = [*geometry.OPS, *warps.OPS, *resizing.OPS, *color.OPS, *channels.OPS]
    return [*ops, *tone.OPS, *blur.OPS, *noise.OPS, *mixing.OPS, *auto.MACROS]
