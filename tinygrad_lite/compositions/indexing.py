"""Compositions that pick elements by index and put them back."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..engine import dtypes, graph
from ..engine.graph import Array, live
from ..ops.indexing import ARRAY
from ..ops.reduce import narrowed
from .shape import axis_of, broadcast_tensors, ravel


def take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Any:
    """`gather`, with `input` and `indices` broadcast against each other apart from `dim`; without it, both flattened.

    Along `dim` a negative index counts from the end, which `gather` refuses.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[3.0, 1.0], [5.0, 9.0]])
    >>> tg.take_along_dim(x, x.argmax(1, keepdim=True), 1)
    tensor([[3.],
            [9.]])
    """
    if dim is None:
        return ops.gather(ravel(input), 0, ravel(indices))
    if len(input.shape) != len(indices.shape):
        raise RuntimeError("take_along_dim(): input and indices should have the same number of dimensions, "
                           f"but got {len(input.shape)} and {len(indices.shape)}")
    axis = axis_of(input, dim)
    if input.shape:
        indices = ops.where(ops.lt(indices, 0), ops.add(indices, input.shape[axis]), indices)
    shape = list(input.shape)
    for x in (input, indices):
        shape = [n if m == 1 else m for n, m in zip(shape, x.shape, strict=True)]
    wide, chosen = ([x.shape[axis] if i == axis else n for i, n in enumerate(shape)] for x in (input, indices))
    return ops.gather(ops.expand(input, wide), dim, ops.expand(indices, chosen))


def index_select(input: Array, dim: int, index: Array) -> Any:
    """The slices along `dim` at the indices of a vector: for dim = 1, y_ij = x_i(index_j); a copy.

    Raises IndexError for an index out of range or negative, or one that is no vector.
    """
    if not input.shape:
        return ops.reshape(ops.index(ops.reshape(input, (1,)), *_places(ops.reshape(input, (1,)), dim, index)), ())
    return ops.index(input, *_places(input, dim, index))


def _places(input: Array, dim: int, index: Array) -> tuple[list[Array], tuple[Any, ...]]:
    """`index` along `dim` as operand and key of the ops that index."""
    axis = axis_of(input, dim)
    if len(index.shape) > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got shape {tuple(index.shape)}")
    _check_range(index, 0, input.shape[axis])
    return [ops.reshape(index, (-1,))], (slice(None),) * axis + (ARRAY,)


def _check_range(index: Array, least: int, size: int) -> None:
    """Raise IndexError for an index that is not least, ..., size - 1, which NumPy would count from the end, and CuPy
    would wrap around."""
    array = index.array if isinstance(index, graph.Tensor) else index
    if array.dtype.kind not in "iu":
        raise IndexError(f"tensors used as indices must be integer, got {array.dtype}")
    live(_check_values, array, least, size)


def _check_values(array: Array, least: int, size: int) -> None:
    if array.size and (array.min() < least or array.max() >= size):
        raise IndexError(f"index out of range: {array.min()} to {array.max()} in a dimension of size {size}")


def masked_select(input: Array, mask: Array) -> Any:
    """The elements where `mask` holds, as a vector; the two are broadcast against each other.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[1.0, -1.0], [-2.0, 4.0]])
    >>> tg.masked_select(x, x > 0)
    tensor([1., 4.])
    """
    if mask.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    input, mask = broadcast_tensors(input, mask)
    return ops.index(input, [mask], (ARRAY,))


def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: Any = 1) -> Any:
    """`input` with `alpha` times the slices of `source` added at the indices of a vector; repeated ones add up.

    For dim = 0: y = x, then y_(index_i) += alpha * source_i for each i.
    Raises RuntimeError for a source of another shape or dtype, IndexError for an index out of range.
    """
    if len(source.shape) != len(input.shape):
        raise RuntimeError(f"index_add(): source {tuple(source.shape)} must have as many axes as {tuple(input.shape)}")
    shape = input.shape or (1,)
    source = _slices("index_add", input, dim, index, source)
    if source.dtype != input.dtype:
        raise RuntimeError(f"index_add(): self ({input.dtype}) and source ({source.dtype}) must have the same dtype")
    operand, key = _places(ops.reshape(input, shape), dim, index)
    added = ops.reshape(ops.index_backward(source, operand, shape, key), input.shape)
    return ops.add(input, added if alpha == 1 else ops.mul(added, alpha))


def index_copy(input: Array, dim: int, index: Array, source: Array) -> Any:
    """`input` with the slices along `dim` at the indices of a vector replaced by those of `source`.

    Raises RuntimeError or IndexError for a source of another shape or dtype, IndexError for an index out of range.
    """
    source = _slices("index_copy", input, dim, index, source)
    if source.dtype != input.dtype:
        raise RuntimeError(f"index_copy(): self ({input.dtype}) and source ({source.dtype}) must have the same dtype")
    return _put(input, dim, index, source)


def index_fill(input: Array, dim: int, index: Array, value: Any) -> Any:
    """`input` with the slices along `dim` at the indices of a vector filled with a number or a 0-d tensor.

    However often an index occurs, its slice is filled once: so says the gradient of a tensor.

    Raises RuntimeError for a value with axes, IndexError for an index out of range.
    """
    if getattr(value, "shape", ()):
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, got {len(value.shape)} dimensions")
    if not isinstance(value, graph.Tensor):
        return _put(input, dim, index, value)
    x = input if input.shape else ops.reshape(input, (1,))
    (places,), _ = _places(x, dim, index)
    axis = axis_of(x, dim)
    none = np.zeros(x.shape[axis], bool, like=x.array if isinstance(x, graph.Tensor) else x)
    filled = ops.reshape(ops.index_put(none, [places], True, (ARRAY,)), (-1, *(1,) * (len(x.shape) - 1 - axis)))
    return ops.reshape(ops.where(filled, narrowed(value, x.dtype), x), input.shape)


def _put(input: Array, dim: int, index: Array, values: Any) -> Any:
    x = input if input.shape else ops.reshape(input, (1,))
    operand, key = _places(x, dim, index)
    return ops.reshape(ops.index_put(x, operand, values, key), input.shape)


def _slices(name: str, input: Array, dim: int, index: Array, source: Array) -> Array:
    """`source` with an axis, checked to have the shape of the slices that the index takes."""
    axis = axis_of(input, dim)
    expected = list(input.shape or (1,))
    expected[axis] = math.prod(index.shape)
    if len(source.shape or (1,)) > axis and (source.shape or (1,))[axis] != expected[axis]:
        raise IndexError(f"{name}(): Number of indices ({expected[axis]}) should be equal to source.size(dim): "
                         f"({(source.shape or (1,))[axis]})")
    if list(source.shape or (1,)) != expected:
        raise RuntimeError(f"{name}(): source has shape {tuple(source.shape)}, expected {tuple(expected)}")
    return ops.reshape(source, expected)


def index_put(input: Array, indices: Sequence[Array], values: Array, accumulate: bool = False) -> Any:
    """A copy of `input` with `values`, broadcast, at the index arrays; with `accumulate` they are added up.

    Raises IndexError for indices out of range.
    """
    operand, key = [*indices], (ARRAY,) * len(indices)
    if not accumulate:
        return ops.index_put(input, operand, values, key)
    taken = ops.index(input, operand, key).shape
    return ops.add(input, ops.index_backward(ops.expand(values, taken), operand, input.shape, key))


def scatter(input: Array, dim: int, index: Array, src: Any = None, *, value: Any = None) -> Any:
    """A copy of `input` with `src` (or one number, `value`) written at the indices along `dim`.

    For dim = 1: y = x, then y_i(index_ij) = src_ij for each i, j.  Which of several values for one place is written is
    not defined.  Shapes: apart from `dim`, `index` is at most as large as `input`; everywhere at most as `src`.
    Raises RuntimeError for shapes that do not fit or another dtype, IndexError for an index out of range.

    >>> import tinygrad_lite as tg
    >>> tg.zeros(2, 3).scatter(1, tg.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    if (src is None) == (value is None):
        raise TypeError("scatter: give either src or value")
    return ops.scatter(input, dim, index, _for_index("scatter", input, index, value if src is None else src))


def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Any:
    """`input` with `src` added at the indices along `dim`; repeated ones add up: y_i(index_ij) += src_ij for dim = 1.

    Shapes and errors: see `scatter`.
    """
    src = _for_index("scatter_add", input, index, src)
    _check_range(index, 0, (input.shape or (1,))[axis_of(input, dim)])
    return ops.add(input, ops.gather_backward(src, dim, index, tuple(input.shape)))


def _for_index(name: str, input: Array, index: Array, src: Any) -> Any:
    """The part of `src` that an index uses: it may be larger."""
    if not hasattr(src, "shape"):
        return src
    if src.dtype != input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype}, {src.dtype}")
    if len(src.shape) != len(index.shape) or builtins.any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise RuntimeError(f"Expected index {tuple(index.shape)} to be no larger than src {tuple(src.shape)}")
    if tuple(src.shape) == tuple(index.shape):
        return src
    return ops.getitem(src, (*(slice(0, n) for n in index.shape), Ellipsis))


