"""Ops that reduce: sums, products, means, variances, norms, extrema, logsumexp; cumulative sums and sorted order.

`dim` is None (all axes), an integer or a tuple of them, negative ones counted from the end; `keepdim` keeps reduced
axes with size 1.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from ..engine import dtypes
from ..engine.graph import Array
from ..engine.operation import op, to_dtype
from ..engine.summation import add_reduce, total
from .elementwise import abs, sign, where
from .functions import exp
from .indexing import getitem
from .logic import same
from .shape import along, cat, flip, reshape

Dim: TypeAlias = int | Sequence[int] | None


def numpy_axis(dim: Dim, ndim: int) -> Any:
    """`dim` as NumPy's `axis`: () means all axes, and a 0-d array may be reduced along 0 or -1, as in PyTorch."""
    if dim is None:
        return None
    if dim.__class__ is int:
        return None if ndim == 0 and dim in (0, -1) else dim
    dims = tuple(dim)  # type: ignore[arg-type]
    return None if not dims or (ndim == 0 and dims in ((0,), (-1,))) else dims


def count_of(shape: Sequence[int], dim: Dim) -> int:
    """How many elements each result of a reduction of `shape` along `dim` stands for."""
    axis = numpy_axis(dim, len(shape))
    count = 1
    for n in shape if axis is None else (shape[axis],) if isinstance(axis, int) else (shape[a] for a in axis):
        count *= n
    return count


