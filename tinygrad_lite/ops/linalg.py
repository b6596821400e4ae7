"""Products: matmul, einsum, and the dense layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..graph import Array
from ..operation import op
from .reduce import in_float32
from .shape import reshape, transpose


@op(tex=r"{input} {other}")
def matmul(input: Array, other: Array) -> Array:
    """The matrix product; vectors and batches of matrices as in NumPy and PyTorch.

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
    """`np.einsum` for an explicit equation without ellipsis or repeated letters in an operand (see `einsum`)."""
    return np.einsum(equation, *operands, optimize=len(operands) > 1)


@contract.vjp("operands")
def _(g, position, operands, equation):
    terms, result = equation.split("->")
    parts = terms.split(",")
    mine = parts.pop(position)
    others = [o for i, o in enumerate(operands) if i != position]
    reachable = "".join(c for c in mine if c in result or any(c in part for part in parts))
    g = contract([g, *others], f"{','.join([result, *parts])}->{reachable}")
    # A letter that stands only here was summed away: every element along it gets the same, by broadcasting.
    sizes = iter(g.shape)
    return reshape(g, tuple(next(sizes) if c in reachable else 1 for c in mine))


@op
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """input @ weight.T + bias, with weight of shape (out_features, in_features).

    Shapes: input (*, in), weight (out, in), bias (out,) or None; result (*, out).  Without bias weight may be (in,);
    the result is then (*).

    Raises ValueError where the shapes do not fit.
    """
    if bias is not None and weight.ndim == 1 and input.ndim > 1:
        raise ValueError(f"linear: a bias needs a weight of shape (out, in), got {weight.shape}")
    y = by_rows(input, weight.T) if input.ndim > 2 and weight.ndim == 2 else np.dot(input, weight.T)
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
    return matmul(reshape(g, (-1, *weight_shape[:-1])).T, reshape(input, (-1, weight_shape[-1])))


@linear.vjp("bias")
def _(g):
    return g  # the walk sums over the examples
