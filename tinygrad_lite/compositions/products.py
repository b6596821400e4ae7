"""Compositions of products."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..engine.call import wrap
from ..engine.graph import Array
from .reduce import norm
from .shape import unsqueeze

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def mm(input: Array, mat2: Array) -> Any:
    """The product of two matrices.

    Raises RuntimeError for operands that are none.
    """
    if len(input.shape) != 2 or len(mat2.shape) != 2:
        raise RuntimeError(f"mm: both operands must be matrices, got shapes {input.shape} and {mat2.shape}")
    return ops.matmul(input, mat2)


def dot(input: Array, tensor: Array) -> Any:
    """The dot product of two vectors.

    Raises RuntimeError for operands that are none, or of different lengths.
    """
    if len(input.shape) != 1 or input.shape != tensor.shape:
        raise RuntimeError(f"dot: expected two vectors of one length, got shapes {input.shape} and {tensor.shape}")
    return ops.matmul(input, tensor)


def mv(input: Array, vec: Array) -> Any:
    """The product of a matrix and a vector.

    Raises RuntimeError for operands that are none.
    """
    if len(input.shape) != 2 or len(vec.shape) != 1:
        raise RuntimeError(f"mv: expected a matrix and a vector, got shapes {input.shape} and {vec.shape}")
    return ops.matmul(input, vec)


def bmm(input: Array, mat2: Array) -> Any:
    """The products of the matrices of two batches.  Shapes: (b, n, m) and (b, m, p); result (b, n, p).

    Raises RuntimeError for operands that are no batches of equal size.
    """
    if len(input.shape) != 3 or len(mat2.shape) != 3 or input.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"bmm: expected two batches of matrices, got shapes {input.shape} and {mat2.shape}")
    return ops.matmul(input, mat2)


def outer(input: Array, vec2: Array) -> Any:
    """The products of all pairs: y_ij = x_i v_j.

    Raises RuntimeError for operands that are no vectors.
    """
    if len(input.shape) != 1 or len(vec2.shape) != 1:
        raise RuntimeError(f"outer: expected two vectors, got shapes {input.shape} and {vec2.shape}")
    return ops.mul(ops.reshape(input, (-1, 1)), vec2)


ger = outer


def vdot(input: Array, other: Array) -> Any:
    """`dot`; for complex numbers PyTorch's conjugates the first."""
    return dot(input, other)


def inner(input: Array, other: Array) -> Any:
    """The dot products of all pairs of vectors along the last axes; a product where one operand is a number.

    Shapes: (..., n) and (***, n); result (..., ***).
    Raises RuntimeError where n differs.
    """
    if not input.shape or not other.shape:
        return ops.mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(f"inner() the last dimension must match, but got {input.shape} and {other.shape}")
    return tensordot(input, other, ([-1], [-1]))