def in_float32(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a forward function: float16 is computed in float32 and rounded once, at the end, as in PyTorch.

    Its first operand decides, an array or a sequence of them, or its `dtype`.
    """
    first, parameter = next(iter(inspect.signature(forward).parameters.items()))
    sequence = "Sequence" in str(parameter.annotation)

    @functools.wraps(forward)
    def compute(*args: Any, **named: Any) -> Any:
        input = args[0] if args else named[first]
        if not sequence and input.dtype is dtypes.float32 and named.get("dtype") is None:
            return forward(*args, **named)  # the rule, in the shortest time
        dtype = named.get("dtype")
        if ((input[0] if sequence else input).dtype if dtype is None else np.dtype(dtype)) != dtypes.float16:
            return forward(*args, **named)
        wide = [x.astype(dtypes.float32) for x in input] if sequence else input.astype(dtypes.float32)
        result = forward(wide, *args[1:], **{n: x for n, x in named.items() if n not in (first, "dtype")})
        if isinstance(result, tuple):  # with residuals
            return tuple(x.astype(dtypes.float16) for x in result)
        return result.astype(dtypes.float16)

    return compute


def widened(g: Any) -> Any:
    """`g`, but float32 if it is float16, in which sums overflow.  In a VJP the walk casts back."""
    return to_dtype(g, dtypes.float32) if g.dtype == dtypes.float16 else g


def narrowed(y: Any, dtype: Any) -> Any:
    """`y` in the dtype that stood before `widened`."""
    return y if y.dtype == dtype else to_dtype(y, dtype)


def has_short_rows(input: Array, axis: int) -> bool:
    """Whether to reduce a turned copy of `input` instead, along its first axis: along a last axis of few elements NumPy
    starts a loop of its own for each row.  10 classes of 60,000 examples: maximum 2.5 -> 0.3 ms, softmax 3.5 -> 0.9.
    """
    return input.ndim > 1 and axis in (-1, input.ndim - 1) and 1 < input.shape[-1] <= 32 and input.size >= 512


def turned(input: Array) -> Array:
    """A copy with the last axis first, the others as one."""
    return input.reshape((-1, input.shape[-1])).T.copy()


def turned_back(input: Array, shape: Sequence[int]) -> Array:
    """The array of that shape of which `input` would be the turned copy."""
    return input.T.copy().reshape(shape)


def extreme(which: Literal["max", "min"], input: Array, axis: Any, keepdims: bool) -> Array:
    """The maximum or minimum along `axis`."""
    if axis.__class__ is int and has_short_rows(input, axis):
        found = getattr(turned(input), which)(0)
        return found.reshape((*input.shape[:-1], 1) if keepdims else input.shape[:-1])
    return getattr(input, which)(axis, keepdims=keepdims)


def shared(g, count):
    """g / count: what each of the elements of a mean gets of its gradient."""
    if count > 65504 and g.dtype == dtypes.float16:  # a count beyond the largest float16; the walk casts back
        g = to_dtype(g, dtypes.float32)
    return g / (count or 1)


def unreduce(g, input_shape, dim, keepdim):
    """A reduced array with the reduced axes back, of size 1, so that it broadcasts against the input."""
    axis = numpy_axis(dim, len(input_shape))
    if axis is None or keepdim:
        return g
    shape = list(input_shape)
    for a in (axis,) if isinstance(axis, int) else axis:
        shape[a] = 1
    return reshape(g, tuple(shape))


@op(tex=r"\sum_{{{dim}}} {input}", promotion="none")
def sum(input: Array, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    """The sum over `dim`, y_i = sum over j of x_ij for dim=1; integers and bool give int64.

    float16 is added up in float32.  With a `dtype` the input is cast to it first.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.

    >>> import tinygrad_lite as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
    tensor([4., 6.])
    """
    if dtype is not None:
        input = input.astype(dtype)
    axis = numpy_axis(dim, input.ndim)
    if input.dtype.kind == "f":
        return total(input, axis, keepdims=keepdim)
    return add_reduce(input, axis, dtype or dtypes.int64, None, keepdim)


@sum.vjp("input")
def _(g, input_shape, dim, keepdim):
    return unreduce(g, input_shape, dim, keepdim)  # the walk broadcasts it


@op(tex=r"\operatorname{{mean}}_{{{dim}}}({input})", promotion="none")
@in_float32
def mean(input: Array, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    """The mean over `dim`, sum(input) / n of the n elements; with a `dtype` the input is cast to it first.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    Raises RuntimeError for integers and bool: their mean would be no integer.
    """
    if dtype is not None:
        input = input.astype(dtype)
    dtypes.check_floating("mean()", input)
    return total(input, numpy_axis(dim, input.ndim), keepdims=keepdim) / (count_of(input.shape, dim) or np.nan)


@mean.vjp("input")
def _(g, input_shape, dim, keepdim):
    return shared(unreduce(g, input_shape, dim, keepdim), count_of(input_shape, dim))


@op(tex=r"\max_{{{dim}}} {input}", promotion="none")
def amax(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The largest element over `dim`, y_i = max over j of x_ij for dim=1; elements that tie share the gradient evenly.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    Raises ValueError over no elements.
    """
    return extreme("max", input, numpy_axis(dim, input.ndim), keepdim)


@op(tex=r"\min_{{{dim}}} {input}", promotion="none")
def amin(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """The smallest element over `dim`, y_i = min over j of x_ij for dim=1; elements that tie share the gradient evenly.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    Raises ValueError over no elements.
    """
    return extreme("min", input, numpy_axis(dim, input.ndim), keepdim)


@amax.vjp("input")
@amin.vjp("input")
def _(g, input, input_shape, y, dim, keepdim):
    best = same(input, unreduce(y, input_shape, dim, keepdim))
    return where(best, unreduce(g, input_shape, dim, keepdim) / sum(best, dim, True), 0.0)


@op(tex=r"\arg\max_{{{dim}}} {input}", promotion="none")
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the (first) largest element along `dim`, or of the flattened input: min{j : x_j = max(x)}; int64.

    Shapes: input (..., n, ...); result (..., ...) without the axis `dim` (None: without any), of size 1 there with
    `keepdim`.
    """
    return np.argmax(input, axis=numpy_axis(dim, input.ndim), keepdims=keepdim)


@op(tex=r"\arg\min_{{{dim}}} {input}", promotion="none")
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the (first) smallest element along `dim`, or of the flattened input: min{j : x_j = min(x)}; int64.

    Shapes: input (..., n, ...); result (..., ...) without the axis `dim` (None: without any), of size 1 there with
    `keepdim`.
    """
    return np.argmin(input, axis=numpy_axis(dim, input.ndim), keepdims=keepdim)


@op(tex=r"\log \sum_{{{dim}}} e^{{{input}}}", promotion="float")
@in_float32
def logsumexp(input: Array, dim: Dim = None, keepdim: bool = False) -> Array:
    """log(sum(exp(input))) over `dim`, without overflow: the largest element is taken out first.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    """
    axis = numpy_axis(dim, input.ndim)
    if not input.size:  # over no elements the sum is 0, its logarithm -inf
        return total(input, axis, keepdims=keepdim) - np.inf
    if axis.__class__ is int and has_short_rows(input, axis):
        result = logsumexp(turned(input), 0)
        return result.reshape((*input.shape[:-1], 1) if keepdim else input.shape[:-1])
    largest = input.max(axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)  # all -inf, or inf: inf - inf would be nan
    result = np.log(total(np.exp(input - largest), axis, keepdims=True)) + largest
    return result if keepdim else np.squeeze(result, axis)


@logsumexp.vjp("input")
def _(g, input, y, input_shape, dim, keepdim):
    return unreduce(g, input_shape, dim, keepdim) * exp(input - unreduce(y, input_shape, dim, keepdim))


# --- products ---------------------------------------------------------------------------------------------------------


@op(tex=r"\prod_{{{dim}}} {input}", promotion="none")
@in_float32
def prod(input: Array, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Array:
    """The product over one axis, y_i = x_i0 * x_i1 * ... for dim=1, or of all elements; integers and bool give int64.

    With a `dtype` the input is cast to it first.  Each element gets the product of the others, also where some are 0.

    Shapes: input (..., n, ...); result (..., ...) without the axis `dim` (None: without any), of size 1 there with
    `keepdim`.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([2.0, 0.0, 5.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    tensor([ 0., 10.,  0.])
    """
    if not (dim is None or isinstance(dim, int)):
        raise TypeError(f"prod: dim must be an integer or None, got {dim!r}")
    if dtype is not None:
        input = input.astype(dtype)
    elif input.dtype.kind != "f":
        dtype = dtypes.int64
    return np.multiply.reduce(input, numpy_axis(dim, input.ndim), dtype, None, keepdim)


@prod.vjp("input", raw=True)
def _(g, input, dim, keepdim):
    axis = numpy_axis(dim, input.ndim)
    x = input.reshape(-1) if axis is None else np.moveaxis(input, axis, 0)
    before, after = np.ones_like(x, g.dtype), np.ones_like(x, g.dtype)  # what stands before and after each element
    np.multiply.accumulate(x[:-1], 0, None, before[1:])
    np.multiply.accumulate(x[:0:-1], 0, None, after[-2::-1])
    others = before * after
    others = others.reshape(input.shape) if axis is None else np.moveaxis(others, 0, axis)
    return unreduce(g, input.shape, dim, keepdim) * others


@prod.define
def _(input, dim=None, keepdim=False, dtype=None):
    """The halves are multiplied with each other until one element is left: no division, so zeros do no harm."""
    x = input if dtype is None else to_dtype(input, dtype)
    axis = numpy_axis(dim, len(x.shape))
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    n = x.shape[axis]
    while n > 1:
        half = n // 2
        rest = getitem(x, along(axis, slice(2 * half, n)))
        x = getitem(x, along(axis, slice(half))) * getitem(x, along(axis, slice(half, 2 * half)))
        if n % 2:
            x = cat([x, rest], axis)
        n -= half
    y = sum(x, axis, True) if n else sum(x, axis, True) + 1
    shape = sum(input, dim, keepdim).shape
    return reshape(y, shape)


@op(tex=r"\operatorname{{cumsum}}_{{{dim}}}({input})", promotion="none")
@in_float32
def cumsum(input: Array, dim: int, *, dtype: Any = None) -> Array:
    """The sums of the elements up to each one along `dim`, y_i = x_0 + ... + x_i; integers and bool give int64.

    With a `dtype` the input is cast to it first.  float32 is added up in float64, as in PyTorch.

    Shapes: result that of input.

    >>> import tinygrad_lite as tg
    >>> tg.cumsum(tg.tensor([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 3., 6.])
    """
    if dtype is not None:
        input = input.astype(dtype)
    elif input.dtype.kind != "f":
        dtype = dtypes.int64
    axis = numpy_axis(dim, input.ndim)
    if not input.ndim:
        return input.astype(dtype or input.dtype)
    if input.dtype == dtypes.float32:
        wide = input.astype(dtypes.float64)
        return np.add.accumulate(wide, axis, out=wide).astype(input.dtype)
    return np.add.accumulate(input, axis, dtype)


@cumsum.vjp("input")
def _(g, dim):
    return flip(cumsum(flip(g, dim), dim), dim)


# --- variance and norm ------------------------------------------------------------------------------------------------


def _moments(input: Array, dim: Dim, correction: float, keepdim: bool) -> tuple[Array, Array]:
    """Variance and mean; the mean keeps its axes."""
    dtypes.check_floating("std and var", input)
    axis, count = numpy_axis(dim, input.ndim), count_of(input.shape, dim)
    center = total(input, axis, keepdims=True) / (count or np.nan)
    deviations = input - center
    deviations *= deviations
    freedom = max(count - correction, 0) or 0.0 if count else np.nan
    return total(deviations, axis, keepdims=keepdim) / freedom, center


def _of_variance(g, input, center, input_shape, dim, correction, keepdim):
    """The gradient of a variance: 2 / (n - correction) * (input - mean).

    Of all elements, with nothing left to divide by, it is inf, and nan for one that is the mean, as in PyTorch.
    """
    freedom = count_of(input_shape, dim) - correction
    g = unreduce(g, input_shape, dim, keepdim)
    if freedom <= 0 and (dim is None or not input_shape):
        return g * where(input == center, math.nan, math.inf)
    return g * (2 / freedom if freedom else math.inf) * (input - center)


@op(tex=r"\operatorname{{Var}}_{{{dim}}}({input})", promotion="none", residuals=("center",))
@in_float32
def var(input: Array, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Array:
    """The variance over `dim`: sum((input - mean) ** 2) / (n - correction).

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    Raises RuntimeError for integers and bool.
    """
    return _moments(input, dim, correction, keepdim)


@var.vjp("input")
def _(g, input, center, input_shape, dim, correction, keepdim):
    return _of_variance(g, input, center, input_shape, dim, correction, keepdim)


@op(tex=r"\operatorname{{Std}}_{{{dim}}}({input})", promotion="none", residuals=("center",))
@in_float32
def std(input: Array, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Array:
    """The standard deviation over `dim`, sqrt(sum((input - mean) ** 2) / (n - correction)).

    Where it is 0 its gradient is 0.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    Raises RuntimeError for integers and bool.
    """
    variance, center = _moments(input, dim, correction, keepdim)
    return np.sqrt(variance), center


@std.vjp("input")
def _(g, input, center, y, input_shape, dim, correction, keepdim):
    flat = y == 0
    g = where(flat, 0.0, g / (2 * where(flat, 1.0, y)))
    return _of_variance(g, input, center, input_shape, dim, correction, keepdim)


@var.residual("center")
@std.residual("center")
def _(input, dim):
    return mean(input, dim, True)


@op(tex=r"\lVert{{{input}}}\rVert_{{{p}}}", promotion="none")
@in_float32
def vector_norm(input: Array, p: float = 2, dim: Dim = None, keepdim: bool = False) -> Array:
    """sum(|input| ** p) ** (1 / p) over `dim`, for a finite `p` other than 0; where it is 0 its gradient is 0.

    Shapes: input (..., n, ...); result (..., ...) without the axes `dim` (None: without any), of size 1 there with
    `keepdim`.
    Raises RuntimeError for integers and bool, and for a negative `p` over no elements.
    """
    dtypes.check_floating("norm", input)
    if p < 0 and not count_of(input.shape, dim):
        raise RuntimeError(f"norm: cannot compute the {p} norm of no elements, the operation does not have an identity")
    axis = numpy_axis(dim, input.ndim)
    if p == 2:
        return np.sqrt(total(input * input, axis, keepdims=keepdim))
    return total(np.abs(input) ** p, axis, keepdims=keepdim) ** (1 / p)


@vector_norm.vjp("input")
def _(g, input, y, input_shape, p, dim, keepdim):
    y, g = unreduce(y, input_shape, dim, keepdim), unreduce(g, input_shape, dim, keepdim)
    none = y == 0
    length = where(none, 1.0, y)
    if p == 2:
        return input * where(none, 0.0, g / length)
    away = abs(where(input == 0, 1.0, input))  # an element that is 0 gets 0, whatever the power
    return sign(input) * away ** (p - 1) * where(none, 0.0, g * length ** (1 - p))


# --- order ------------------------------------------------------------------------------------------------------------


@op(tex=r"\operatorname{{argsort}}_{{{dim}}}({input})", promotion="none")
def argsort(input: Array, dim: int = -1, descending: bool = False, stable: bool = False) -> Array:
    """The indices that sort along `dim`: x[y_0] <= x[y_1] <= ..., or >= if `descending`; int64.

    nan counts as larger than all numbers.  Equal elements stay in order, whether that is asked for (`stable`) or not.

    Shapes: result that of input.
    """
    return _order(input, dim, descending)


def _order(input: Array, dim: int, descending: bool) -> Array:
    if not input.ndim:
        if dim not in (0, -1):
            raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})")
        return np.zeros((), dtypes.int64, like=input)
    if not descending:
        return np.argsort(input, axis=dim, kind="stable")
    return input.shape[dim] - 1 - np.flip(np.argsort(np.flip(input, dim), axis=dim, kind="stable"), dim)


@op(tex=r"\operatorname{{argtopk}}_{{{dim}}}({input}, {k})", promotion="none")
def argtopk(input: Array, k: int, dim: int = -1, largest: bool = True) -> Array:
    """The indices of the `k` largest (or smallest) elements along `dim`, in order: x[y_0] >= x[y_1] >= ...; int64.

    nan counts as larger than all numbers.  Which of equal elements are taken is undefined, as in PyTorch.

    Shapes: input (..., n, ...); result (..., k, ...).
    """
    if not input.ndim:
        return _order(input, dim, largest)
    n = input.shape[dim]
    if not 0 < k < n:
        return _order(input, dim, largest)[along(dim, slice(k))]
    chosen = np.argpartition(input, n - k if largest else k - 1, axis=dim)  # a twentieth of the time of sorting all
    chosen = np.sort(chosen[along(dim, slice(n - k, n) if largest else slice(k))], axis=dim)
    order = _order(np.take_along_axis(input, chosen, axis=dim), dim, largest)
    return np.take_along_axis(chosen, order, axis=dim)


@op(tex=r"\operatorname{{median}}({input})", promotion="none")
def median(input: Array) -> Array:
    """The median of all n elements, sorted(input)[(n - 1) // 2]: of an even number the lower one.

    It is nan if an element is nan, or there is none.  Elements that tie share the gradient evenly.

    Shapes: input of any shape; result ().
    """
    if not input.size:
        return np.full_like(input, np.nan, shape=())
    ordered = np.sort(input.reshape(-1))
    last = ordered[-1]
    return np.where(last == last, ordered[(len(ordered) - 1) // 2], last)


@median.vjp("input")
def _(g, input, y):
    best = same(input, y)
    return where(best, g / sum(best), 0.0)


@op(tex=r"\operatorname{{unique}}({input})", promotion="none")
def unique(input: Array) -> Array:
    """The different elements, sorted, y_0 < y_1 < ...; a nan differs from every other.

    Shapes: input of any shape; result (the number of different elements,).
    """
    return np.unique(input, equal_nan=False)


@op(tex=r"\operatorname{{bincount}}({input})", promotion="none")
def bincount(input: Array, weights: Array | None = None, minlength: int = 0) -> Array:
    """How often each of 0, 1, ... max(input) occurs in a vector of integers, or the sums of the weights there:
    y_k = sum of weights_i over the i with input_i = k.

    The result has at least `minlength` elements.  Raises ValueError or TypeError for anything but a vector of integers
    that are not negative.

    Shapes: input (n,), weights (n,) or None; result (max(max(input) + 1, minlength),).

    >>> import tinygrad_lite as tg
    >>> tg.bincount(tg.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    counts = np.bincount(input, weights, minlength)
    return counts.astype(weights.dtype) if weights is not None and weights.dtype.kind == "f" else counts
