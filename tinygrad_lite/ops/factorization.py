"""Functions of square matrices, one or a batch: inverse, solutions of equations, determinant, Cholesky's factor.

The derivatives are those of M. Giles, An extended collection of matrix derivative results (2008).
"""

from __future__ import annotations

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from .products import matmul
from .reduce import in_float32, widened
from .shape import reshape, transpose, tril

in_silence = np.errstate(all="ignore")
"""Decorator: `np.linalg` warns in its own name, which the filter of `backend.py` does not know as ours."""


@op(tex=r"{A}^{{-1}}", promotion="float")
@in_float32
@in_silence
def inv(A: Array, regular: bool = True) -> Array:
    """The inverse X of square matrices: A X = X A = 1.

    Unless `regular`, singular matrices are let pass: their inverse is the matrix of cofactors over 0, inf and nan.

    Shapes: (..., n, n); result the same.
    Raises LinAlgError (a ValueError) for a singular matrix or one that is not square.

    >>> import tinygrad_lite as tg
    >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    if regular:
        return np.linalg.inv(A)
    singular = np.linalg.det(A)[..., None, None] == 0
    inverse = np.linalg.inv(np.where(singular, on_diagonal(A), A))
    return np.where(singular, cofactors_by_svd(A).swapaxes(-1, -2) / 0.0, inverse) if singular.any() else inverse


@inv.vjp("A")
def _(g, y):
    inverse = transpose(y)
    return -matmul(matmul(inverse, g), inverse)


@op(tex=r"{A}^{{-1}} {B}", promotion="float")
@in_float32
@in_silence
def solve_matrix(A: Array, B: Array) -> Array:
    """The X with A X = B, for square A and matrices B; batches are broadcast.

    Shapes: A (..., n, n), B (..., n, k); result (..., n, k).
    Raises LinAlgError (a ValueError) for a singular matrix, ValueError for shapes that do not fit.
    """
    return np.linalg.solve(A, B.astype(A.dtype, copy=False))


@solve_matrix.vjp("A")
def _(g, A, y):
    return -matmul(solve_matrix(transpose(A), g), transpose(y))


@solve_matrix.vjp("B")
def _(g, A):
    return solve_matrix(transpose(A), g)


@op(tex=r"\det {A}", promotion="float")
@in_float32
@in_silence
def det(A: Array) -> Array:
    """The determinant of square matrices: the sum, over the permutations s, of sign(s) a_0s(0) a_1s(1) ...

    Shapes: (..., n, n); result (...).
    Raises LinAlgError (a ValueError) for a matrix that is not square.
    """
    return np.linalg.det(A)


@det.vjp("A")
def _(g, A, y):
    return reshape(g, (*y.shape, 1, 1)) * cofactors(A)


@op(tex=r"\operatorname{{cof}}({A})", promotion="float")
@in_float32
@in_silence
def cofactors(A: Array) -> Array:
    """The cofactors of square matrices, the gradient of the determinant: y_ij = (-1) ** (i + j) times the determinant
    of A without row i and column j; also where A is singular.

    Of a regular matrix they are det(A) times its inverse, transposed.

    Shapes: (..., n, n); result the same.
    Raises LinAlgError (a ValueError) for a matrix that is not square.
    """
    d = np.linalg.det(A)
    if np.all((d != 0) & (np.abs(d) < np.inf)):
        return d[..., None, None] * np.linalg.inv(A).swapaxes(-1, -2)
    return cofactors_by_svd(A)


@cofactors.define
def _(A):
    d = det(A)
    return reshape(d, (*d.shape, 1, 1)) * transpose(inv(A))


@cofactors.vjp("A", raw=True)
@in_silence
def _(g, A):
    """With A = U S V^T cof(A) = det(UV) U cof(S) V^T, and S, which is diagonal, has simple derivatives."""
    U, s, Vt = singular_values(widened(A))
    turned = np.matmul(np.matmul(U.swapaxes(-1, -2), g), Vt.swapaxes(-1, -2))
    one = on_diagonal(A)
    others = np.prod(np.where(one[:, None] | one, 1, s[..., None, None, :]), -1)  # all but two
    diagonal = others * ~one * np.diagonal(turned, 0, -2, -1)[..., None, :]
    middle = np.where(one, diagonal.sum(-1)[..., None], -others * turned.swapaxes(-1, -2))
    return orientation(U, Vt) * np.matmul(np.matmul(U, middle), Vt)


def cofactors_by_svd(A):
    """The cofactors without a division: from the singular values, and the products of all but one of them."""
    U, s, Vt = singular_values(A)
    others = np.prod(np.where(on_diagonal(A), 1, s[..., None, :]), -1)
    return orientation(U, Vt) * np.matmul(U * others[..., None, :], Vt)


def singular_values(A):
    """U, s and V^T with A = U diag(s) V^T; nan for a matrix with nan or infinity, where LAPACK may never come back."""
    finite = np.isfinite(A).all((-1, -2), keepdims=True)
    U, s, Vt = np.linalg.svd(np.where(finite, A, 0))
    return U, np.where(finite[..., 0], s, np.nan), Vt


def on_diagonal(A):
    """Where the rows and columns of square matrices meet in the diagonal."""
    place = np.arange(A.shape[-1], like=A)
    return place[:, None] == place


def orientation(U, Vt):
    """1 or -1: the determinant of the product of two orthogonal matrices, with two axes more."""
    return np.sign(np.linalg.det(U) * np.linalg.det(Vt))[..., None, None]


@op(tex=r"\log |\det {A}|", promotion="float")
@in_float32
@in_silence
def logabsdet(A: Array) -> Array:
    """log |det A|, the logarithm of the absolute value of the determinant, without overflow of the determinant itself.

    Shapes: (..., n, n); result (...).
    Raises LinAlgError (a ValueError) for a matrix that is not square.
    """
    return np.linalg.slogdet(A)[1]


@logabsdet.vjp("A")
def _(g, A):
    return reshape(g, (*g.shape, 1, 1)) * transpose(inv(A, False))


@op(tex=r"\operatorname{{sign}} \det {A}", promotion="float")
@in_float32
@in_silence
def sign_of_det(A: Array) -> Array:
    """sign(det A), the sign of the determinant: 1, -1, or 0.

    Shapes: (..., n, n); result (...).
    """
    return np.linalg.slogdet(A)[0]


@sign_of_det.vjp("A")
def _(g, A):
    return 0.0 * A


@op(tex=r"\operatorname{{chol}}({A})", promotion="float")
@in_float32
@in_silence
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
