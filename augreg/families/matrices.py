"""Small matrices, spelled out: in one order of additions, and in int32 too."""

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


def to_projective(xp: Namespace, affine: Array) -> Array:
    """[B,3,3]: a linear part [B,2,2] or an affine map [B,2,3], with the row (0, 0, 1) below."""
    if xp.shape(affine)[-1] == 2:
        affine = xp.concat([affine, xp.zeros_like(affine[:, :, :1])], axis=2)
    zero = xp.zeros_like(affine[:, :1, :1])
    last = xp.concat([zero, zero, zero + 1.0], axis=2)
    return xp.concat([affine, last], axis=1)


def inverse(xp: Namespace, m: Array) -> Array:
    """The inverse [B,3,3] up to a positive factor per matrix, by cofactors; float64."""
    entries = _entries(xp, m)
    cofactors = [[_cofactor(entries, i, j) for j in range(3)] for i in range(3)]
    rows = [xp.stack([row[i] for row in cofactors], axis=-1) for i in range(3)]
    return xp.stack(rows, axis=-2) / xp.reshape(_expanded(entries[0], cofactors[0]), (-1, 1, 1))


def determinant(xp: Namespace, m: Array) -> Array:
    """[B], of matrices [B,3,3]: below 0 where a map mirrors."""
    entries = _entries(xp, m)
    return _expanded(entries[0], [_cofactor(entries, 0, j) for j in range(3)])


def _entries(xp: Namespace, m: Array) -> list[list[Array]]:
    """[B] each, row by row; taken out at once, as each slice is four operations of a graph."""
    return [xp.unstack(row, axis=1) for row in xp.unstack(m, axis=1)]


def _cofactor(entries: list[list[Array]], i: int, j: int) -> Array:
    a, b = (i + 1) % 3, (i + 2) % 3
    c, d = (j + 1) % 3, (j + 2) % 3
    return entries[a][c] * entries[b][d] - entries[a][d] * entries[b][c]


def _expanded(row: list[Array], cofactors: list[Array]) -> Array:
    """The determinant, along the first row."""
    return row[0] * cofactors[0] + row[1] * cofactors[1] + row[2] * cofactors[2]
