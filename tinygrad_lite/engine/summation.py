"""Sums that keep their digits.

NumPy adds in pairs along the axis that lies closest in memory, and one number after the other along every other axis:
of a million rows that hold 0.1 in float32 it makes 100,958.  Here no more than `SHORT` numbers are added one after the
other: longer columns are added up in blocks, and then the sums of the blocks.  Rows of a few numbers are taken together
to wide ones for that, so that it is also up to sixty times as fast.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from . import backend, dtypes
from .graph import Array

add_reduce: Any = np.add.reduce
"""`np.sum` without the Python around it.  Its arguments go by position, which NumPy's stubs do not know."""

SHORT, BLOCK = 128, 32
"""So many numbers may be added one after the other, and so many are."""
SMALL, MIDDLE = 1 << 10, 1 << 15
"""Up to so many elements only `SHORT` is asked about: it takes 3 us to find out how memory lies."""
WIDE = 512
"""So many numbers in a row are worth a loop of their own."""
ROW = 1024
"""`np.einsum` adds up a row of so many numbers, 16 or more side by side, in a third of NumPy's time; of products a
quarter as many are as accurate."""


def total(input: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """The sum of a raw array along `axis`; float16 is added up in float32, as in PyTorch, integers as in NumPy."""
    if input.dtype is dtypes.float16:
        return total(input.astype(dtypes.float32), axis, keepdims=keepdims).astype(dtypes.float16)
    size = input.size
    if size <= SHORT:
        return add_reduce(input, axis, None, None, keepdims)
    in_order = input.flags.c_contiguous
    if in_order:
        few = size <= MIDDLE and size <= SHORT * input.shape[-1]
    else:  # NumPy makes one column of several axes
        few = size <= SMALL and max(input.shape) <= SHORT and (axis.__class__ is not tuple or len(axis) == 1)
    if few or input.dtype.kind != "f" or isinstance(input, backend.device_arrays()):  # a device's sums are in blocks
        return add_reduce(input, axis, None, None, keepdims)
    if in_order and axis.__class__ is int and axis == 0 and input.ndim == 2 and not keepdims:  # as for each bias
        return _columns(input, 0) if size > SMALL else add_reduce(input.T.copy(), 1)  # in pairs, a third of the time
    return _in_blocks(input, axis, keepdims)


def _in_blocks(input: Array, axis: Any, keepdims: bool) -> Array:
    """Bring the axes into the order of memory, let neighbours be one, and reduce them from the innermost on."""
    ndim, strides = input.ndim, input.strides
    axes = {*range(ndim)} if axis is None else {a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
    order = sorted(range(ndim), key=lambda i: -abs(strides[i]))
    shape: list[int] = []
    reduced: list[bool] = []
    outer = 0
    for i in order:
        n = input.shape[i]
        if n == 1:
            continue
        if shape and reduced[-1] == (i in axes) and outer == n * strides[i]:
            shape[-1] *= n
        else:
            shape.append(n)
            reduced.append(i in axes)
        outer = strides[i]
    if not any(reduced):  # each sum has one term
        return add_reduce(input, axis, None, None, keepdims)
    x = np.transpose(input, order).reshape((-1,) if all(reduced) else shape)
    for k in reversed(range(x.ndim)):
        if reduced[k]:
            x = _columns(x, k) if k < x.ndim - 1 else rows(x)
    kept = [i for i in order if i not in axes]
    x = x.reshape([input.shape[i] for i in kept])
    x = np.transpose(x, sorted(range(len(kept)), key=kept.__getitem__))
    return x.reshape([1 if i in axes else n for i, n in enumerate(input.shape)]) if keepdims else x


def rows(x: Array, *other: Array) -> Array:
    """The sum along the last axis; of the products with an `other` array of that shape, which lies as `x` does."""
    n = x.shape[-1]
    if x.strides[-1] != x.dtype.itemsize:
        return add_reduce(x, -1)
    equation, row = ("...i,...i->...", ROW // 4) if other else ("...i->...", ROW)
    if n <= row:
        return np.einsum(equation, x, *other)
    whole = n - n % row
    blocks = [a[..., :whole].reshape((*a.shape[:-1], n // row, row)) for a in (x, *other)]
    y = rows(np.einsum(equation, *blocks))
    return y if whole == n else y + np.einsum(equation, *[a[..., whole:] for a in (x, *other)])


def _columns(x: Array, axis: int) -> Array:
    """The sum along an axis within whose elements others lie closer in memory."""
    n, before, inner = x.shape[axis], x.shape[:axis], x.shape[axis + 1 :]
    if n <= SHORT:
        return add_reduce(x, axis)
    width = prod(inner)
    block = min(WIDE // width, n // 8) if width else 0
    wide = block > 1 and x.strides[axis:] == _contiguous((n, *inner), x.strides[-1])
    block = block if wide else BLOCK
    whole = n - n % block
    head, tail = ((slice(None),) * axis + (part,) for part in (slice(whole), slice(whole, None)))
    if wide:  # rows side by side are one row
        y = _columns(x[head].reshape((*before, n // block, block * width)), axis).reshape((*before, block, *inner))
    else:
        y = add_reduce(x[head].reshape((*before, n // block, block, *inner)), axis + 1)
    y = _columns(y, axis)
    return y if whole == n else y + add_reduce(x[tail], axis)


def _contiguous(shape: tuple[int, ...], step: int) -> tuple[int, ...]:
    """The strides of an array of this shape whose elements lie one after the other, `step` bytes apart."""
    return tuple(step * prod(shape[i + 1 :]) for i in range(len(shape)))