def addmm(input: Array, mat1: Array, mat2: Array, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * (mat1 @ mat2); with beta = 0 the input is not looked at.

    Raises RuntimeError for operands that are no matrices, ValueError for an input that cannot be broadcast to them.
    """
    return _plus(input, mm(mat1, mat2), beta, alpha)


def addmv(input: Array, mat: Array, vec: Array, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * (mat @ vec); see `addmm`."""
    return _plus(input, mv(mat, vec), beta, alpha)


def baddbmm(input: Array, batch1: Array, batch2: Array, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * (batch1 @ batch2), for batches of matrices; see `addmm`."""
    return _plus(input, bmm(batch1, batch2), beta, alpha)


def _plus(input: Array, product: Array, beta: Any, alpha: Any) -> Any:
    product = product if alpha == 1 else ops.mul(product, alpha)
    input = ops.expand(input, product.shape)
    if beta == 0:
        return product
    return ops.add(input if beta == 1 else ops.mul(input, beta), product)


def tensordot(a: Array, b: Array, dims: Any = 2) -> Any:
    """The sum of products over several axes: the last `dims` of `a` and the first of `b`, or two lists of axes.

    An axis of size 1 counts for each element of the other's.

    Shapes: the other axes of `a`, and then those of `b`.
    Raises RuntimeError where the lists or the sizes of the axes do not agree.

    >>> import tinygrad_lite as tg
    >>> tg.tensordot(tg.ones(2, 3, 4), tg.ones(3, 4, 5)).shape
    (2, 5)
    """
    if isinstance(dims, int):
        if not 0 <= dims <= builtins.min(len(a.shape), len(b.shape)):
            raise RuntimeError(f"tensordot: dims={dims} of shapes {a.shape} and {b.shape}")
        dims = (range(len(a.shape) - dims, len(a.shape)), range(dims))
    pairs = [[range(len(x.shape))[d] for d in ([given] if isinstance(given, int) else given)]
             for x, given in zip((a, b), dims, strict=True)]
    if len(pairs[0]) != len(pairs[1]) or any(len({*axes}) < len(axes) for axes in pairs):
        raise RuntimeError(f"tensordot: both dimension lists should have the same length and no axis twice, got {dims}")
    letters = LETTERS
    first = [*letters[: len(a.shape)]]
    second = [*letters[len(a.shape) : len(a.shape) + len(b.shape)]]
    for d, e in zip(*pairs, strict=True):
        if b.shape[e] == 1 != a.shape[d]:
            a = ops.sum(a, d, True)
        elif a.shape[d] == 1 != b.shape[e]:
            b = ops.sum(b, e, True)
        elif a.shape[d] != b.shape[e]:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {a.shape[d]} in dim {d} "
                               f"and second has size {b.shape[e]} in dim {e}")
        second[e] = first[d]
    result = [c for c in first if c not in second] + [c for c in second if c not in first]
    return ops.contract([a, b], f"{''.join(first)},{''.join(second)}->{''.join(result)}")


def kron(input: Array, other: Array) -> Any:
    """Kronecker's product: a block x_ij * other for each element x_ij.

    >>> import tinygrad_lite as tg
    >>> tg.kron(tg.tensor([[1, 2]]), tg.tensor([[1, 0], [0, 1]]))
    tensor([[1, 0, 2, 0],
            [0, 1, 0, 2]])
    """
    ndim = builtins.max(len(input.shape), len(other.shape))
    shapes = [(1,) * (ndim - len(x.shape)) + tuple(x.shape) for x in (input, other)]
    a = ops.reshape(input, [n for size in shapes[0] for n in (size, 1)])
    b = ops.reshape(other, [n for size in shapes[1] for n in (1, size)])
    return ops.reshape(ops.mul(a, b), [n * m for n, m in zip(*shapes, strict=True)])


def cross(input: Array, other: Array, dim: int | None = None) -> Any:
    """The cross product of vectors of three along `dim` (the first axis of size 3): y_i = x_i+1 z_i+2 - x_i+2 z_i+1.

    Raises RuntimeError where there is no such axis.
    """
    shape = np.broadcast_shapes(input.shape, other.shape)
    if dim is None:
        dim = shape.index(3) if 3 in shape else 0
    if len(input.shape) != len(other.shape) or not shape or shape[dim] != 3:
        raise RuntimeError(f"cross: expected vectors of 3 along dim {dim}, got shapes {input.shape} and {other.shape}")
    input, other = ops.expand(input, shape), ops.expand(other, shape)
    return ops.sub(ops.mul(ops.roll(input, -1, dim), ops.roll(other, -2, dim)),
                   ops.mul(ops.roll(input, -2, dim), ops.roll(other, -1, dim)))


def cdist(x1: Array, x2: Array, p: float = 2.0) -> Any:
    """The distances of all pairs of rows: y_ij = norm(x_i - z_j) with the power `p`; 0 has the gradient 0.

    From the differences themselves: |x|^2 - 2 x z + |z|^2 would lose all digits of a small distance.
    Shapes: (..., n, d) and (..., m, d); result (..., n, m).
    Raises RuntimeError for operands that are no matrices of equal width, or a negative p.

    >>> import tinygrad_lite as tg
    >>> tg.cdist(tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if len(x1.shape) < 2 or len(x2.shape) < 2 or x1.shape[-1] != x2.shape[-1] or p < 0:
        raise RuntimeError(f"cdist: expected matrices of equal width and p >= 0, got {x1.shape}, {x2.shape} and {p}")
    return norm(ops.sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)


def einsum(equation: Any, *operands: Any) -> Any:
    """Einstein's summation: products over shared letters, summed over those that the result does not name.

    The equation is NumPy's and PyTorch's: "ij,jk->ik", "ii" (a trace), "...ij,...jk" (batches).  Or each operand is
    followed by the list of its axes as numbers, `einsum(a, [0, 1], b, [1, 2], [0, 2])`.  An operand that is only
    permuted gives a view, as in PyTorch.
    Raises ValueError for an equation that does not fit the operands.

    >>> import tinygrad_lite as tg
    >>> a = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tg.einsum("ij,ij->", a, a)
    tensor(30.)
    """
    if not isinstance(equation, str):
        return einsum(*_from_lists((equation, *operands)))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    terms, result = _terms(equation, tuple([len(x.shape) for x in operands]))
    taken = [*operands]
    letters = [*terms]
    for i, term in enumerate(terms):
        if len({*term}) < len(term):
            letters[i], taken[i] = _diagonals(equation, i, term, taken[i])
    if len(taken) > 1:
        return ops.contract(taken, f"{','.join(letters)}->{result}")
    (term,), (x,) = letters, taken
    summed = tuple(i for i, c in enumerate(term) if c not in result)
    kept = [c for c in term if c in result]
    return ops.permute(ops.sum(x, summed) if summed else x, tuple(kept.index(c) for c in result))


def _from_lists(given: Sequence[Any]) -> list[Any]:
    """An equation and operands from (operand, axes, operand, axes, ..., axes of the result)."""
    pairs = len(given) // 2 * 2
    written = ["".join("..." if n is Ellipsis else LETTERS[n] for n in axes)
               for axes in (*given[1:pairs:2], *given[pairs:])]
    equation = ",".join(written[: pairs // 2]) + "".join(f"->{result}" for result in written[pairs // 2 :])
    return [equation, *given[:pairs:2]]


@functools.lru_cache(maxsize=1024)
def _terms(equation: str, ndims: tuple[int, ...]) -> tuple[list[str], str]:
    """The letters of each operand and those of the result, all written out: no ellipsis, no implied result."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum: the equation {equation!r} has {len(terms)} operands, got {len(ndims)}")
    spare = [c for c in reversed(LETTERS) if c not in equation]
    unnamed = [n - len(t.replace("...", "")) if "..." in t else 0 for t, n in zip(terms, ndims, strict=True)]
    dots = "".join(spare[: builtins.max(unnamed, default=0)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, unnamed, strict=True)]
    for i, (term, n) in enumerate(zip(terms, ndims, strict=True)):
        if len(term) != n:
            raise ValueError(f"einsum: operand {i} has {n} axes, but {equation!r} names {len(term)}")
    letters = "".join(terms)
    if arrow:
        result = result.replace("...", dots)
    else:
        result = dots + "".join(sorted(c for c in {*letters} if letters.count(c) == 1 and c not in dots))
    unknown = [c for c in {*letters, *result} if c not in LETTERS or c not in letters]
    if unknown or len({*result}) < len(result):
        raise ValueError(f"einsum: in {equation!r} each axis must be a letter, and the result must name some of those "
                         "of the operands, each once")
    return terms, result


def _diagonals(equation: str, position: int, term: str, x: Array) -> tuple[str, Array]:
    """An operand in which some letters stand twice, and its letters, after taking the diagonals that this means."""
    while repeated := [c for c in term if term.count(c) > 1]:
        c = repeated[0]
        first, second = term.index(c), term.rindex(c)
        if x.shape[first] != x.shape[second]:
            sizes = f"{x.shape[first]} and {x.shape[second]}"
            raise ValueError(f"einsum: axes named {c!r} of operand {position} of {equation!r} have sizes {sizes}")
        x = ops.diagonal(x, 0, first, second)
        term = "".join(d for i, d in enumerate(term) if i not in (first, second)) + c
    return term, x


def addr(input: Array, vec1: Array, vec2: Array, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * input + alpha * outer(vec1, vec2)."""
    return ops.add(ops.mul(input, beta), ops.mul(outer(vec1, vec2), alpha))


def multi_dot(tensors: Sequence[Array]) -> Any:
    """The product of two or more matrices, from the left; the first and the last one may be vectors.

    Raises RuntimeError for fewer than two.
    """
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got less")
    return functools.reduce(ops.matmul, tensors)


def matrix_power(input: Array, n: int) -> Any:
    """The product of `n` times the same square matrix; of its inverse for a negative `n`.

    Shapes: (..., m, m).
    Raises RuntimeError for matrices that are not square, and ValueError for a singular one where n < 0.

    >>> import tinygrad_lite as tg
    >>> tg.matrix_power(tg.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if len(input.shape) < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(f"matrix_power: expected square matrices, got shape {tuple(input.shape)}")
    base, left = (ops.inv(input), -n) if n < 0 else (input, n)
    result: Any = None
    while left:  # as many products as n has binary digits
        if left % 2:
            result = base if result is None else ops.matmul(result, base)
        left //= 2
        base = ops.matmul(base, base) if left else base
    if result is None:  # the identity, whatever the input: a gradient of zeros
        ones = wrap(np.ones_like(input.array), None)
        return ops.where(ops.to_dtype(ones, np.dtype(bool)), ops.tril(ops.triu(ones)), input)
    return result


inverse = ops.inv


def logdet(input: Array) -> Any:
    """The logarithm of the determinant; nan where that is negative.

    Shapes: (..., n, n); result (...).
    """
    return ops.where(ops.lt(ops.sign_of_det(input), 0), math.nan, ops.logabsdet(input))
