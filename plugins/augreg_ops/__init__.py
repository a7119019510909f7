"""augreg's own ops, found through the same entry point as anyone's."""

import augreg
from augreg_ops import affine, auto, color, crops, filters, mixing, noise, resizing, tone

_MODULES = (crops, affine, resizing, color, tone, filters, noise, mixing)


@augreg.hookimpl
def register_ops() -> list[augreg.Op | augreg.Macro]:
    """All of them."""
    return [*(op for module in _MODULES for op in module.OPS), *auto.MACROS]
