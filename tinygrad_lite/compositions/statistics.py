"""Compositions that describe samples: quantiles, covariances, histograms, differences."""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..engine import dtypes, graph
from ..engine.graph import Array
from ..ops.shape import along
from .elementwise import lerp
from .products import outer
from .reduce import norm, sort
from .shape import axis_of, movedim, ravel


class AMinMax(NamedTuple):
    """What `aminmax` returns."""

    min: Any
    max: Any


def aminmax(input: Array, *, dim: int | None = None, keepdim: bool = False) -> AMinMax:
    """The smallest and the largest element along `dim`, or of all; ties share the gradient evenly.

    >>> import tinygrad_lite as tg
    >>> tg.aminmax(tg.tensor([3.0, 1.0, 2.0]))
    AMinMax(min=tensor(1.), max=tensor(3.))
    """
    return AMinMax(ops.amin(input, dim, keepdim), ops.amax(input, dim, keepdim))


def msort(input: Array) -> Any:
    """The elements in order along the first axis; the values of `sort`."""
    return sort(input, 0).values


def dist(input: Array, other: Array, p: float = 2) -> Any:
    """The `p`-norm of input - other, broadcast, over all elements."""
    return norm(ops.sub(input, other), p)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Where `elements` are among those of `test_elements`, with `invert` where they are not; one may be a number.

    `assume_unique` changes nothing.

    >>> import tinygrad_lite as tg
    >>> tg.isin(tg.tensor([1, 2, 3]), tg.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    if isinstance(elements, (int, float)):
        found = ops.amax(ops.eq(test_elements, elements))
    elif isinstance(test_elements, (int, float)):
        found = ops.eq(elements, test_elements)
    else:
        equal = ops.eq(ops.reshape(elements, (*elements.shape, 1)), ravel(test_elements))
        found = ops.ne(ops.sum(equal, -1), 0)
    return ops.logical_not(found) if invert else found


def quantile(input: Array, q: Any, dim: int | None = None, keepdim: bool = False, *,
             interpolation: str = "linear") -> Any:
    """The values below which the share `q` of the elements along `dim` (of all elements) lies.

    That is the sorted element at the place q (n - 1).  Between two elements `interpolation` takes the point between
    them ("linear"), the "lower", the "higher" or the "nearest" one, or their "midpoint".  A nan makes the quantile nan.

    Shapes: `q` is a number, or a vector of k numbers; then the result has a first axis of k more.

    Raises ValueError or RuntimeError for a `q` outside of [0, 1], another dtype or interpolation, or no elements.

    >>> import tinygrad_lite as tg
    >>> tg.quantile(tg.tensor([0.0, 1.0, 2.0, 4.0]), tg.tensor([0.5, 1.0]))
    tensor([1.5000, 4.0000])
    """
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"quantile() input tensor must be either float or double dtype, got {input.dtype}")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError("quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
                           f"but got {interpolation}")
    shares = q.array if isinstance(q, graph.Tensor) else np.asarray(q, input.dtype)
    if shares.ndim > 1 or shares.dtype != input.dtype:
        raise RuntimeError(f"quantile() q must be a number or a vector of dtype {input.dtype}")
    if not builtins.all(0 <= share <= 1 for share in shares.reshape(-1).tolist()):
        raise RuntimeError("quantile() q must be in the range [0, 1]")
    if 0 in input.shape:
        raise RuntimeError("quantile() input tensor must be non-empty")
    shape = [1] * len(input.shape)
    if dim is None:
        x, axis = ravel(input), 0
    else:
        axis = axis_of(input, dim)
        x = movedim(input, axis, 0) if input.shape else ravel(input)
        shape = [n if i != axis else 1 for i, n in enumerate(input.shape)]
    if not keepdim:
        shape = [n for i, n in enumerate(input.shape) if i != axis] if dim is not None else []
    x = sort(x, 0).values
    last = ops.getitem(x, (-1, Ellipsis))  # nan is sorted last
    results = [ops.reshape(ops.where(ops.ne(last, last), last, _between(x, share * (x.shape[0] - 1), interpolation)),
                           shape) for share in shares.reshape(-1).tolist()]
    if not shares.ndim:
        return results[0]
    return ops.cat([ops.reshape(y, (1, *y.shape)) for y in results], 0)


def _between(ordered: Array, place: float, interpolation: str) -> Any:
    """The element of the first axis at a place that need not be whole."""
    if interpolation == "nearest":
        place = round(place)
    low, high = int(place), builtins.min(int(place) + 1, ordered.shape[0] - 1)
    share = place - low
    below, above = (ops.getitem(ordered, (i, Ellipsis)) for i in (low, high))
    if not share or interpolation == "lower":
        return below
    if interpolation == "higher":
        return above
    return lerp(below, above, share if interpolation == "linear" else 0.5)


