"""Frames as images: the frames of all samples are one batch, each under the draws of its sample.

Both backends fold them so before a plan runs, and unfold what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augreg.annotations.parts import each
from augreg.random.generator import SampleKey
from augreg.xp import Array, Namespace


def folded(xp: Namespace, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Parts [B,T,...] as [B*T,...]."""

    def one(part: Array) -> Array:
        shape = xp.shape(part)
        return xp.reshape(part, (shape[0] * shape[1], *shape[2:]))

    return each(one, parts)


def key_of_frames(xp: Namespace, key: SampleKey, frames: Array) -> SampleKey:
    """The key of frames [B,T,H,W,C], once they are folded, from their samples'."""
    own = repeated(xp, {"epoch": key.epoch, "index": key.index}, frames)
    return key._replace(**own)


def repeated(xp: Namespace, parts: Mapping[Any, Array], frames: Array) -> dict[Any, Array]:
    """Numbers or truths of samples [B] for each of their frames [B,T,H,W,C]; a scalar stays."""
    sides = xp.shape(frames)[:2]

    def one(part: Array) -> Array:
        if not xp.shape(part):
            return part
        return xp.reshape(xp.broadcast_to(xp.reshape(part, (-1, 1)), sides), (-1,))

    return {key: one(part) for key, part in parts.items()}


def unfolded(xp: Namespace, parts: Mapping[str, Any], frames: Array) -> dict[str, Any]:
    """Parts [B*T,...] as [B,T,...], for frames [B,T,H,W,C]."""
    sides = xp.shape(frames)[:2]
    return each(lambda part: xp.reshape(part, (*sides, *xp.shape(part)[1:])), parts)
