"""The embedded digits: real, small, and there without a network.

The test part (1,797 images of 13 writers) of the UCI set "Optical Recognition of Handwritten
Digits" by E. Alpaydin and C. Kaynak, CC BY 4.0, https://doi.org/10.24432/C50P49
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from augreg.sources.openers import Reading
from augreg.sources.source import Source, Split

# In the set's own order, in which writers follow one another: most of those in the test split
# are not in the training split.
_PARTS = {"train": slice(0, 1297), "validation": slice(1297, 1547), "test": slice(1547, 1797)}


def open_digits(spec: str, _: Reading) -> Source:
    """Ten classes of uint8 [8, 8, 3] images, grey, 0..255: 1297, 250 and 250 of them."""
    with np.load(Path(__file__).parents[1] / "data" / "digits.npz", allow_pickle=False) as file:
        grey, labels = file["images"], file["labels"].astype(np.int64)
    # Stored as the set has them, 0..16 strokes in a cell.
    levels = np.round(np.arange(17) * 255 / 16).astype(np.uint8)
    images = np.repeat(levels[grey][..., None], 3, axis=-1)
    splits = {
        name: Split(
            part.stop - part.start,
            tf.data.Dataset.from_tensor_slices((images[part], labels[part])),
        )
        for name, part in _PARTS.items()
    }
    note = "the splits are 1297, 250 and 250 images in the order of the set"
    return Source(spec, tuple("0123456789"), splits, notes=(note,))
