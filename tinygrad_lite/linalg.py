"""Linear algebra: `torch.linalg` in its names and arguments, as far as it is here.

Beside what stands here: `norm`, `vector_norm`, `matmul`, `cross`, `diagonal`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import ops
from .compositions import cross as _cross
from .compositions import norm
from .graph import Array
from .ops import det, diagonal, inv, matmul, vector_norm

__all__ = ["cholesky", "cross", "det", "diagonal", "inv", "matmul", "norm", "slogdet", "solve", "vector_norm"]


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


def slogdet(A: Array) -> SlogdetResult:
    """The sign of the determinant and the logarithm of its absolute value, which does not overflow.

    Shapes: (..., n, n); both results (...).
    Raises LinAlgError (a ValueError) for a matrix that is not square.

    >>> import tinygrad_lite as tg
    >>> tg.linalg.slogdet(tg.tensor([[0.0, 1.0], [1.0, 0.0]])).sign
    tensor(-1.)
    """
    return SlogdetResult(ops.sign_of_det(A), ops.logabsdet(A))


def solve(A: Array, B: Array) -> Any:
    """The X with A X = B.

    Shapes: A (..., n, n); B (..., n, k) or, a vector for each matrix, (..., n); X has the shape of B, broadcast.
    Raises LinAlgError (a ValueError) for a singular matrix, ValueError for shapes that do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.linalg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([1.0, 1.0]))
    tensor([0.5000, 0.2500])
    """
    if len(B.shape) == 1 or B.shape == A.shape[:-1]:
        found = ops.solve_matrix(A, ops.reshape(B, (*B.shape, 1)))
        return ops.reshape(found, found.shape[:-1])
    return ops.solve_matrix(A, B)


def cholesky(A: Array, *, upper: bool = False) -> Any:
    """The lower triangular L with L L^T = A, for symmetric positive definite A; with `upper` its transpose.

    Of an A that is not symmetric, (A + A^T) / 2 is taken, so that its gradient is symmetric.
    Shapes: (..., n, n).
    Raises LinAlgError (a ValueError) for a matrix that is not positive definite or not square.

    >>> import tinygrad_lite as tg
    >>> tg.linalg.cholesky(tg.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    factor = ops.cholesky_factor(0.5 * (A + ops.transpose(A, -2, -1)))
    return ops.transpose(factor, -2, -1) if upper else factor


def cross(input: Array, other: Array, *, dim: int = -1) -> Any:
    """The cross product of vectors of three along `dim`.

    Raises RuntimeError for other vectors.
    """
    return _cross(input, other, dim)
