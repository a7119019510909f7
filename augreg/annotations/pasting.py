"""Copy-paste: which objects of another sample an image gets, and what belongs to them then."""

from __future__ import annotations

from dataclasses import replace

from augreg.annotations.mixing import numbered_rows, of_boxes
from augreg.annotations.parts import MASKS
from augreg.annotations.points import Targets, covered, has_area
from augreg.checks import dtype_of
from augreg.errors import DataError
from augreg.families import PasteStage, Size
from augreg.families.paste import paste_images
from augreg.lower import Lowering
from augreg.xp import Array, Namespace

_SMALL = {"uint8": 255, "int8": 127}  # the most that masks of these dtypes can number


def paste_targets(
    lowering: Lowering, stage: PasteStage, state: Targets, size: Size
) -> tuple[Targets, Array]:
    """The targets after a stage, and bool [B,H,W]: which pixels are another sample's then.

    Boxes [B,N] become [B,2N], those of the partner after the own; what was not pasted has no area.
    Masks that number their boxes hold n + N + 1 for the partner's; channels become [B,H,W,2N].

    Raises:
        DataError: masks can't number so many boxes.
    """
    xp = lowering.xp
    name = next(name for name in MASKS if name in state.masks)  # the caller has looked
    others, _ = stage.lower(lowering, size)
    count = xp.shape(state.boxes)[1]
    real = has_area(xp, xp.take(state.boxes, others))
    chosen = stage.chosen(lowering, size, count) & real
    masks = state.masks[name]
    mix = _numbers if xp.shape(masks)[3] == 1 else _channels
    masks, pasted = mix(xp, masks, xp.take(masks, others), chosen)
    further = {key: paste_images(xp, part, others, pasted) for key, part in state.masks.items()}

    state = numbered_rows(xp, state)
    own = of_boxes(state)
    left = own["visible_fraction"] * (1.0 - covered(xp, state.boxes, pasted))
    taken = {name: xp.take(part, others) for name, part in own.items()}
    taken["boxes"] = xp.where(chosen[..., None], taken["boxes"], xp.zeros_like(taken["boxes"]))
    own["visible_fraction"] = left
    joined = {name: xp.concat([own[name], taken[name]], axis=1) for name in own}
    return replace(state, masks={**further, name: masks}, **joined), pasted


def _numbers(xp: Namespace, masks: Array, other: Array, chosen: Array) -> tuple[Array, Array]:
    """Masks [B,H,W,1] that hold n + 1 for box n, with those of others that are chosen [B,N]."""
    count = xp.shape(chosen)[1]
    dtype = dtype_of(masks)
    if dtype in _SMALL and not (isinstance(count, int) and 2 * count <= _SMALL[dtype]):
        raise DataError(
            f"masks of dtype {dtype}, and copy-paste numbers up to twice as many boxes as come, "
            f"here {count if isinstance(count, int) else 'an unknown number'}; pass masks of int32"
        )
    numbers = xp.cast(other[..., 0], "int32")
    none = xp.zeros_like(chosen[:, :1])
    known = xp.concat([none, chosen, none], axis=1)
    number = xp.clip(numbers, 0, count + 1)  # what is no box's is chosen as little as 0
    pasted = xp.lookup(known, number)
    more = xp.cast(numbers + count, dtype)
    return xp.where(pasted[..., None], more[..., None], masks), pasted


def _channels(xp: Namespace, masks: Array, other: Array, chosen: Array) -> tuple[Array, Array]:
    """Masks [B,H,W,N], one for each box, with those of others that are chosen [B,N] behind them."""
    theirs = xp.where(
        xp.reshape(chosen, (-1, 1, 1, xp.shape(chosen)[1])), other, xp.zeros_like(other)
    )
    pasted = xp.max(xp.cast(xp.cast(theirs, "bool"), "int32"), axis=3) > 0
    own = xp.where(pasted[..., None], xp.zeros_like(masks), masks)
    return xp.concat([own, theirs], axis=3), pasted
