"""Which rows of a batch each of several trainers takes."""

from __future__ import annotations


def slice_rows(batch_size: int, index: int, count: int) -> tuple[int, int]:
    """The rows [first, end) of slice `index` of `count`, by position in the global batch.

    Sizes differ by one at most. They are of a full batch: of a last, shorter one the later slices
    have less, or nothing. The first has a row of every batch.

    >>> [slice_rows(32, i, 3) for i in range(3)]
    [(0, 11), (11, 22), (22, 32)]
    """
    return -(-batch_size * index // count), -(-batch_size * (index + 1) // count)
