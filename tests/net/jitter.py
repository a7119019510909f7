"""What rounding could do: small disturbances, to learn which pixels a tie decides.

Two right ways of running a policy round differently in their last bits. Where a later step has an
edge (levels, thresholds, the nearest pixel), a last bit may become a whole level. A pixel may
differ by so much only where disturbances of that size show that it does.
"""

from __future__ import annotations

import numpy as np

VALUE = 2e-6  # float32 keeps 6e-8 of values near 1, over a few dozen operations
PLACE = 1e-5  # of a position in pixels; float32 keeps 2e-6 of positions near 24


class Jitter:
    """Disturbs nothing. A subclass of it does."""

    def values(self, image: np.ndarray) -> np.ndarray:
        return image

    def places(self, x: np.ndarray, y: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray]:
        return x, y


class Disturbing(Jitter):
    """Adds what rounding could: by sample and by pixel, of both signs."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        self.rng, self.scale = np.random.default_rng(seed), scale

    def values(self, image: np.ndarray) -> np.ndarray:
        if image.dtype == np.uint8:
            return image
        size = VALUE * self.scale * np.maximum(np.abs(image), 1)
        return (image + self._signs(image.shape) * size).astype(np.float32)

    def places(self, x: np.ndarray, y: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray]:
        if exact:
            return x, y
        return tuple(  # type: ignore[return-value]
            axis + self._signs(axis.shape) * PLACE * self.scale * np.maximum(np.abs(axis) / 24, 1)
            for axis in (x, y)
        )

    def _signs(self, shape: tuple[int, ...]) -> np.ndarray:
        """-1 to 1: one number for all, or one for each."""
        if self.rng.random() < 0.4:
            return np.full(shape, self.rng.choice([-1.0, 1.0]))
        return self.rng.choice([-1.0, 0.0, 1.0], shape)
