"""Pooling along one axis: the largest element, or the sum, of each window; in several axes, one after the other.

A maximum over a rectangle is the maximum over columns of the maxima over rows, and so is the choice among equal ones:
the first row that has it, and there the first place.  Settings are those of `conv`, for the axis `dim`.
"""

from __future__ import annotations

import numpy as np

from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import SHORT, total
from .convolution import taps
from .elementwise import kept
from .reduce import in_float32
from .shape import along


def resized(shape, dim, size):
    """`shape` with another size along `dim`."""
    shape = list(shape)
    shape[dim] = size
    return tuple(shape)


@op(tex=r"\operatorname{{maxpool}}_{{{dim}}}({input})", promotion="none")
def max_pool(input: Array, dim: int, kernel_size: int, size: int, stride: int, padding: int, dilation: int) -> Array:
    """The largest element of each of the `size` windows along `dim` (negative); the gradient goes to the first such.

    y[p] = max over j < kernel_size of input[p * stride + j * dilation - padding], where that is inside.

    Shapes: input (..., n, ...); result (..., size, ...).
    """
    steps = taps(input.shape[dim], kernel_size, size, stride, padding, dilation)
    if padding:
        lowest = -np.inf if input.dtype.kind == "f" else np.iinfo(input.dtype).min
        y = np.full_like(input, lowest, shape=resized(input.shape, dim, size))
    else:
        y = input[along(dim, steps.pop(0)[1])].copy()
    for windows, places in steps:
        best = y[along(dim, windows)]
        np.maximum(best, input[along(dim, places)], out=best)
    return y


@max_pool.vjp("input")
def _(g, input, y, input_shape, dim, kernel_size, stride, padding, dilation):
    chosen = pool_argmax(input, y, dim, kernel_size, stride, padding, dilation)
    return pool_scatter(g, chosen, dim, input_shape[dim], kernel_size, stride, padding, dilation)


@op(tex=r"\arg\operatorname{{maxpool}}_{{{dim}}}({input})", promotion="none")
def pool_argmax(input: Array, other: Array, dim: int, kernel_size: int, stride: int, padding: int,
                dilation: int) -> Array:
    """Which element of each window, counted in the window, is the first that equals `other`, its largest, or is nan:

    y[p] = min{j : input[p * stride + j * dilation - padding] = other[p]}.

    Shapes: input (..., n, ...), other (..., windows, ...); result that of other; int64.
    """
    chosen = np.zeros(other.shape, np.uint8 if kernel_size < 256 else np.int64, like=other)
    missing = np.ones_like(other, dtype=bool)
    for windows, places in taps(input.shape[dim], kernel_size, other.shape[dim], stride, padding, dilation)[:-1]:
        part, here = input[along(dim, places)], missing[along(dim, windows)]
        here &= (part != other[along(dim, windows)]) & (part == part)
        chosen += missing
    return chosen


@op(tex=r"\operatorname{{scatter}}_{{{dim}}}({input}, {chosen})", promotion="none")
@in_float32
def pool_scatter(input: Array, chosen: Array, dim: int, size: int, kernel_size: int, stride: int, padding: int,
                 dilation: int) -> Array:
    """The transpose of `pool_gather`: `size` zeros along `dim`, with each `input` added where it was chosen:

    y[q] = sum of input[p] over the p with p * stride + chosen[p] * dilation - padding = q.

    Shapes: input and chosen (..., windows, ...); result (..., size, ...).
    """
    y = np.zeros(resized(input.shape, dim, size), input.dtype, like=input)
    apart = stride > dilation * (kernel_size - 1)
    for j, (windows, places) in enumerate(taps(size, kernel_size, input.shape[dim], stride, padding, dilation)):
        part = kept(input[along(dim, windows)], chosen[along(dim, windows)] == j)
        if apart:
            y[along(dim, places)] = part
        else:
            y[along(dim, places)] += part
    return y


@pool_scatter.vjp("input")
def _(g, chosen, dim, kernel_size, stride, padding, dilation):
    return pool_gather(g, chosen, dim, kernel_size, stride, padding, dilation)


@op(tex=r"\operatorname{{gather}}_{{{dim}}}({input}, {chosen})", promotion="none")
def pool_gather(input: Array, chosen: Array, dim: int, kernel_size: int, stride: int, padding: int,
                dilation: int) -> Array:
    """The chosen element of each window along `dim`, y[p] = input[p * stride + chosen[p] * dilation - padding].

    Shapes: input (..., n, ...), chosen (..., windows, ...); result that of chosen.
    """
    y = np.zeros(chosen.shape, input.dtype, like=input)
    steps = taps(input.shape[dim], kernel_size, chosen.shape[dim], stride, padding, dilation)
    for j, (windows, places) in enumerate(steps):
        y[along(dim, windows)] += kept(input[along(dim, places)], chosen[along(dim, windows)] == j)
    return y


@pool_gather.vjp("input")
def _(g, input_shape, chosen, dim, kernel_size, stride, padding, dilation):
    return pool_scatter(g, chosen, dim, input_shape[dim], kernel_size, stride, padding, dilation)


@op(tex=r"\operatorname{{sumpool}}_{{{dim}}}({input})", promotion="none")
@in_float32
def sum_pool(input: Array, dim: int, kernel_size: int, size: int, stride: int, padding: int) -> Array:
    """The sums of the `size` windows along `dim`, zeros outside the input counted in.

    y[p] = sum over j < kernel_size of input[p * stride + j - padding].

    Shapes: input (..., n, ...); result (..., size, ...).
    """
    y = np.zeros(resized(input.shape, dim, size), input.dtype, like=input)
    if kernel_size > max(SHORT, size):  # fewer windows than places in one
        for p in range(size):
            start = p * stride - padding
            part = slice(max(start, 0), max(start + kernel_size, 0))
            y[along(dim, p)] = total(input[along(dim, part)], dim)
        return y
    for windows, places in taps(input.shape[dim], kernel_size, size, stride, padding, 1):
        y[along(dim, windows)] += input[along(dim, places)]
    return y


@sum_pool.vjp("input")
def _(g, input_shape, dim, kernel_size, stride, padding):
    return sum_unpool(g, dim, kernel_size, input_shape[dim], stride, padding)


@op(tex=r"\operatorname{{sumpool}}^\top_{{{dim}}}({input})", promotion="none")
@in_float32
def sum_unpool(input: Array, dim: int, kernel_size: int, size: int, stride: int, padding: int) -> Array:
    """The transpose of `sum_pool`: each element added to all of the `size` elements that are in its window:

    y[q] = sum of input[p] over the p with 0 <= q - p * stride + padding < kernel_size.

    Shapes: input (..., n, ...); result (..., size, ...).
    """
    y = np.zeros(resized(input.shape, dim, size), input.dtype, like=input)
    for windows, places in taps(size, kernel_size, input.shape[dim], stride, padding, 1):
        y[along(dim, places)] += input[along(dim, windows)]
    return y


@sum_unpool.vjp("input")
def _(g, input_shape, dim, kernel_size, stride, padding):
    return sum_pool(g, dim, kernel_size, input_shape[dim], stride, padding)