def masked_scatter(input: Array, mask: Array, source: Array) -> Any:
    """A copy of `input` in which the elements where `mask` holds are, in order, the first ones of `source`.

    Raises RuntimeError if `source` has fewer elements than `mask` asks for, or another dtype.
    """
    if mask.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if source.dtype != input.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got {input.dtype} and "
                           f"{source.dtype}")
    input, mask = broadcast_tensors(input, mask)
    return ops.masked_scatter(input, mask, source)


def take(input: Array, index: Array) -> Any:
    """The elements of the flattened input at the indices, in the shape of `index`.

    Raises IndexError for an index out of range.
    """
    flat = ravel(input)
    _check_range(index, -flat.shape[0], flat.shape[0])
    return ops.index(flat, [index], (ARRAY,))


def put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Any:
    """A copy of `input` with the elements of `source` at the indices of the flattened input; see `index_put`.

    Raises IndexError for an index out of range or a source of another size, RuntimeError for one of another dtype.
    """
    flat = ravel(input)
    _check_range(index, -flat.shape[0], flat.shape[0])
    if math.prod(source.shape) != math.prod(index.shape):
        raise IndexError("put_(): Expected source and index to have the same number of elements, but got shapes "
                         f"{tuple(source.shape)} and {tuple(index.shape)}")
    if source.dtype != input.dtype:
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, got {input.dtype} and "
                           f"{source.dtype}")
    return ops.reshape(index_put(flat, [ravel(index)], ravel(source), accumulate), input.shape)


