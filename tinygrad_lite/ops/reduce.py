"""Ops that reduce: sums, means, extrema, logsumexp.

`dim` is None (all axes), an integer or a tuple of them, negative ones counted from the end; `keepdim` keeps reduced
axes with size 1.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .. import dtypes
from ..graph import Array
from ..operation import op
from ..walk import add_reduce, total
from .functions import exp
from .logic import same
from .shape import reshape, to_dtype

Dim: TypeAlias = int | Sequence[int] | None


def axis_of(dim: Dim, ndim: int) -> Any:
    """`dim` as NumPy's `axis`: () means all axes, and a 0-d array may be reduced along 0 or -1, as in PyTorch."""
    if dim is None:
        return None
    if dim.__class__ is int:
        return None if ndim == 0 and dim in (0, -1) else dim
    dims = tuple(dim)  # type: ignore[arg-type]
    return None if not dims or (ndim == 0 and dims in ((0,), (-1,))) else dims


def count_of(shape: Sequence[int], dim: Dim) -> int:
    """How many elements each result of a reduction of `shape` along `dim` stands for."""
    axis = axis_of(dim, len(shape))
    count = 1
    for n in shape if axis is None else (shape[axis],) if isinstance(axis, int) else (shape[a] for a in axis):
        count *= n
    return count


def in_float32(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a forward function: float16 is computed in float32 and rounded once, at the end, as in PyTorch.

    Its first operand decides, an array or a sequence of them.
    """
    first = next(iter(inspect.signature(forward).parameters))

    @functools.wraps(forward)
    def compute(*args: Any, **named: Any) -> Any:
        input = args[0] if args else named[first]
        several = isinstance(input, (list, tuple))
        if (input[0] if several else input).dtype is not dtypes.float16:
            return forward(*args, **named)
        wide = [x.astype(dtypes.float32) for x in input] if several else input.astype(dtypes.float32)
        result = forward(wide, *args[1:], **{n: x for n, x in named.items() if n != first})
        if isinstance(result, tuple):  # with residuals
            return tuple(x.astype(dtypes.float16) for x in result)
        return result.astype(dtypes.float16)

    return compute


def shared(g, count):
    """g / count: what each of the elements of a mean gets of its gradient."""
    if count > 65504 and g.dtype == dtypes.float16:  # a count beyond the largest float16; the walk casts back
        g = to_dtype(g, dtypes.float32)
    return g / (count or 1)


def unreduce(g, input_shape, dim, keepdim):
    """A reduced array with the reduced axes back, of size 1, so that it broadcasts against the input."""
    axis = axis_of(dim, len(input_shape))
    if axis is None or keepdim:
        return g
    shape = list(input_shape)
    for a in (axis,) if isinstance(axis, int) else axis:
        shape[a] = 1
    return reshape(g, tuple(shape))


@op(tex=r"\sum_{{{dim}}} {input}", promotion="none")
def sum(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The sum over `dim`; integers and bool give int64, float16 is added up in float32.

    Along all axes but the last one NumPy adds float32 in order, where PyTorch adds in pairs: over millions of rows cast
    to float64 first.

    >>> import tinygrad_lite as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
    tensor([4., 6.])
    """
    axis = axis_of(dim, input.ndim)
    if input.dtype.kind == "f":
        return total(input, axis, keepdim)
    return add_reduce(input, axis, dtypes.int64, None, keepdim)


@sum.vjp("input")
def _(g, input_shape, dim, keepdim):
    return unreduce(g, input_shape, dim, keepdim)  # the walk broadcasts it


@op(tex=r"\operatorname{{mean}}_{{{dim}}}({input})", promotion="none")
@in_float32
def mean(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The mean over `dim`.

    Raises RuntimeError for integers and bool: their mean would be no integer.
    """
    if input.dtype.kind != "f":
        raise RuntimeError(f"mean(): the input dtype must be floating, got {input.dtype}; use .float() first")
    return add_reduce(input, axis_of(dim, input.ndim), None, None, keepdim) / (count_of(input.shape, dim) or np.nan)


@mean.vjp("input")
def _(g, input_shape, dim, keepdim):
    return shared(unreduce(g, input_shape, dim, keepdim), count_of(input_shape, dim))


@op(tex=r"\max_{{{dim}}} {input}", promotion="none")
def amax(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The largest element over `dim`; elements that tie share the gradient evenly.

    Raises ValueError over no elements.
    """
    return np.max(input, axis=axis_of(dim, input.ndim), keepdims=keepdim)


@op(tex=r"\min_{{{dim}}} {input}", promotion="none")
def amin(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The smallest element over `dim`; elements that tie share the gradient evenly.

    Raises ValueError over no elements.
    """
    return np.min(input, axis=axis_of(dim, input.ndim), keepdims=keepdim)


@amax.vjp("input")
@amin.vjp("input")
def _(g, input, input_shape, y, dim, keepdim):
    best = same(input, unreduce(y, input_shape, dim, keepdim))
    return best * (unreduce(g, input_shape, dim, keepdim) / sum(best, dim, True))


@op(tex=r"\arg\max_{{{dim}}} {input}", promotion="none")
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the (first) largest element along `dim`, or of the flattened input; int64."""
    return np.argmax(input, axis=axis_of(dim, input.ndim), keepdims=keepdim)


@op(tex=r"\arg\min_{{{dim}}} {input}", promotion="none")
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the (first) smallest element along `dim`, or of the flattened input; int64."""
    return np.argmin(input, axis=axis_of(dim, input.ndim), keepdims=keepdim)


@op(tex=r"\log \sum_{{{dim}}} e^{{{input}}}", promotion="float")
@in_float32
def logsumexp(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """log(sum(exp(input))) over `dim`, without overflow: the largest element is taken out first."""
    axis = axis_of(dim, input.ndim)
    if not input.size:  # over no elements the sum is 0, its logarithm -inf
        return np.log(add_reduce(input, axis, None, None, keepdim))
    largest = np.max(input, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)  # all -inf, or inf: inf - inf would be nan
    result = np.log(add_reduce(np.exp(input - largest), axis, None, None, True)) + largest
    return result if keepdim else np.squeeze(result, axis)


@logsumexp.vjp("input")
def _(g, input, y, input_shape, dim, keepdim):
    return unreduce(g, input_shape, dim, keepdim) * exp(input - unreduce(y, input_shape, dim, keepdim))
