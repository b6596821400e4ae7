"""Linear algebra: `torch.linalg` in its names and arguments, as far as it is here.

Beside what stands here: `matmul`, `multi_dot`, `matrix_power`, `diagonal`, `det`, `inv`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from . import ops
from .compositions import cross as _cross
from .compositions import matrix_power, multi_dot
from .compositions import norm as _norm
from .compositions.shape import axis_of
from .engine.graph import Array
from .ops import det, diagonal, inv, matmul

__all__ = ["cholesky", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm",
           "slogdet", "solve", "vector_norm"]


def vector_norm(x: Array, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of the vectors along `dim`, or of all elements: sum(|x| ** ord) ** (1 / ord).

    inf and -inf are the largest and smallest |x|, 0 counts the elements that are not 0.

    Raises RuntimeError for integers and bool.
    """
    return _norm(x, ord, dim, keepdim, dtype)


def matrix_norm(A: Array, ord: float | str = "fro", dim: tuple[int, int] = (-2, -1), keepdim: bool = False, *,
                dtype: Any = None) -> Any:
    """The norm of the matrices whose rows and columns lie along the two axes of `dim`.

    "fro" is the root of the sum of squares, 1 and -1 the largest and smallest sum of |A| over a column, inf and -inf
    over a row.

    Raises NotImplementedError for the norms that are made of singular values: 2, -2 and "nuc".
    """
    rows, columns = (axis_of(A, axis) for axis in dim)
    if ord == "fro":
        return _norm(A, 2, (rows, columns), keepdim, dtype)
    if ord not in (1, -1, math.inf, -math.inf):
        raise NotImplementedError(f"matrix_norm: ord={ord!r} is not supported; it may be 'fro', 1, -1, inf or -inf")
    summed, compared = (rows, columns) if ord in (1, -1) else (columns, rows)
    found = _norm(_norm(A, 1, summed, True, dtype), math.copysign(math.inf, ord), compared, True)
    return found if keepdim else ops.reshape(found, [n for i, n in enumerate(A.shape) if i not in (rows, columns)])


def norm(A: Array, ord: float | str | None = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`matrix_norm` of a matrix or along two axes, else `vector_norm`; without `ord` always the root of squares.

    Raises RuntimeError for an `ord` and more than two axes to choose from.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[3.0, 4.0], [0.0, 1.0]])
    >>> tg.linalg.norm(x[0]), tg.linalg.norm(x, 1), tg.linalg.norm(x, float("inf"), dim=1)
    (tensor(5.), tensor(5.), tensor([4., 1.]))
    """
    axes = range(len(A.shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    if ord is None:
        return _norm(A, 2, dim, keepdim, dtype)
    if len(axes) > 2:
        raise RuntimeError(f"linalg.norm: with ord={ord!r} expected one or two axes, got {len(axes)}")
    if len(axes) == 2 or isinstance(ord, str):
        return matrix_norm(A, ord, tuple(axes), keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


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
