"""Normalization: numbers that lie together, brought to mean 0 and variance 1."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..engine import dtypes
from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import ROW, SHORT, rows, total
from .functions import sqrt
from .reduce import count_of, in_float32, mean, sum, widened


class Plan(NamedTuple):
    """How an array in C order is summed: by the einsum `equation`, or as `lines` and then over `outer`, or neither."""

    axes: tuple[int, ...]
    outer: tuple[int, ...]
    equation: str | None
    lines: tuple[int, ...] | None
    shape: tuple[int, ...]


@functools.lru_cache(maxsize=1024)
def plan(shape: tuple[int, ...], dim: tuple[int, ...], factors: int) -> Plan:
    """The plan for the product of so many factors of a shape."""
    ndim = len(shape)
    axes = tuple(d % ndim for d in dim)
    last = max((i for i in range(ndim) if i not in axes and shape[i] != 1), default=-1)  # einsum joins what is beside 1
    outer = tuple(a for a in axes if a < last)
    n = math.prod(shape[last + 1 :])
    equation, lines = None, None
    if math.prod(shape[a] for a in outer) <= SHORT and n <= ROW // 4:
        letters = "abcdefghijklmnopqrstuvwxyz"[:ndim]
        equation = f"{','.join([letters] * factors)}->{''.join(c for i, c in enumerate(letters) if i not in axes)}"
    elif len(outer) < len(axes):  # too many to be added one after the other
        lines = (*shape[: last + 1], n)
    return Plan(axes, outer, equation, lines, tuple(1 if i in axes else n for i, n in enumerate(shape)))


def summed(input, other, dim):
    """The sum of `input`, times `other` unless that is None, over the axes `dim`, which stay with size 1.

    Three times as fast as `np.sum` along the last axis, and nothing is put into memory for the product.
    """
    factors = (input,) if other is None else (input, other)
    axes, outer, equation, lines, shape = plan(input.shape, tuple(dim), len(factors))
    if input.flags.c_contiguous and (other is None or other.flags.c_contiguous):
        if equation:
            return np.einsum(equation, *factors).reshape(shape)
        if lines:
            found = rows(*[x.reshape(lines) for x in factors])
            return (total(found, outer) if outer else found).reshape(shape)
    return total(input if other is None else input * other, axes, keepdims=True)


@op(promotion="none")
@in_float32
def sum_of_products(input: Array, other: Array | None = None, dim: Sequence[int] = (-1,)) -> Array:
    """sum(input * other) over `dim`, which keeps its axes; without `other` the sum of `input`.

    Shapes: input (..., n, ...), other the same or None; result (..., 1, ...).
    """
    return summed(input, other, dim)


@sum_of_products.define
def _(input, other=None, dim=(-1,)):
    return sum(input if other is None else input * other, dim, True)


@sum_of_products.vjp("input")
def _(g, input_shape, other):
    return g if other is None else g * other


@sum_of_products.vjp("other")
def _(g, input):
    return g * input


@op(promotion="none")
@in_float32
def moments(input: Array, dim: Sequence[int]) -> Array:
    """The mean and the (biased) variance over `dim`, one above the other:
    sum(input) / n and sum((input - mean) ** 2) / n, with the axes `dim` kept.

    It has no derivative: `standardize` has.

    Shapes: input (..., n, ...); result (2, ..., 1, ...).
    """
    return np.stack(centred_moments(input, dim)[1:])


def centred_moments(input, dim):
    """`input` minus its mean over `dim`, that mean, and the variance."""
    count = count_of(input.shape, dim) or 1
    average = summed(input, None, dim) / count
    centred = input - average
    return centred, average, summed(centred, centred, dim) / count


@op(residuals=("normal", "scale"), promoted=("input", "weight", "bias"))
@in_float32
def standardize(input: Array, weight: Array | None = None, bias: Array | None = None, moments: Array | None = None,
                dim: Sequence[int] = (-1,), eps: float = 1e-5, centre: bool = True) -> Array:
    """(input - mean) / sqrt(variance + eps) * weight + bias, with mean and variance of `input` over `dim`.

    Unless `centre` the mean is taken to be 0 (RMSNorm).  `moments(input, dim)` may be given if they are known.  The
    derivative counts mean and variance as the functions of `input` that they are, given or not.

    Shapes: input (..., n, ...), weight and bias broadcast against it; result that of input.
    Raises RuntimeError for integers.
    Source: Ioffe and Szegedy, Batch normalization, ICML 2015; Ba and others, Layer normalization, arXiv 1607.06450.
    """
    dtypes.check_floating("normalization", input)
    if moments is not None:
        normal, variance = input - moments[0], moments[1]
    elif centre:
        normal, _, variance = centred_moments(input, dim)
    else:
        normal, variance = input.copy(), summed(input, input, dim) / (count_of(input.shape, dim) or 1)
    scale = 1 / np.sqrt(variance + eps)
    normal *= scale
    y = normal.copy() if weight is None else normal * weight
    if bias is not None:
        y += bias
    return y, normal, scale


@standardize.define
def _(input, weight=None, bias=None, moments=None, dim=(-1,), eps=1e-5, centre=True):
    y = normalized(input, dim, eps, centre)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@standardize.residual("normal")
def normalized(input, dim, eps, centre):
    """`input` with mean 0 and variance 1 over `dim`."""
    return (input - mean(input, dim, True) if centre else input) * inverse_deviation(input, dim, eps, centre)


@standardize.residual("scale")
def inverse_deviation(input, dim, eps, centre):
    """1 / sqrt(variance + eps) of `input` over `dim`."""
    centred = input - mean(input, dim, True) if centre else input
    return 1 / sqrt(mean(centred * centred, dim, True) + eps)


@standardize.vjp("input")
def _(g, normal, scale, weight, dim, centre):
    count = count_of(normal.shape, dim) or 1
    g = widened(g)
    if weight is not None:
        g = g * weight
    # In this order NumPy puts each result into the memory of the one before: two new arrays in all, not four.
    if not centre:
        return (normal * (sum_of_products(g, normal, dim) / -count) + g) * scale
    return (normal * (sum_of_products(g, normal, dim) / -count) + g - sum_of_products(g, None, dim) / count) * scale


@standardize.vjp("weight")
def _(g, normal, weight_shape):
    lead = len(g.shape) - len(weight_shape)
    stretched = tuple([i for i, n in enumerate(g.shape) if i < lead or weight_shape[i - lead] != n])
    return sum_of_products(widened(g), normal, stretched) if stretched else g * normal


@standardize.vjp("bias")
def _(g):
    return g  # the walk sums over the axes along which it was broadcast
