"""Products of small matrices, spelled out: in one order of additions, and in int32 too."""

from __future__ import annotations

from augreg.xp import Array, Namespace


def small_matmul(xp: Namespace, x: Array, y: Array) -> Array:
    """Product of [.,n,k] and [.,k,m].

    matmul has no int32 kernel under XLA on the CPU, and its order of additions is its own.
    """
    columns, rows = xp.split(x, 2), xp.split(y, 1)
    total = columns[0] * rows[0]
    for column, row in zip(columns[1:], rows[1:], strict=True):
        total = total + column * row
    return total


def apply(xp: Namespace, matrix: Array, vector: Array) -> Array:
    """[B,n]: a matrix [B,n,k] of a vector [B,k]."""
    rows = xp.shape(matrix)[-2]
    n = xp.shape(vector)[-1]
    return xp.reshape(small_matmul(xp, matrix, xp.reshape(vector, (-1, n, 1))), (-1, rows))
