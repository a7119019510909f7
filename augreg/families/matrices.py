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
    cofactors, of_matrix = _cofactors(xp, m)
    rows = [xp.stack([cofactors[j][i] for j in range(3)], axis=-1) for i in range(3)]
    return xp.stack(rows, axis=-2) / xp.reshape(of_matrix, (-1, 1, 1))


def determinant(xp: Namespace, m: Array) -> Array:
    """[B], of matrices [B,3,3]: below 0 where a map mirrors."""
    return _cofactors(xp, m)[1]


def _cofactors(xp: Namespace, m: Array) -> tuple[list[list[Array]], Array]:
    """Of each entry [B] of [B,3,3], and the determinant [B]."""
    entries = [xp.unstack(row, axis=1) for row in xp.unstack(m, axis=1)]
    after = [(i + 1) % 3 for i in range(3)]

    def cofactor(i: int, j: int) -> Array:
        a, c = after[i], after[j]
        b, d = after[a], after[c]
        return entries[a][c] * entries[b][d] - entries[a][d] * entries[b][c]

    made = [[cofactor(i, j) for j in range(3)] for i in range(3)]
    (x, y, z), (of_x, of_y, of_z) = entries[0], made[0]
    return made, x * of_x + y * of_y + z * of_z
