"""The work that every contestant does: policies, image sizes, and the images themselves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

POLICIES = ("tutorial_keras", "tutorial_tf_image", "geometry", "colour", "full", "randaugment")
SIZES = (32, 180, 224, 512)
SMALL = (32, 8, 4, 1)  # images in the small batches
FOLDER = Path(__file__).parent / "policies"

# The policy files are written for the tutorial's 180 pixels, padded to 186.
BASE, PADDED = 180, 186

# At 512 pixels 512 images would be 400 MB, and every process with its own copy would hold them.
SOURCE_BYTES = 100 * 2**20


@dataclass(frozen=True)
class Case:
    """One row of work. size: pixels a side; batch: images a batch; images: in the source."""

    policy: str
    size: int
    batch: int = 32

    @property
    def images(self) -> int:
        """How many different images the source holds: whole batches, at most 512."""
        most = min(512, SOURCE_BYTES // (3 * self.size**2))
        return max(self.batch, most // self.batch * self.batch)


@dataclass(frozen=True)
class Settings:
    """What the command line can set.

    rounds: turns for each contestant; seconds: the length of a turn; batch: images a batch;
    peers: only these contestants, if any; data: a folder of JPEG files.
    """

    rounds: int = 7
    seconds: float = 0.25
    policies: Sequence[str] = POLICIES
    sizes: Sequence[int] = SIZES
    peers: Sequence[str] = ()
    batch: int = 32
    quick: bool = False
    data: Path = Path("../shared/data/tf_flowers_sample")

    @property
    def main(self) -> int:
        """The size at which every contestant and policy is measured."""
        return BASE if BASE in self.sizes else self.sizes[0]

    def cases(self) -> list[Case]:
        """Every policy at the main size; elsewhere only `full`, where it is asked.

        The whole product takes four times as long and says little more: cost follows the pixels.
        """
        elsewhere = ("full",) if "full" in self.policies else self.policies
        found = [Case(policy, self.main, self.batch) for policy in self.policies]
        sizes = [size for size in self.sizes if size != self.main]
        return found + [Case(policy, size, self.batch) for size in sizes for policy in elsewhere]


def single_ops() -> dict[str, Any]:
    """Steps of one op, by its name and a variant's: written for 180 pixels."""
    loaded: dict[str, Any] = json.loads((FOLDER / "ops.json").read_text())
    return loaded


def policy(name: str, size: int = BASE) -> dict[str, Any]:
    """The policy file as a dict, with its sizes moved from 180 to `size`."""
    if name in (ops := single_ops()):
        return {"version": 1, "augment": ops[name]}
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    moved = {BASE: size, PADDED: size + PADDED - BASE}

    def move(step: Mapping[str, Any]) -> dict[str, Any]:
        return {k: moved[v] if k in ("height", "width") else v for k, v in step.items()}

    return {**loaded, "augment": [move(step) for step in loaded.get("augment", [])]}


def photograph(path: str | Path, size: int) -> np.ndarray:
    """A picture's pixels, uint8 [size,size,3]."""
    return np.asarray(Image.open(path).convert("RGB").resize((size, size)))


def images(case: Case, seed: int = 0) -> np.ndarray:
    """Smooth blobs with some noise, uint8 [N,H,W,3]: as compressible as photographs, from a seed.

    No kernel here is faster on easier pixels, so real photographs would only add a dependency;
    `python -m benchmarks files` reads those.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (case.images, 9, 9, 3)).astype(np.float32)
    at = np.linspace(0, 8, case.size)
    tent = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(9))).astype(np.float32)
    noise = rng.normal(0, 6, (case.size, case.size, 3)).astype(np.float32)
    result = np.empty((case.images, case.size, case.size, 3), np.uint8)
    for i in range(case.images):
        smooth = np.einsum("ya,abc,xb->yxc", tent, coarse[i], tent, optimize=True)
        result[i] = np.clip(smooth + np.roll(noise, i, axis=1), 0, 255)
    return result
