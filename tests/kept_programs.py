"""Programs kept by structure, and how many of them were compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from samples import noise

import augreg
from augreg.backends.options import RunOptions
from augreg.backends.reference.run import augmented
from augreg.backends.tensorflow import structured
from augreg.policy import Policy

IMAGES = noise(5, 24, 31, 3)
BYTES = {"output": {"dtype": "uint8", "range": [0, 255]}}


class Kept:
    """Programs, and how many of them were compiled."""

    def __init__(self, spy: mock.Mock) -> None:
        self.programs, self.spy = structured.Programs(), spy
        self.by_reference = False

    @property
    def compiled(self) -> int:
        return self.spy.call_count

    def __call__(self, policy: Policy, images: Any = IMAGES, **key: Any) -> Any:
        """A batch, or an element that holds one, after a policy."""
        key = {"seed": 7, "epoch": 2, "index": np.arange(5) * 3, **key}
        boxed = isinstance(images, dict) and "boxes" in images
        format_ = {"bounding_box_format": "xyxy"} if boxed else {}
        options = RunOptions.of(policy, key["seed"], **format_)
        return augmented(images, options, key["index"], key["epoch"], self._run)

    def _run(self, planned: Any, draws: Any, images: Any, _: Any) -> Any:
        lowered = self.programs.lowered(planned, draws, len(images))
        found = self.programs.run(lowered, images)
        self.by_reference = found is None
        return images if found is None else found

    def agrees(self, policy: Policy, images: Any = IMAGES, **key: Any) -> None:
        """Raises where the pixels are not the reference's."""
        key = {"seed": 7, "epoch": 2, "index": np.arange(5) * 3, **key}
        expected = augreg.augment(images, policy, **key)
        found = self(policy, images, **key)
        assert found.dtype == expected.dtype and found.shape == expected.shape
        bound = 1 if expected.dtype == np.uint8 else 1 / 255 + 1e-6
        assert np.abs(found.astype(float) - expected).max() <= bound


@contextmanager
def counted() -> Iterator[Kept]:
    """Programs of which none is compiled yet."""
    with mock.patch.object(structured, "_compiled", wraps=structured._compiled) as spy:
        yield Kept(spy)
