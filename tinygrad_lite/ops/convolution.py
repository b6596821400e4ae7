"""Convolution, its transpose, and the windows that both are made of; along any number of axes.

With X the input, W the weight and G the gradient of the output, a convolution belongs to the form that is linear in
each of the three,

    sum_{n,o,p} G[n,o,p] sum_{c,j} W[o,c,j] X[n,c,p*stride + j*dilation - padding],

and `conv`, `conv_transpose` and `conv_weight` are its derivatives with respect to G, X and W.  So each is the VJP of
the others, to any order.  All take the same settings, one number per axis: `size`, the sizes of what is computed (they
settle the padding behind and, of a transpose, which of the possible inputs is meant), `stride`, `padding` (before the
first element), `dilation`, and `groups`.

How they compute: the windows of a few images at a time are copied to columns (im2col) that fit in the cache, which
are multiplied by the weight as a matrix; so the memory for columns does not grow with the batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..engine import backend
from ..engine.graph import Array
from ..engine.operation import op
from ..engine.summation import total
from .products import matmul
from .reduce import in_float32, sum
from .shape import reshape, transpose

Sizes = tuple[int, ...]


def conv_size(size, kernel, stride, padding, dilation):
    """How many windows fit along an axis with `padding` elements in all added to its `size`."""
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def taps(size, kernel, out, stride, padding, dilation):
    """For each element of the kernel along an axis: which windows meet the input there, and where they meet it."""
    found = []
    for j in range(kernel):
        first = j * dilation - padding  # where the first window has this element
        low = max(0, -(first // stride))
        high = max(low, min(out, (size - 1 - first) // stride + 1))
        start = first + low * stride
        found.append((slice(low, high), slice(start, start + (high - low) * stride, stride)))
    return found


def plan(input_size, kernel, size, stride, padding, dilation):
    """The `taps` of each axis, last axis first; none of an axis whose windows are its elements."""
    axes = [*zip(input_size, kernel, size, stride, padding, dilation, strict=True)]
    return [[] if (k, o, s, p) == (1, n, 1, 0) else taps(n, k, o, s, p, d) for n, k, o, s, p, d in reversed(axes)]


def stages(plan, images, channels, input_size, kernel, size, like):
    """The arrays between an input and its columns, for so many images: after the last axis has been taken apart, after
    the last two, and so on; None where nothing changes.  What is padding stays 0.
    """
    last = len(kernel) - 1
    return [np.zeros((images, channels, *kernel[i:], *input_size[:i], *size[i:]), like.dtype, like=like) if steps
            else None for i, steps in zip(range(last, -1, -1), plan, strict=True)]


def unfold(x, plan, stages):
    """The columns (n, channels, *kernel, *size) of x (n, channels, *input_size), one axis after the other.

    Only the last axis is copied in short runs; of the others whole rows lie together.
    """
    every = slice(None)
    for axis, (steps, stage) in enumerate(zip(plan, stages, strict=True), 1):
        if not steps:
            x = np.expand_dims(x, 2)
            continue
        stage = stage[: len(x)]
        rest = (every,) * (axis - 1)
        for j, (windows, places) in enumerate(steps):
            stage[(..., windows, *rest)][:, :, j] = x[(..., places, *rest)]
        x = stage
    return x


def fold(x, plan, stages):
    """The transpose of `unfold`: x and the stages hold its input and what follows; the last stage is added back to x.

    All but the last are overwritten.
    """
    every = slice(None)
    down = [x]
    for stage in stages:
        down.append(np.expand_dims(down[-1], 2) if stage is None else stage[: len(x)])
    for axis in range(len(plan), 0, -1):
        if plan[axis - 1]:
            below, above, rest = down[axis - 1], down[axis], (every,) * (axis - 1)
            below[...] = 0
            for j, (windows, places) in enumerate(plan[axis - 1]):
                below[(..., places, *rest)] += above[(..., windows, *rest)][:, :, j]


def blocks(count: int, each: int, like: Array) -> Iterator[slice]:
    """`count` images in blocks whose columns, `each` elements per image, are not too many at once."""
    step = max(1, min(count, backend.scratch(like) // max(each, 1)))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


@op(tex=r"\operatorname{{im2col}}({input})", promotion="none")
def im2col(input: Array, kernel_size: Sizes, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """The windows of `input` as columns:

    y[n, (c, j), p] = input[n, c, p * stride + j * dilation - padding], and 0 outside.

    Shapes: input (N, C, *); result (N, C * prod(kernel_size), prod(size)).
    """
    n, c = input.shape[:2]
    steps = plan(input.shape[2:], kernel_size, size, stride, padding, dilation)
    columns = unfold(input, steps, stages(steps, n, c, input.shape[2:], kernel_size, size, input))
    return columns.reshape(n, c * math.prod(kernel_size), math.prod(size))


@im2col.vjp("input")
def _(g, input_shape, kernel_size, size, stride, padding, dilation):
    return col2im(g, input_shape[2:], kernel_size, size, stride, padding, dilation)


@op(tex=r"\operatorname{{col2im}}({input})", promotion="none")
@in_float32
def col2im(input: Array, output_size: Sizes, kernel_size: Sizes, size: Sizes, stride: Sizes, padding: Sizes,
           dilation: Sizes) -> Array:
    """The transpose of `im2col`: columns added up where their windows were:

    y[n, c, q] = sum of input[n, (c, j), p] over the p, j with q = p * stride + j * dilation - padding.

    Shapes: input (N, C * prod(kernel_size), prod(size)); result (N, C, *output_size).
    """
    n, c = input.shape[0], input.shape[1] // math.prod(kernel_size)
    steps = plan(output_size, kernel_size, size, stride, padding, dilation)
    y = np.zeros((n, c, *output_size), input.dtype, like=input)
    buffers = stages(steps, n, c, output_size, kernel_size, size, input)
    columns = next((b for b in reversed(buffers) if b is not None), y)
    columns.reshape(input.shape)[...] = input
    fold(y, steps, buffers)
    return y


@col2im.vjp("input")
def _(g, kernel_size, size, stride, padding, dilation):
    return im2col(g, kernel_size, size, stride, padding, dilation)


@op(tex=r"{input} \ast {weight}", promotion="none")
@in_float32
def conv(input: Array, weight: Array, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
         bias: Array | None = None) -> Array:
    """y[n, o, p] = bias[o] + sum over c, j of weight[o, c, j] * input[n, c, p * stride + j * dilation - padding].

    Shapes: input (N, C, *), weight (O, C / groups, *kernel), bias (O,) or None; result (N, O, *size).  The channels
    are in `groups` equal parts, and each part of the output sees only its own of the input.
    """
    n, c = input.shape[:2]
    o, kernel, p = weight.shape[0], weight.shape[2:], math.prod(size)
    rows = math.prod(weight.shape[1:])
    matrix = weight.reshape(groups, o // groups, rows)
    y = np.empty((n, o, *size), input.dtype, like=input)
    products = y.reshape(n, groups, o // groups, p)
    steps = plan(input.shape[2:], kernel, size, stride, padding, dilation)
    buffers = None
    for block in blocks(n, groups * rows * p, input):
        if buffers is None:
            buffers = stages(steps, block.stop, c, input.shape[2:], kernel, size, input)
        columns = unfold(input[block], steps, buffers)
        np.matmul(matrix, columns.reshape(len(columns), groups, rows, p), out=products[block])
        if bias is not None:
            products[block] += bias.reshape(groups, o // groups, 1)
    return y


@conv.define
def _(input, weight, size, stride, padding, dilation, groups, bias=None):
    if bias is not None:
        return add_channels(conv(input, weight, size, stride, padding, dilation, groups), bias)
    n, o, rows, p = input.shape[0], weight.shape[0], math.prod(weight.shape[1:]), math.prod(size)
    columns = im2col(input, weight.shape[2:], size, stride, padding, dilation)
    y = matmul(reshape(weight, (groups, o // groups, rows)), reshape(columns, (n, groups, rows, p)))
    return reshape(y, (n, o, *size))


@conv.vjp("input")
def _(g, weight, input_shape, stride, padding, dilation, groups):
    return conv_transpose(g, weight, input_shape[2:], stride, padding, dilation, groups)


@conv.vjp("weight")
def _(g, input, weight_shape, stride, padding, dilation, groups):
    return conv_weight(input, g, weight_shape[2:], stride, padding, dilation, groups)


def add_channels(y, bias):
    """y (N, O, *) plus one number per channel."""
    return y + reshape(bias, (bias.shape[0],) + (1,) * (len(y.shape) - 2))


@op(tex=r"{input} \ast^\top {weight}", promotion="none")
@in_float32
def conv_transpose(input: Array, weight: Array, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
                   groups: int, bias: Array | None = None) -> Array:
    """The transpose of `conv`: what each element of its output, here `input`, gives to the elements it was made of.

    y[n, c, q] = bias[c] + sum of weight[o, c, j] * input[n, o, p] where q = p * stride + j * dilation - padding.
    Shapes: input (N, O, *), weight (O, C / groups, *kernel), bias (C,) or None; result (N, C, *size).
    """
    n, o = input.shape[:2]
    kernel, out = weight.shape[2:], input.shape[2:]
    c, rows, p = weight.shape[1] * groups, math.prod(weight.shape[1:]), math.prod(out)
    matrix = weight.reshape(groups, o // groups, rows).swapaxes(1, 2)
    given = input.reshape(n, groups, o // groups, p)
    # A matrix product with inner size 1 is six times as slow as the multiplication that it is.
    product = np.multiply if o == groups else np.matmul
    y = np.empty((n, c, *size), input.dtype, like=input)
    steps = plan(size, kernel, out, stride, padding, dilation)
    buffers = None
    for block in blocks(n, groups * rows * p, input):
        if buffers is None:
            buffers = stages(steps, block.stop, c, size, kernel, out, input)
        part = y[block]
        columns = next((b[: len(part)] for b in reversed(buffers) if b is not None), part)
        product(matrix, given[block], out=columns.reshape(len(part), groups, rows, p))
        fold(part, steps, buffers)
        if bias is not None:
            part += bias.reshape((c,) + (1,) * len(size))
    return y


@conv_transpose.define
def _(input, weight, size, stride, padding, dilation, groups, bias=None):
    if bias is not None:
        return add_channels(conv_transpose(input, weight, size, stride, padding, dilation, groups), bias)
    n, o, out = input.shape[0], input.shape[1], input.shape[2:]
    rows, p = math.prod(weight.shape[1:]), math.prod(out)
    matrix = transpose(reshape(weight, (groups, o // groups, rows)))
    columns = reshape(matmul(matrix, reshape(input, (n, groups, o // groups, p))), (n, groups * rows, p))
    return col2im(columns, size, weight.shape[2:], out, stride, padding, dilation)


@conv_transpose.vjp("input")
def _(g, weight, input_shape, stride, padding, dilation, groups):
    return conv(g, weight, input_shape[2:], stride, padding, dilation, groups)


@conv_transpose.vjp("weight")
def _(g, input, weight_shape, stride, padding, dilation, groups):
    return conv_weight(g, input, weight_shape[2:], stride, padding, dilation, groups)


@conv.vjp("bias")
@conv_transpose.vjp("bias")
def _(g):
    n, c = g.shape[:2]
    return sum(sum(reshape(g, (n, c, math.prod(g.shape[2:]))), 2), 0)  # twice as fast as over all axes at once


@op(tex=r"{input} \star {other}", promotion="none")
@in_float32
def conv_weight(input: Array, other: Array, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
                groups: int) -> Array:
    """The correlation of a convolution's `input` with `other`, which is like its output: the gradient of its weight.

    y[o, c, j] = sum over n, p of other[n, o, p] * input[n, c, p * stride + j * dilation - padding].
    Shapes: input (N, C, *), other (N, O, *); result (O, C / groups, *size).
    """
    n, c = input.shape[:2]
    o, out = other.shape[1], other.shape[2:]
    rows, p = c // groups * math.prod(size), math.prod(out)
    given = other.reshape(n, groups, o // groups, p)
    y = np.zeros((groups, o // groups, rows), input.dtype, like=input)
    steps = plan(input.shape[2:], size, out, stride, padding, dilation)
    buffers = None
    for block in blocks(n, groups * rows * p, input):
        if buffers is None:
            buffers = stages(steps, block.stop, c, input.shape[2:], size, out, input)
        columns = unfold(input[block], steps, buffers)
        y += total(np.matmul(given[block], columns.reshape(len(columns), groups, rows, p).swapaxes(2, 3)), 0)
    return y.reshape(o, c // groups, *size)


@conv_weight.define
def _(input, other, size, stride, padding, dilation, groups):
    (n, c), o, out = input.shape[:2], other.shape[1], other.shape[2:]
    rows, p = c // groups * math.prod(size), math.prod(out)
    columns = reshape(im2col(input, size, out, stride, padding, dilation), (n, groups, rows, p))
    y = matmul(reshape(other, (n, groups, o // groups, p)), transpose(columns))
    return reshape(sum(y, 0), (o, c // groups, *size))


@conv_weight.vjp("input")
def _(g, other, input_shape, stride, padding, dilation, groups):
    return conv_transpose(other, g, input_shape[2:], stride, padding, dilation, groups)


@conv_weight.vjp("other")
def _(g, input, other_shape, stride, padding, dilation, groups):
    return conv(input, g, other_shape[2:], stride, padding, dilation, groups)
