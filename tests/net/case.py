"""One case of the net: a policy and a batch that it is run on, made from the case's number."""

from __future__ import annotations

import json
import random
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

import augreg
from augreg.annotations.boxes import FORMATS
from augreg.annotations.mixing import label_classes
from augreg.policy import Policy, PolicyWarning
from net.generator import Generator, family

UINT32 = 2**32


@dataclass(frozen=True)
class Case:
    """A policy, a batch and its draws. `refused`: what came before the policy."""

    number: int
    policy: Policy
    size: tuple[int, int]
    channels: int
    batch: int
    dtype: str
    input_range: tuple[float, float]
    kind: str
    seed: int
    epoch: int
    first: int
    backwards: bool
    training: bool
    box_format: str
    parts: tuple[str, ...]
    refused: Counter = field(default_factory=Counter)

    @property
    def document(self) -> dict[str, Any]:
        return dict(self.policy.source)

    @property
    def index(self) -> np.ndarray:
        places = (self.first + np.arange(self.batch)) % UINT32
        return places[::-1].copy() if self.backwards else places

    @cached_property
    def mixes(self) -> int | None:
        """The number of classes, where labels are mixed."""
        return label_classes(self.policy) if self.training else None

    def with_document(self, document: dict[str, Any]) -> Case:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PolicyWarning)  # of no steps
            return replace(self, policy=augreg.load_policy(document))

    @cached_property
    def element(self) -> dict[str, Any]:
        """The batch as a dict: "images", and the parts that the case has."""
        rng = np.random.default_rng(self.number)
        element: dict[str, Any] = {"images": self._images(rng)}
        classes = label_classes(self.policy)
        if classes is not None:
            element["labels"] = np.arange(self.batch) % classes
        height, width = self.size
        if "masks" in self.parts:
            shape = (self.batch, height, width, 1)[: 3 + self.number % 2]
            element["masks"] = rng.integers(0, 5, shape).astype(("int32", "uint8")[self.number % 2])
        if "boxes" in self.parts:
            element["boxes"] = self._boxes(rng)
        if "keypoints" in self.parts:
            points = rng.uniform(0, 1, (self.batch, 4, 2)) * (width - 1, height - 1)
            element["keypoints"] = points.astype(np.float32)
            if self.number % 2:
                seen = rng.integers(0, 3, (self.batch, 4, 1)).astype(np.float32)
                element["keypoints"] = np.concatenate([element["keypoints"], seen], axis=-1)
        return element

    @cached_property
    def unit_images(self) -> np.ndarray:
        """uint8 as it is, floats in 0..1."""
        images, (lo, hi) = self.element["images"], self.input_range
        if self.dtype == "uint8":
            return images
        images = images.astype(np.float32)
        if (lo, hi) == (0, 1):
            return images
        return (images - np.float32(lo)) * np.float32(1 / (hi - lo))

    def numbered_from(self, first: int) -> Case:
        """The case with other indices, counted up."""
        return replace(self, first=first, backwards=False)

    def _images(self, rng: np.random.Generator) -> np.ndarray:
        shape = (self.batch, *self.size, self.channels)
        if self.kind == "noise":
            levels = rng.integers(0, 256, shape)
        elif self.kind == "levels":
            levels = rng.choice([0, 64, 128, 200, 255], shape)
        elif self.kind == "flat":
            levels = np.broadcast_to(rng.integers(0, 256, (self.batch, 1, 1, self.channels)), shape)
        else:
            b, y, x, c = np.ogrid[: shape[0], : shape[1], : shape[2], : shape[3]]
            wave = np.sin(3 * y / shape[1] + c + b) * np.cos(2 * x / shape[2] + b)
            levels = np.round(128 + 100 * wave + rng.integers(-9, 10, (self.batch, 1, 1, 1)))
        levels = np.ascontiguousarray(levels).astype(np.uint8)
        if self.dtype == "uint8":
            return levels
        lo, hi = self.input_range
        return (levels / 255 * (hi - lo) + lo).astype(self.dtype)

    def _boxes(self, rng: np.random.Generator) -> dict[str, Any]:
        from augreg.annotations.boxes import from_edges
        from augreg.xp import NUMPY

        height, width = self.size
        ends = rng.uniform(0, 1, (self.batch, 3, 2, 2)) * (width, height)
        edges = np.concatenate([ends.min(axis=2), ends.max(axis=2)], axis=-1)
        labels = rng.integers(-1, 4, (self.batch, 3)).astype("int32")
        return {"boxes": from_edges(NUMPY, edges, self.box_format, self.size), "labels": labels}

    def __str__(self) -> str:
        rest = {
            key: getattr(self, key)
            for key in (
                *("size", "channels", "batch", "dtype", "input_range", "kind", "seed", "epoch"),
                *("first", "backwards", "training", "box_format", "parts"),
            )
        }
        return f"case {self.number}: {json.dumps(self.document)}\n  on {rest}"


# `equalize` changes nothing below 256 pixels
_SIDES = (5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 18, 20, 24, 24)


def make(number: int) -> Case:
    """The case of a number."""
    rng = random.Random(f"augreg net {number}")
    height = rng.choice(_SIDES)
    size = (height, height if rng.random() < 0.5 else rng.choice(_SIDES))
    if rng.random() < 0.04:
        size = rng.choice([(1, 1), (1, 9), (9, 1), (2, 7), (3, 3)])
    channels = 1 if rng.random() < 0.15 else 3
    generator = Generator(rng, size, channels)
    policy = generator.policy()
    dtype = rng.choice(["uint8", "uint8", "uint8", "float32", "float32", "float16"])
    return Case(
        number,
        policy,
        size,
        channels,
        rng.choice([1, 4, 4, 5, 5]) if rng.random() < 0.2 else rng.choice([4, 5]),
        dtype,
        rng.choice([(0, 1), (0, 1), (0, 255), (-1, 1)]),
        rng.choice(["noise", "noise", "noise", "smooth", "smooth", "levels", "flat"]),
        rng.choice([0, 7, UINT32 - 1, rng.randrange(UINT32)]),
        rng.choice([0, 1, 3, 8, UINT32 - 1]),
        rng.choice([0, 0, 12345, UINT32 - 2, rng.randrange(UINT32)]),
        rng.random() < 0.3,
        rng.random() < 0.93,
        rng.choice(FORMATS),
        _parts(rng, dict(policy.source)),
        generator.refused,
    )


def _parts(rng: random.Random, document: dict[str, Any]) -> tuple[str, ...]:
    """What comes with the images; mixed samples and blended warps take nothing with them."""
    parts = tuple(name for name in ("masks", "boxes", "keypoints") if rng.random() < 0.3)
    sections = document.get("prepare", []), document.get("augment", [])
    nodes = [node for part in sections for node in _nodes(part)]
    blends = any("mixture" in node or node.get("op") == "aug_mix" for node in nodes)
    mixes = any("op" in node and family(node["op"]) == "Mix" for node in nodes)
    return () if blends or mixes else parts


def _nodes(value: Any) -> Any:
    """Every step and group below a part of a document."""
    if isinstance(value, list):
        for part in value:
            yield from _nodes(part)
    elif isinstance(value, dict):
        if value.keys() & {"op", "sequence", "one_of", "some_of", "random_order", "mixture"}:
            yield value
        for part in value.values():
            yield from _nodes(part) if isinstance(part, list | dict) else ()
