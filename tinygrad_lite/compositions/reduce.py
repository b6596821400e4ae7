"""Compositions that reduce."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..engine import dtypes, graph
from ..engine.call import wrap
from ..engine.graph import Array
from ..ops.reduce import narrowed, widened
from ..ops.shape import along


class Picked(NamedTuple):
    """What max, min, median, kthvalue, sort and topk return along a dim: elements, and where they were."""

    values: Any
    indices: Any


def max(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element of all; along `dim` the pair (values, indices); with a Tensor as `dim`, `maximum`.

    Along `dim` the gradient goes to the element at the index; over all elements, ties share it evenly.

    >>> import tinygrad_lite as tg
    >>> tg.max(tg.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    if dim is None:
        return ops.amax(input)
    if isinstance(dim, graph.Tensor):
        return ops.maximum(input, dim)
    return _along(input, ops.argmax(input, dim, True), dim, keepdim)


def min(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element of all; along `dim` the pair (values, indices); with a Tensor as `dim`, `minimum`."""
    if dim is None:
        return ops.amin(input)
    if isinstance(dim, graph.Tensor):
        return ops.minimum(input, dim)
    return _along(input, ops.argmin(input, dim, True), dim, keepdim)


def _along(input: Array, indices: Array, dim: int, keepdim: bool) -> Picked:
    """The elements at `indices`, the result of argmax or argmin with keepdim, and the indices."""
    if not input.shape:
        return Picked(ops.clone(input), indices)
    values = ops.gather(input, dim, indices)
    if not keepdim:  # no Views: nobody else holds the memory that they would be views of
        values, indices = (wrap(x.array, x.node) for x in (values.squeeze(dim), indices.squeeze(dim)))
    return Picked(values, indices)


