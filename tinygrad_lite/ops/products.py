"""Products: matmul, einsum, and the dense layer."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import total
from ..engine.walk import expand
from .reduce import in_float32
from .shape import reshape, transpose


@op(tex=r"{input} {other}")
def matmul(input: Array, other: Array) -> Array:
    """The matrix product, y_ij = sum over k of input_ik other_kj.

    Vectors and batches of matrices are as in NumPy and PyTorch.

    Shapes: input (..., n, k), other (..., k, m); result (..., n, m), with the axes in front broadcast.  A vector (k,)
    on the left counts as (1, k), on the right as (k, 1), and the result has no such axis.
    Raises ValueError where the inner sizes differ, or an operand is 0-d.
    """
    if input.ndim == 2 and other.ndim == 2:
        return np.dot(input, other)  # the bits of input @ other; up to 8 times as fast where the inner size is 1
    if input.ndim > 2 and other.ndim == 2:
        return by_rows(input, other)
    return input @ other


def by_rows(input, matrix):
    """input @ matrix as one product of two matrices: np.dot of three axes makes dot products, 4 times as slow."""
    lead, inner = input.shape[:-1], input.shape[-1]
    return np.dot(input.reshape(math.prod(lead), inner), matrix).reshape(*lead, matrix.shape[1])


@matmul.vjp("input")
def _(g, input_shape, other):
    if len(other.shape) == 2 and len(input_shape) > 1:
        return matmul(g, other.T)
    if len(other.shape) == 1:  # each row of input was multiplied by the same vector
        return reshape(g, (*g.shape, 1)) * other
    if len(input_shape) == 1:
        row = reshape(g, (*g.shape[:-1], 1, g.shape[-1]))
        return reshape(matmul(row, transpose(other)), (*other.shape[:-2], input_shape[0]))
    return matmul(g, transpose(other))


@matmul.vjp("other")
def _(g, input, other_shape):
    if len(input.shape) == 2 and len(other_shape) > 1:
        return matmul(input.T, g)
    if len(input.shape) == 1:  # dot product, or vector times matrices
        if len(other_shape) == 1:
            return g * input
        return reshape(input, (-1, 1)) * reshape(g, (*g.shape[:-1], 1, g.shape[-1]))
    if len(other_shape) == 1:
        column = reshape(g, (*g.shape, 1))
        return reshape(matmul(transpose(input), column), (*input.shape[:-2], other_shape[0]))
    return matmul(transpose(input), g)


@op(tex=r"\operatorname{{einsum}}(\mathrm{{{equation}}}; {operands})")
@in_float32  # as NumPy does a matrix product
def contract(operands: Sequence[Array], equation: str) -> Array:
    """The einsum of two or more operands, for an explicit equation without ellipsis or repeated letters in an operand.

    The result is the sum, over each letter that it lacks, of the product of the operands: for "ij,jk->ik"
    y_ik = sum over j of a_ij b_jk.

    Two at a time, the cheapest pair first, and each pair as one batched matrix product: before NumPy 2.4 `np.einsum`
    takes ten times as long for "bhqd,bhkd->bhqk", and its search for an order costs more than a small product.

    Shapes: an axis for each letter, of one size wherever the letter stands; result those behind "->".
    Raises ValueError where the sizes of a letter differ.
    """
    arrays = list(operands)
    for i, j, multiply in plan(equation, tuple([x.shape for x in arrays])):
        b, a = arrays.pop(j), arrays.pop(i)
        arrays.append(multiply(a, b))
    return arrays[0]


class Pair(NamedTuple):
    """How two operands are contracted: each is summed, permuted and reshaped (None: as it is), and so is the product.
    """

    sums: tuple[tuple[int, ...], ...]
    orders: tuple[tuple[int, ...] | None, ...]
    shapes: tuple[tuple[int, ...] | None, ...]
    of_matrices: bool
    shape: tuple[int, ...] | None
    order: tuple[int, ...] | None

    def __call__(self, a: Array, b: Array) -> Array:
        a, b = (laid_out(total(x, axes) if axes else x, order, shape)
                for x, axes, order, shape in zip((a, b), self.sums, self.orders, self.shapes, strict=True))
        y = matmul.op.forward(a, b) if self.of_matrices else a * b
        y = y if self.shape is None else y.reshape(self.shape)
        return y if self.order is None else np.transpose(y, self.order)


def laid_out(x: Array, order: tuple[int, ...] | None, shape: tuple[int, ...] | None) -> Array:
    """`x` with its axes in that order, and then in that shape."""
    x = x if order is None else np.transpose(x, order)
    return x if shape is None else x.reshape(shape)


@functools.lru_cache(maxsize=1024)
def plan(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, int, Pair], ...]:
    """What to contract: the positions of two operands, whose product is put at the end instead of them, and how."""
    left, result = equation.split("->")
    operands = [dict(zip(term, shape, strict=True)) for term, shape in zip(left.split(","), shapes, strict=True)]
    sizes: dict[str, int] = {}
    for operand in operands:
        for c, n in operand.items():
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
            if n not in (1, sizes[c]):
                raise ValueError(f"einsum: the operands of {equation!r} have shapes {shapes}, "
                                 f"in which {c!r} is {sizes[c]} and {n}")
    steps = []
    while len(operands) > 1:
        choices = []
        for i, j in itertools.combinations(range(len(operands)), 2):
            both = [*dict.fromkeys((*operands[i], *operands[j]))]
            others = {*result}.union(*(x for k, x in enumerate(operands) if k not in (i, j)))
            made = [c for c in both if c in others]
            choices.append((math.prod(sizes[c] for c in both), math.prod(sizes[c] for c in made), i, j, made))
        _, _, i, j, made = min(choices)
        b, a = operands.pop(j), operands.pop(i)
        made = made if operands else [*result]
        steps.append((i, j, pair(a, b, made)))
        operands.append({c: b.get(c, 1) if a.get(c, 1) == 1 else a[c] for c in made})
    return tuple(steps)


def pair(a: dict[str, int], b: dict[str, int], result: list[str]) -> Pair:
    """The contraction of two operands, each with the size of its letters, to the letters of the result.

    A letter of both that stays numbers the matrices of a batch, one that goes is their inner axis, and those of one
    operand are rows or columns.  Where no letter goes, it is a product of elements.
    """
    # An axis of size 1 that is broadcast, or a letter that stands only here, is summed away first.
    left, right = ({c: n for c, n in x.items() if n != 1 or y.get(c, 1) == 1} for x, y in ((a, b), (b, a)))
    left, right = ({c: n for c, n in x.items() if c in y or c in result} for x, y in ((left, right), (right, left)))
    batch = [c for c in result if c in left and c in right]
    inner = [c for c in left if c in right and c not in result]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]
    letters = [[*batch, *rows, *inner], [*batch, *inner, *columns]]
    made = [*batch, *rows, *columns]
    if inner:
        groups = [[*([c] for c in batch), rows, inner], [*([c] for c in batch), inner, columns]]
    else:
        letters = [[c for c in result if c in x] for x in (left, right)]
        groups = [[[c] if c in x else [] for c in result] for x in (left, right)]
        made = result
    sums, orders, shapes = [], [], []
    for operand, kept, order, group in zip((a, b), (left, right), letters, groups, strict=True):
        sums.append(tuple(i for i, c in enumerate(operand) if c not in kept))
        places = tuple([*kept].index(c) for c in order)
        orders.append(None if places == tuple(range(len(kept))) else places)
        shapes.append(None if [len(g) for g in group] == [1] * len(kept) else
                      tuple(math.prod(kept[c] for c in g) for g in group))
    sizes = left | right
    places = tuple(made.index(c) for c in result)
    return Pair(tuple(sums), tuple(orders), tuple(shapes), bool(inner),
                None if not inner or len(rows) == len(columns) == 1 else tuple(sizes[c] for c in made),
                None if places == tuple(range(len(made))) else places)


@contract.vjp("operands")
def _(g, position, operands, equation):
    terms, result = equation.split("->")
    parts = terms.split(",")
    mine = parts.pop(position)
    others = [o for i, o in enumerate(operands) if i != position]
    reachable = "".join(c for c in mine if c in result or any(c in part for part in parts))
    g = contract([g, *others], f"{','.join([result, *parts])}->{reachable}")
    # A letter that stands only here was summed away: every element along it gets the same, by broadcasting.
    if len(reachable) == len(mine):
        return g
    sizes = iter(g.shape)
    shape = [next(sizes) if c in reachable else 1 for c in mine]
    full = [n if c in reachable else m for c, n, m in zip(mine, shape, operands[position].shape, strict=True)]
    return expand(reshape(g, shape), full)


@op
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """input @ weight.T + bias: y_o = sum over i of input_i weight_oi + bias_o.

    Shapes: input (*, in), weight (out, in), bias (out,) or None; result (*, out).  Without bias weight may be (in,);
    the result is then (*).

    Raises ValueError where the shapes do not fit.
    """
    if weight.ndim != 2 or not input.ndim:
        if weight.ndim not in (1, 2) or not input.ndim:
            raise ValueError("linear: input must have at least one axis and weight one or two, got shapes "
                             f"{tuple(input.shape)} and {tuple(weight.shape)}")
        if bias is not None and input.ndim > 1:
            raise ValueError(f"linear: a bias needs a weight of shape (out, in), got {weight.shape}")
    try:
        y = by_rows(input, weight.T) if input.ndim > 2 and weight.ndim == 2 else np.dot(input, weight.T)
    except ValueError:
        if input.shape[-1:] == weight.shape[-1:]:
            raise
        raise ValueError(f"linear: input {tuple(input.shape)} and weight {tuple(weight.shape)} cannot be multiplied: "
                         f"the last axis of input must have {weight.shape[-1]} elements, as that of weight") from None
    if bias is not None:
        y += bias
    return y


@linear.define
def _(input, weight, bias=None):
    y = input @ (transpose(weight) if len(weight.shape) > 1 else weight)
    return y if bias is None else y + bias


@linear.vjp("input")
def _(g, weight):
    return matmul(g, weight) if len(weight.shape) > 1 else reshape(g, (*g.shape, 1)) * weight


@linear.vjp("weight")
def _(g, input, weight_shape):
    if len(input.shape) == 2:
        return matmul(g.T, input)
    rows = math.prod(input.shape[:-1])  # not -1, which is ambiguous where there are no features
    return matmul(reshape(g, (rows, *weight_shape[:-1])).T, reshape(input, (rows, weight_shape[-1])))


@linear.vjp("bias")
def _(g):
    return g  # the walk sums over the examples