def cov(input: Array, *, correction: int = 1, fweights: Array | None = None, aweights: Array | None = None) -> Any:
    """The covariances of the rows, whose columns are observations: sum_j (x_ij - m_i)(x_kj - m_k) / (n - correction).

    `fweights` (integers) say how often each observation occurs, `aweights` how much it counts.
    Shapes: (variables, n), or (n,) for the variance of one.

    Raises RuntimeError for more than two axes.

    >>> import tinygrad_lite as tg
    >>> tg.cov(tg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if len(input.shape) > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got {len(input.shape)}")
    x = input if len(input.shape) == 2 else ops.reshape(input, (1, -1))
    weights: Any = None
    for given in (fweights, aweights):
        if given is not None:
            weights = given if weights is None else ops.mul(weights, given)
    if weights is None:
        count: Any = x.shape[1]
        centred = ops.sub(x, ops.mean(x, 1, True))
        products = ops.matmul(centred, ops.transpose(centred, 0, 1))
    else:
        weights = ops.to_dtype(weights, x.dtype)
        total = ops.sum(weights)
        centred = ops.sub(x, ops.div(ops.sum(ops.mul(x, weights), 1, True), total))
        products = ops.matmul(centred, ops.transpose(ops.mul(centred, weights), 0, 1))
        count = total
        if aweights is not None and correction:
            correction = ops.div(ops.sum(ops.mul(weights, aweights)), total) * correction
    found = ops.div(products, ops.clamp(ops.sub(count, correction), 0) if weights is not None
                    else builtins.max(count - correction, 0))
    return found if len(input.shape) == 2 else ops.reshape(found, ())


def corrcoef(input: Array) -> Any:
    """The correlation coefficients of the rows: their covariances divided by both standard deviations.

    >>> import tinygrad_lite as tg
    >>> tg.corrcoef(tg.tensor([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    found = cov(input)
    if not found.shape:
        return ops.div(found, found)
    deviation = ops.sqrt(ops.diagonal(found))
    return ops.clamp(ops.div(found, outer(deviation, deviation)), -1, 1)


def histc(input: Array, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements lie in each of `bins` equal intervals from `min` to `max`; others are not counted.

    If `min` and `max` are equal they are the smallest and the largest element.  The last interval holds its end.

    Raises RuntimeError for no bins, a `max` below `min`, and an input that is not floating.

    >>> import tinygrad_lite as tg
    >>> tg.histc(tg.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if input.dtype.kind != "f":
        raise RuntimeError(f"histc: the input dtype must be floating, got {input.dtype}")
    if bins <= 0 or max < min:
        raise RuntimeError(f"histc: expected at least one bin and max not below min, got {bins}, min {min}, max {max}")
    x = ravel(input).detach() if isinstance(input, graph.Tensor) else ravel(input)
    if min == max and 0 not in x.shape:
        min, max = ops.amin(x), ops.amax(x)
    if min == max:
        min, max = min - 1, max + 1
    place = ops.floor(ops.div(ops.mul(ops.sub(x, min), bins), max - min))
    place = ops.clamp(place, None, bins - 1)  # the end of the last interval, and what is beyond: not counted
    inside = ops.logical_and(ops.ge(x, min), ops.le(x, max))
    place = ops.to_dtype(ops.where(inside, place, bins), dtypes.int64)
    return ops.to_dtype(ops.getitem(ops.bincount(place, None, bins + 1), slice(bins)), input.dtype)


def diff(input: Array, n: int = 1, dim: int = -1, prepend: Array | None = None, append: Array | None = None) -> Any:
    """The differences of neighbours along `dim`, x_(i+1) - x_i, taken `n` times; of bools, where they differ.

    `prepend` and `append` are put before and behind first; not for n = 0, as in PyTorch.

    Raises RuntimeError for a number, or a negative `n`.

    >>> import tinygrad_lite as tg
    >>> tg.diff(tg.tensor([1, 4, 9, 16])), tg.diff(tg.tensor([1, 4, 9, 16]), n=2)
    (tensor([3, 5, 7]), tensor([2, 2]))
    """
    if not input.shape:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = axis_of(input, dim)
    if not n:
        return ops.clone(input)
    parts = [x for x in (prepend, input, append) if x is not None]
    x = ops.cat(parts, axis) if len(parts) > 1 else input
    for _ in range(n):
        later, earlier = (ops.getitem(x, along(axis, part)) for part in (slice(1, None), slice(-1)))
        x = ops.ne(later, earlier) if x.dtype.kind == "b" else ops.sub(later, earlier)
    return x


def trapezoid(y: Array, x: Array | None = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The integral along `dim` by the trapezoidal rule: sum_i (x_(i+1) - x_i)(y_i + y_(i+1)) / 2.

    The places `x` are those of all of `y` or a vector; without them neighbours are `dx` apart.

    >>> import tinygrad_lite as tg
    >>> tg.trapezoid(tg.tensor([1.0, 5.0, 10.0])), tg.trapezoid(tg.tensor([1.0, 5.0]), tg.tensor([0.0, 2.0]))
    (tensor(10.5000), tensor(6.))
    """
    axis = axis_of(y, dim)
    later, earlier = (ops.getitem(y, along(axis, part)) for part in (slice(1, None), slice(-1)))
    means = ops.div(ops.add(later, earlier), 2)
    if x is None:
        return ops.mul(ops.sum(means, axis), dx)
    if len(x.shape) == 1:
        x = ops.reshape(x, [x.shape[0] if i == axis else 1 for i in range(len(y.shape))])
    return ops.sum(ops.mul(means, diff(x, dim=axis - len(y.shape) + len(x.shape))), axis)


trapz = trapezoid
