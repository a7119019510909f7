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
    batch, count = xp.shape(frames)[:2]

    def repeated(numbers: Array) -> Array:
        wide = xp.broadcast_to(xp.reshape(numbers, (-1, 1)), (batch, count))
        return xp.reshape(wide, (-1,))

    epoch = repeated(key.epoch) if len(xp.shape(key.epoch)) else key.epoch
    return key._replace(epoch=epoch, index=repeated(key.index))


def unfolded(xp: Namespace, parts: Mapping[str, Any], frames: Array) -> dict[str, Any]:
    """Parts [B*T,...] as [B,T,...], for frames [B,T,H,W,C]."""
    sides = xp.shape(frames)[:2]
    return each(lambda part: xp.reshape(part, (*sides, *xp.shape(part)[1:])), parts)
