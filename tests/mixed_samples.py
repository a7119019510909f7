"""Batches with boxes, masks and keypoints for steps that mix samples, and what to compare."""

from __future__ import annotations

from typing import Any

import numpy as np

B, N, H, W = 6, 3, 24, 31
FORMAT = {"bounding_box_format": "xyxy"}
OPTIONS = {**FORMAT, "keypoint_pairs": [(0, 1)]}


def policy(*steps: Any) -> dict[str, Any]:
    return {"version": 1, "augment": list(steps), "output": {"dtype": "uint8", "range": [0, 255]}}


def batch() -> dict[str, Any]:
    """Images whose pixels are 10 (b + 1), with up to N boxes of classes b N + n, masks alike."""
    rng = np.random.default_rng(4)
    boxes, classes = np.zeros((B, N, 4), np.float32), np.full((B, N), -1)
    for b in range(B):
        for n in range(b % (N + 1)):
            left, top = rng.integers(0, W - 6), rng.integers(0, H - 6)
            right, bottom = rng.integers(left + 3, W + 1), rng.integers(top + 3, H + 1)
            boxes[b, n], classes[b, n] = (left, top, right, bottom), b * N + n
    boxes[2, 0] = (0, 0, W, H)
    levels = np.arange(1, B + 1, dtype=np.uint8) * 10
    masks = np.broadcast_to(levels[:, None, None], (B, H, W)).copy()
    return {
        "images": np.repeat(masks[..., None], 3, -1),
        "masks": masks.astype(np.int32),
        "boxes": {
            "boxes": boxes,
            "labels": classes,
            "ids": np.arange(100, 100 + B * N).reshape(B, N),
        },
        "keypoints": rng.uniform(0, 20, (B, N, 2, 3)).astype(np.float32),
    }


def painted(box: np.ndarray) -> np.ndarray:
    """bool [H,W]: the pixels of a box of whole pixels."""
    left, top, right, bottom = box.astype(int)
    pixels = np.zeros((H, W), bool)
    pixels[top:bottom, left:right] = True
    return pixels


def tight(pixels: np.ndarray) -> list[int]:
    """The edges of a region: left, top, right, bottom."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def rows_of(boxes: dict[str, Any], sample: int) -> list[tuple[int, int, list[float]]]:
    """(class, id, edges) of a sample's boxes that are there."""
    parts = (np.asarray(boxes[name])[sample] for name in ("labels", "ids", "boxes"))
    return [(int(c), int(i), b.tolist()) for c, i, b in zip(*parts, strict=True) if c >= 0]


def assert_alike(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found["boxes"]["labels"], expected["boxes"]["labels"])
    np.testing.assert_array_equal(found["boxes"]["ids"], expected["boxes"]["ids"])
    np.testing.assert_allclose(found["boxes"]["boxes"], expected["boxes"]["boxes"], atol=1e-4)
    np.testing.assert_allclose(found["keypoints"], expected["keypoints"], atol=1e-4)
    assert np.mean(np.asarray(found["masks"]) != expected["masks"]) < 0.01
    assert np.mean(np.asarray(found["images"]) != expected["images"]) < 0.01
