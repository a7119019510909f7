"""torchvision's v2 transforms, an image at a time, and Kornia's augmentations, batch by batch.

As a DataLoader runs them: torchvision in workers of one thread each, Kornia in a process with as
many threads as torch likes. Both have images channels first. Their `ColorJitter` multiplies the
brightness where ours adds; torchvision has no reflected borders, so its warps fill with black.
"""

from typing import Any

import kornia.augmentation as K
import numpy as np
import torch
from torchvision.transforms import v2

from benchmarks.measure import Skipped
from benchmarks.peers.processes import Fill

BILINEAR = v2.InterpolationMode.BILINEAR
MOVES = (0.2, 0.2), (0.8, 1.2)  # translations and scales
REFLECT = {"padding_mode": "reflection", "p": 1.0}


def torchvision(policy: str, size: int) -> list[Any]:
    """The policy's transforms of a uint8 image [3,H,W]."""
    flips = [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()]
    match policy:
        case "tutorial_keras":
            return [*flips, v2.RandomRotation(72, BILINEAR)]
        case "tutorial_tf_image":
            return [v2.RandomCrop(size, padding=3), v2.ColorJitter(brightness=0.5)]
        case "geometry":
            return [*flips, v2.RandomAffine(72, *MOVES, interpolation=BILINEAR)]
        case "colour":
            return [v2.ColorJitter(0.2, 0.3, 0.5), v2.RandomGrayscale(0.2)]
        case "full":
            return torchvision("geometry", size) + torchvision("colour", size)
        case "randaugment":
            return [v2.RandAugment(2, 9, interpolation=BILINEAR)]
    raise Skipped(f"no equivalent of {policy} was written for torchvision")


def kornia(policy: str, size: int) -> list[Any]:
    """The policy's modules on float32 batches [B,3,H,W] in 0..1."""
    flips = [K.RandomHorizontalFlip(), K.RandomVerticalFlip()]
    match policy:
        case "tutorial_keras":
            return [*flips, K.RandomAffine(72.0, **REFLECT)]
        case "tutorial_tf_image":
            crop = K.RandomCrop((size, size), padding=3, cropping_mode="slice")
            return [crop, K.RandomBrightness((0.5, 1.5), p=1.0)]
        case "geometry":
            return [*flips, K.RandomAffine(72.0, *MOVES, **REFLECT)]
        case "colour":
            return [K.ColorJitter(0.2, 0.3, 0.5, p=1.0), K.RandomGrayscale(p=0.2)]
        case "full":
            return kornia("geometry", size) + kornia("colour", size)
    raise Skipped(f"no equivalent of {policy} was written for Kornia")


def filler(policy: str, size: int, seed: int, batched: bool) -> Fill:
    """Fills a batch with Kornia (batched) or torchvision, channels first."""
    torch.manual_seed(seed)
    if batched:
        step = torch.nn.Sequential(*kornia(policy, size))
    else:
        torch.set_num_threads(1)
        step = v2.Compose([*torchvision(policy, size), v2.ToDtype(torch.float32, scale=True)])

    def fill(images: np.ndarray, into: np.ndarray) -> None:
        batch = torch.from_numpy(images).permute(0, 3, 1, 2)
        target = torch.from_numpy(into.reshape(batch.shape))
        if batched:
            target.copy_(step(batch.float() / 255).clamp(0, 1))
        else:
            for image, place in zip(batch, target, strict=True):
                place.copy_(step(image))

    return fill