def fill_diagonal(input: Array, fill_value: Any, wrap: bool = False) -> Any:
    """A copy of `input` with `fill_value` where all indices are equal; with `wrap` a tall matrix starts anew below.

    Raises RuntimeError for fewer than two axes, or more of different sizes.
    """
    shape = tuple(input.shape)
    if len(shape) < 2 or (len(shape) > 2 and len({*shape}) > 1):
        raise RuntimeError(f"fill_diagonal_: expected a matrix, or more axes of equal size, got shape {shape}")
    step = builtins.sum(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    # The diagonal of a matrix with more rows than columns ends before its elements do.
    last = math.prod(shape) if wrap and len(shape) == 2 else builtins.min(shape) * step
    places = np.arange(0, builtins.min(last, math.prod(shape)), step)
    return ops.reshape(ops.index_put(ravel(input), [places], fill_value, (ARRAY,)), shape)


def searchsorted(sorted_sequence: Array, input: Array, *, out_int32: bool = False, right: bool = False,
                 side: str | None = None) -> Any:
    """For each element of `input` the index where it would be put into the last axis of a sorted sequence.

    y is the number of elements s < x, with right=True (or side="right") of those s <= x.
    Shapes: a vector and any shape, or equal ones apart from the last axis.
    Raises RuntimeError for shapes that do not fit, or options that contradict each other.

    >>> import tinygrad_lite as tg
    >>> tg.searchsorted(tg.tensor([1.0, 3.0, 5.0]), tg.tensor([0.0, 3.0, 9.0]))
    tensor([0, 1, 3])
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise RuntimeError(f"searchsorted: side can only be 'left' or 'right', and not contradict right={right}")
    found = ops.searchsorted(sorted_sequence, input, right or side == "right")
    return ops.to_dtype(found, dtypes.int32) if out_int32 else found


def bucketize(input: Array, boundaries: Array, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of the interval between sorted boundaries in which each element lies; see `searchsorted`."""
    if len(boundaries.shape) != 1:
        raise RuntimeError(f"bucketize: boundaries must be a vector, got shape {tuple(boundaries.shape)}")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