def any(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether any element along `dim` is nonzero; bool, or uint8 of uint8."""
    nonzero = ops.ne(input, 0)
    found = ops.amax(nonzero, dim, keepdim) if 0 not in input.shape else ops.ne(ops.sum(nonzero, dim, keepdim), 0)
    return _truth(found, input)


def all(input: Array, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all elements along `dim` are nonzero; bool, or uint8 of uint8."""
    zero = ops.eq(input, 0)
    found = ops.amax(zero, dim, keepdim) if 0 not in input.shape else ops.sum(zero, dim, keepdim)
    return _truth(ops.eq(found, 0), input)


def _truth(found: Array, input: Array) -> Any:
    return ops.to_dtype(found, dtypes.uint8) if input.dtype == dtypes.uint8 else found


def cumprod(input: Array, dim: int, *, dtype: Any = None) -> Any:
    """The products of the elements up to each one along `dim`; integers and bool give int64.

    float32 and float16 are multiplied in float64 and rounded once.  Products of 1, 2, 4, ... neighbours: so there is
    no division, and gradients are right where elements are 0.

    >>> import tinygrad_lite as tg
    >>> tg.cumprod(tg.tensor([2.0, 3.0, 4.0]), dim=0)
    tensor([ 2.,  6., 24.])
    """
    if dtype is not None or input.dtype.kind != "f":
        input = ops.to_dtype(input, np.dtype(dtype or np.int64))
    if not input.shape:
        return ops.sum(input, dim)  # of the one element
    given, n, step = input.dtype, input.shape[dim], 1
    if n > 1 and given.kind == "f" and given != dtypes.float64:
        input = ops.to_dtype(input, dtypes.float64)
    while step < n:
        first, others, behind = (ops.getitem(input, along(dim, part)) for part in
                                 (slice(step), slice(step, n), slice(n - step)))
        input = ops.cat([first, ops.mul(others, behind)], dim)
        step *= 2
    return ops.clone(input) if step == 1 else input if input.dtype == given else ops.to_dtype(input, given)


# --- variance and norm ------------------------------------------------------------------------------------------------


def var(input: Array, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: float | None = None) -> Any:
    """The variance over `dim` (all axes), sum((input - mean) ** 2) / (n - correction).

    The correction is 1, or 0 with unbiased=False.  As in PyTorch a bool in the place of `dim` is `unbiased`.
    Raises RuntimeError for integers and bool, and where both `unbiased` and `correction` are given.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[1.0, 2.0, 3.0], [4.0, 6.0, 8.0]])
    >>> tg.var(x, dim=1), tg.std(x, dim=1, correction=0)
    (tensor([1., 4.]), tensor([0.8165, 1.6330]))
    """
    return ops.var(input, *_spread(dim, unbiased, correction), keepdim)


def std(input: Array, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: float | None = None) -> Any:
    """The standard deviation over `dim`: the square root of `var`, whose arguments it takes."""
    return ops.std(input, *_spread(dim, unbiased, correction), keepdim)


def var_mean(input: Array, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple[Any, Any]:
    """The pair (variance, mean) of all elements or along `dim`, with the options of `var`.

    >>> import tinygrad_lite as tg
    >>> tg.var_mean(tg.tensor([1.0, 2.0, 3.0, 4.0]))
    (tensor(1.6667), tensor(2.5000))
    """
    dim, correction = _spread(dim, unbiased, correction)
    return ops.var(input, dim, correction, keepdim), ops.mean(input, dim, keepdim)


def std_mean(input: Array, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple[Any, Any]:
    """The pair (standard deviation, mean) of all elements or along `dim`, with the options of `std`.

    >>> import tinygrad_lite as tg
    >>> tg.std_mean(tg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    (tensor(1.1180), tensor(2.5000))
    """
    dim, correction = _spread(dim, unbiased, correction)
    return ops.std(input, dim, correction, keepdim), ops.mean(input, dim, keepdim)


def _spread(dim: Any, unbiased: bool | None, correction: float | None) -> tuple[Any, float]:
    """Dim and correction, from PyTorch's three ways of giving them."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise RuntimeError("var, std: give correction or unbiased, not both")
    return dim, (1 if unbiased in (None, True) else 0) if correction is None else correction


def norm(input: Array, p: float | str | None = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The norm of the vectors along `dim`, or of all elements: sum(|input| ** p) ** (1 / p).

    "fro" and None are p = 2, inf and -inf the largest and smallest |input|, 0 counts the elements that are not 0.
    With a `dtype` the input is cast to it first.
    Raises RuntimeError for integers and bool, and NotImplementedError for the nuclear norm.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[3.0, 4.0], [0.0, -2.0]])
    >>> tg.norm(x, dim=1), tg.norm(x, 1), tg.norm(x, float("inf"))
    (tensor([5., 2.]), tensor(9.), tensor(4.))
    """
    if dtype is not None:
        input = ops.to_dtype(input, np.dtype(dtype))
    if p in ("fro", None):
        p = 2
    if isinstance(p, str):
        raise NotImplementedError(f"norm: p={p!r} is not supported; it may be a number, inf, -inf or 'fro'")
    dtypes.check_floating("norm", input)
    if p == 0:
        return ops.sum(ops.ne(input, 0), dim, keepdim, dtype=input.dtype)
    if p == 1:
        return ops.sum(ops.abs(input), dim, keepdim)
    if math.isinf(p):
        return (ops.amax if p > 0 else ops.amin)(ops.abs(input), dim, keepdim)
    return ops.vector_norm(input, p, dim, keepdim)


# --- nan --------------------------------------------------------------------------------------------------------------


def nansum(input: Array, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum over `dim` of the elements that are not nan."""
    return ops.sum(ops.where(ops.ne(input, input), 0, input), dim, keepdim, dtype=dtype)


def nanmean(input: Array, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim` of the elements that are not nan."""
    count = ops.sum(ops.eq(input, input), dim, keepdim)
    dtype = input.dtype if dtype is None else np.dtype(dtype)
    return narrowed(ops.div(nansum(widened(narrowed(input, dtype)), dim, keepdim), count), dtype)


# --- order ------------------------------------------------------------------------------------------------------------


def sort(input: Array, dim: int = -1, descending: bool = False, stable: bool = False) -> Picked:
    """The elements in order along `dim` and their indices; nan counts as larger than all numbers.

    Equal elements stay in order, whether that is asked for (`stable`) or not.

    >>> import tinygrad_lite as tg
    >>> tg.sort(tg.tensor([3.0, 1.0, 2.0]), descending=True)
    Picked(values=tensor([3., 2., 1.]), indices=tensor([0, 2, 1]))
    """
    return _along(input, ops.argsort(input, dim, descending, stable), dim, True)


def argsort(input: Array, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    """The indices that sort along `dim`; int64.  See `sort`."""
    return ops.argsort(input, dim, descending, stable)


def topk(input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Picked:
    """The `k` largest (or smallest) elements along `dim`, and their indices; always in order.

    Raises RuntimeError for a `k` beyond the size of the axis.

    >>> import tinygrad_lite as tg
    >>> tg.topk(tg.tensor([3.0, 1.0, 2.0]), 2)
    Picked(values=tensor([3., 2.]), indices=tensor([0, 2]))
    """
    size = input.shape[dim] if input.shape else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"topk: selected index k out of range, got {k} for an axis of size {size}")
    return _along(input, ops.argtopk(input, k, dim, largest), dim, True)


def kthvalue(input: Array, k: int, dim: int = -1, keepdim: bool = False) -> Picked:
    """The `k`-th smallest element along `dim`, counted from 1, and its index.

    Raises RuntimeError for a `k` that the axis does not have.
    """
    size = input.shape[dim] if input.shape else 1
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue: selected number k out of range, got {k} for an axis of size {size}")
    order = ops.argsort(input, dim)
    place = ops.getitem(order, along(dim, slice(k - 1, k))) if input.shape else order
    return _along(input, place, dim, keepdim)


def median(input: Array, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of all elements; along `dim` the pair (values, indices).  Of an even number it is the lower one.

    A nan among the elements is their median.  Along `dim` the gradient goes to the element at the index; over all
    elements, ties share it evenly.  Raises IndexError along an axis without elements.

    >>> import tinygrad_lite as tg
    >>> tg.median(tg.tensor([[1.0, 5.0, 3.0], [7.0, 2.0, 2.0]]), dim=1).values
    tensor([3., 2.])
    """
    if dim is None:
        return ops.median(input)
    if not input.shape:
        return _along(input, ops.argsort(input, dim), dim, keepdim)
    if not (n := input.shape[dim]):
        raise IndexError(f"median(): expected reduction dim {dim} to have non-zero size")
    order, nans = ops.argsort(input, dim), ops.sum(ops.ne(input, input), dim, True)
    place = ops.where(ops.gt(nans, 0), ops.sub(n, nans), (n - 1) // 2)  # nan is sorted last; the first one of them
    return _along(input, ops.gather(order, dim, place), dim, keepdim)


def unique(input: Array, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The different elements, always sorted; if asked for, where each element is among them, and how often each occurs.

    It has no derivative: raises NotImplementedError for a tensor that requires grad.

    >>> import tinygrad_lite as tg
    >>> tg.unique(tg.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    values = ops.unique(input)
    if not (return_inverse or return_counts):
        return values
    flat = ops.reshape(input, (-1,))
    order = ops.argsort(flat)  # stable, so that one nan comes after the other
    ordered = ops.gather(flat, 0, order)
    differs = ops.ne(ops.getitem(ordered, slice(1, None)), ops.getitem(ordered, slice(-1)))
    place = ops.pad(ops.cumsum(differs, 0), (1, 0)) if differs.shape[0] or ordered.shape[0] else order
    inverse = ops.reshape(ops.scatter(order, 0, order, place), input.shape)
    counts = ops.bincount(ops.reshape(inverse, (-1,)), None, values.shape[0]) if return_counts else None
    return tuple(x for x in (values, inverse if return_inverse else None, counts) if x is not None)


def softmax(input: Array, dim: int, *, dtype: Any = None) -> Any:
    """e ** input / sum(e ** input) along `dim`, without overflow; `input` is cast to `dtype` first, if given."""
    return ops.softmax(input if dtype is None else ops.to_dtype(input, np.dtype(dtype)), dim)


def log_softmax(input: Array, dim: int, *, dtype: Any = None) -> Any:
    """input - log(sum(e ** input)) along `dim`, without overflow; `input` is cast to `dtype` first, if given."""
    return ops.log_softmax(input if dtype is None else ops.to_dtype(input, np.dtype(dtype)), dim)
