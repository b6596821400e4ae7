"""Functions of square matrices, one or a batch: inverse, solutions of equations, determinant, Cholesky's factor.

The derivatives are those of M. Giles, An extended collection of matrix derivative results (2008).
"""

from __future__ import annotations

import numpy as np

from ..graph import Array
from ..operation import op
from .linalg import matmul
from .reduce import in_float32
from .shape import reshape, transpose, tril


@op(tex=r"{A}^{{-1}}", promotion="float")
@in_float32
def inv(A: Array) -> Array:
    """The inverse X of square matrices: A X = X A = 1.

    Shapes: (..., n, n); result the same.
    Raises LinAlgError (a ValueError) for a singular matrix or one that is not square.

    >>> import tinygrad_lite as tg
    >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    with np.errstate(all="ignore"):  # NumPy would warn in its own name
        return np.linalg.inv(A)


@inv.vjp("A")
def _(g, y):
    inverse = transpose(y)
    return -matmul(matmul(inverse, g), inverse)


@op(tex=r"{A}^{{-1}} {B}", promotion="float")
@in_float32
def solve_matrix(A: Array, B: Array) -> Array:
    """The X with A X = B, for square A and matrices B; batches are broadcast.

    Shapes: A (..., n, n), B (..., n, k); result (..., n, k).
    Raises LinAlgError (a ValueError) for a singular matrix, ValueError for shapes that do not fit.
    """
    with np.errstate(all="ignore"):  # NumPy would warn in its own name
        return np.linalg.solve(A, B.astype(A.dtype, copy=False))


@solve_matrix.vjp("A")
def _(g, A, y):
    return -matmul(solve_matrix(transpose(A), g), transpose(y))


@solve_matrix.vjp("B")
def _(g, A):
    return solve_matrix(transpose(A), g)


@op(tex=r"\det {A}", promotion="float")
@in_float32
def det(A: Array) -> Array:
    """The determinant of square matrices: the sum, over the permutations s, of sign(s) a_0s(0) a_1s(1) ...

    Its gradient exists where no matrix is singular.

    Shapes: (..., n, n); result (...).
    Raises LinAlgError (a ValueError) for a matrix that is not square.
    """
    with np.errstate(all="ignore"):  # NumPy would warn in its own name
        return np.linalg.det(A)


@det.vjp("A")
def _(g, A, y):
    return reshape(g * y, (*y.shape, 1, 1)) * transpose(inv(A))


@op(tex=r"\log |\det {A}|", promotion="float")
@in_float32
def logabsdet(A: Array) -> Array:
    """log |det A|, the logarithm of the absolute value of the determinant, without overflow of the determinant itself.

    Shapes: (..., n, n); result (...).
    Raises LinAlgError (a ValueError) for a matrix that is not square.
    """
    with np.errstate(all="ignore"):  # NumPy would warn in its own name
        return np.linalg.slogdet(A)[1]


@logabsdet.vjp("A")
def _(g, A):
    return reshape(g, (*g.shape, 1, 1)) * transpose(inv(A))


@op(tex=r"\operatorname{{sign}} \det {A}", promotion="float")
@in_float32
def sign_of_det(A: Array) -> Array:
    """sign(det A), the sign of the determinant: 1, -1, or 0.

    Shapes: (..., n, n); result (...).
    """
    with np.errstate(all="ignore"):  # NumPy would warn in its own name
        return np.linalg.slogdet(A)[0]


@sign_of_det.vjp("A")
def _(g, A):
    return 0.0 * A


@op(tex=r"\operatorname{{chol}}({A})", promotion="float")
@in_float32
def cholesky_factor(A: Array) -> Array:
    """The lower triangular L with L L^T = A, for positive definite A of which only the lower triangle is read.

    Shapes: (..., n, n); result the same.
    Raises LinAlgError (a ValueError) for a matrix that is not positive definite or not square.
    """
    return np.linalg.cholesky(A)


@cholesky_factor.vjp("A")
def _(g, y):
    inverse = inv(y)
    moved = matmul(matmul(transpose(inverse), half_of_diagonal(matmul(transpose(y), tril(g)))), inverse)
    return half_of_diagonal(moved + transpose(moved))  # an element of the lower triangle stands for two


def half_of_diagonal(x):
    """The lower triangle with half of the diagonal."""
    return 0.5 * (tril(x) + tril(x, -1))
