"""Ops that pick elements: indexing in all its forms, gather, and their transposes, which put elements back.

`x[key]` with slices, integers, None and Ellipsis is `getitem`, a view.  With index arrays it is `index`, a copy; the
arrays are operands of the op, so that whoever reads the graph sees them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import backend, dtypes
from ..engine.graph import Array
from ..engine.operation import op
from .elementwise import where
from .logic import ne
from .shape import pad, reshape

Key = Any


@op(tex=r"{input}[{key}]", promotion="none", view=True)
def getitem(input: Array, key: Key) -> Array:
    """input[key] for a basic key: integers, slices, None, Ellipsis.

    Shapes: input (n, ...); result (...) for an integer, (stop - start, ...) for a slice, (1, n, ...) for None.
    """
    return input[key]


@getitem.vjp("input")
def _(g, input_shape, key):
    return slice_backward(g, input_shape, key)


@op(tex=r"\operatorname{{put}}({input}, [{key}])", promotion="none")
def slice_backward(input: Array, shape: tuple[int, ...], key: Key) -> Array:
    """The transpose of `getitem`: zeros of `shape` with `input` at `key`: y[key] = input.

    Shapes: input that of the part at `key`, or broadcast to it; result `shape`.
    """
    result = np.zeros(shape, input.dtype, like=input)
    result[key] = input
    return result


@slice_backward.vjp("input")
def _(g, key):
    return getitem(g, key)


def fill_in(key: tuple[Any, ...], indices: Sequence[Array]) -> tuple[Any, ...]:
    """The key with its `ARRAY` placeholders replaced by the index arrays."""
    arrays = iter(indices)
    return tuple(next(arrays) if part is ARRAY else part for part in key)


class _ArrayHere:
    def __repr__(self) -> str:
        return "array"


ARRAY = _ArrayHere()
"""Stands in the key of `index` where an index array belongs."""


@op(tex=r"{input}[{indices}]", promotion="none")
def index(input: Array, indices: Sequence[Array], key: tuple[Any, ...]) -> Array:
    """Indexing with integer or boolean arrays, input[fill_in(key, indices)]: y_i = x_(indices_i) for one index.

    Shapes: input (n, ...), one index (*); result (*, ...).  Several indices are broadcast against each other, and a
    boolean one counts as the integers of its `argwhere`.
    """
    return input[fill_in(key, indices)]


@index.vjp("input")
def _(g, input_shape, indices, key):
    return index_backward(g, indices, input_shape, key)


@op(tex=r"\operatorname{{index\_add}}({input}, {indices})", promotion="none")
def index_backward(input: Array, indices: Sequence[Array], shape: tuple[int, ...], key: tuple[Any, ...]) -> Array:
    """The transpose of `index`: zeros of `shape` with `input` added at the indices:

    y[indices[i]] += input[i]; repeated ones add up.

    Shapes: input (*, ...), one index (*); result `shape`, (n, ...).
    """
    return added_at(shape, fill_in(key, indices), input)


def added_at(shape: tuple[int, ...], key: tuple[Any, ...], values: Array) -> Array:
    """Zeros of `shape` with `values` added at the key; float16 adds up in float32."""
    narrow = values.dtype == dtypes.float16
    result = np.zeros(shape, dtypes.float32 if narrow else values.dtype, like=values)
    backend.scatter_add(result, key, values.astype(dtypes.float32) if narrow else values)
    return result.astype(dtypes.float16) if narrow else result


@index_backward.vjp("input")
def _(g, indices, key):
    return index(g, indices, key)


@op(tex=r"\operatorname{{index\_put}}({input}, {indices}, {values})", promotion="none")
def index_put(input: Array, indices: Sequence[Array], values: Array, key: tuple[Any, ...]) -> Array:
    """A copy of `input` with `values` (broadcast) at the indices, y[indices[i]] = values[i].

    It is what `x[indices] = values` means.

    Shapes: input (n, ...), one index (*), values broadcast to (*, ...); result that of input.
    """
    result = input.copy()
    result[fill_in(key, indices)] = values
    return result


@index_put.vjp("input")
def _(g, indices, key):
    return index_put(g, indices, 0.0, key)


@index_put.vjp("values")
def _(g, indices, key):
    return index(g, indices, key)


def check_not_negative(input: Array, dim: int, index: Array) -> None:
    """Raise IndexError for negative indices, which NumPy would count from the end."""
    if index.size and index.min() < 0:
        raise IndexError(f"index {index.min()} is out of bounds for dimension {dim} with size {input.shape[dim]}")


@op(tex=r"\operatorname{{gather}}_{{{dim}}}({input}, {index})", promotion="none")
def gather(input: Array, dim: int, index: Array) -> Array:
    """out[i][j][k] = input[i][index[i][j][k]][k] for dim = 1, and so on.

    `index` may be smaller than `input` along the other axes, as in PyTorch, and a 0-d array counts as one of size 1.
    Shapes: input (n, m), index (k, l) with k <= n for dim = 1; result that of index.
    An index without elements takes nothing, whatever its shape.
    Raises RuntimeError if the numbers of axes differ, or `index` is larger than `input` along another axis, and
    IndexError for an index out of range.
    """
    check_not_negative(input, dim, index)
    if not input.ndim:
        input = input.reshape(1)
    return input[full_index(input.shape, dim, index)]


@gather.vjp("input")
def _(g, dim, index, input_shape):
    return gather_backward(g, dim, index, input_shape)


@op(tex=r"\operatorname{{scatter\_add}}_{{{dim}}}({input}, {index})", promotion="none")
def gather_backward(input: Array, dim: int, index: Array, shape: tuple[int, ...]) -> Array:
    """The transpose of `gather`: zeros of `shape` with `input` added at the indices:

    out[i][index[i][j]] += input[i][j] for dim = 1; repeated ones add up.

    Shapes: input and index (k, l); result `shape`.
    """
    return added_at(shape or (1,), full_index(shape or (1,), dim, index), input).reshape(shape)


@gather_backward.vjp("input")
def _(g, dim, index):
    return gather(g, dim, index)


@op(tex=r"\operatorname{{scatter}}_{{{dim}}}({input}, {index}, {src})", promotion="none")
def scatter(input: Array, dim: int, index: Array, src: Array) -> Array:
    """A copy of `input` with `src`, an array in the shape of `index` or a number, at the indices: out[i][index[i][j]] =
    src[i][j] for dim = 1.

    Shapes: input (n, m), index and src (k, l) with k <= n for dim = 1; result that of input.
    Raises as `gather`.
    """
    check_not_negative(input, dim, index)
    result = input.copy().reshape(input.shape or (1,))
    result[full_index(result.shape, dim, index)] = src
    return result.reshape(input.shape)


@scatter.vjp("input")
def _(g, dim, index):
    return scatter(g, dim, index, 0.0)


@scatter.vjp("src")
def _(g, dim, index):
    return gather(g, dim, index)


@op(tex=r"\operatorname{{masked\_scatter}}({input}, {mask}, {source})", promotion="none")
def masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """A copy of `input` in which the elements where `mask` holds are the first ones of `source`:
    y_i = source[number of j < i where mask_j] there, in the order in which they lie, and elsewhere x_i.

    Shapes: mask broadcasts to that of input, source any; result that of input.
    Raises RuntimeError if `source` has fewer.
    """
    count = int(mask.sum())
    if count > source.size:
        raise RuntimeError(f"masked_scatter: expected self to have {count} elements or fewer, got {source.size}")
    result = input.copy()
    result[mask] = source.reshape(-1)[:count]
    return result


@masked_scatter.vjp("input")
def _(g, mask):
    return where(mask, 0.0, g)


@masked_scatter.vjp("source")
def _(g, mask, source_shape):
    taken = index(g, [mask], (ARRAY,))
    return reshape(pad(taken, (0, math.prod(source_shape) - taken.shape[0])), source_shape)


@op(tex=r"\operatorname{{searchsorted}}({sorted_sequence}, {input})", promotion="none")
def searchsorted(sorted_sequence: Array, input: Array, right: bool = False) -> Array:
    """How many elements of the sequence's last axis are smaller than (with `right`: at most) each of `input`; int64.

    y_i = the number of j with s_j < x_i (s_j <= x_i with `right`); nan counts as larger than all numbers.

    Shapes: sorted_sequence (n,) and input (*), or (..., n) and (..., m); result that of input.
    Raises RuntimeError unless the sequence is a vector or the shapes are equal apart from the last axis.
    """
    if sorted_sequence.ndim == 1:
        return np.searchsorted(sorted_sequence, input, "right" if right else "left")
    if sorted_sequence.ndim != input.ndim or sorted_sequence.shape[:-1] != input.shape[:-1]:
        raise RuntimeError("searchsorted: the sequence must be a vector or agree with the input apart from the last "
                           f"axis, got shapes {sorted_sequence.shape} and {input.shape}")
    s, x = sorted_sequence[..., None, :], input[..., :, None]
    return np.sum((s <= x) | (x != x) if right else (s < x) | ((x != x) & (s == s)), -1)


@op(tex=r"\operatorname{{repeated\_indices}}({repeats})", promotion="none")
def repeated_indices(repeats: Array) -> Array:
    """repeats_0 times 0, repeats_1 times 1, and so on.

    Shapes: repeats (n,); result (sum(repeats),).
    Raises RuntimeError for repeats that are no vector of integers, or negative.
    """
    if repeats.ndim != 1 or repeats.dtype.kind not in "iu" or (repeats.size and repeats.min() < 0):
        raise RuntimeError("repeat_interleave: repeats must be a vector of integers that are not negative")
    ends = np.cumsum(repeats)
    count = int(ends[-1]) if ends.size else 0
    return np.searchsorted(ends, np.arange(count, like=repeats), "right")


def full_index(shape: tuple[int, ...], dim: int, index: Array) -> tuple[Array, ...]:
    """`index` along `dim` as a full index: along every other axis, each its own position."""
    if index.size and max(index.ndim, 1) != len(shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor: "
                           f"{index.ndim} and {len(shape)}")
    axis = range(len(shape))[dim]
    if not index.size:  # nothing is taken, whatever its axes and other sizes
        return (np.zeros(index.shape, dtypes.int64, like=index),) * len(shape)
    if not index.ndim:
        return (index,)
    if any(n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)) if i != axis):
        raise RuntimeError(f"Size of index {tuple(index.shape)} exceeds that of input {tuple(shape)} "
                           f"apart from dimension {axis}")
    last = len(shape) - 1
    return tuple(index if i == axis else np.arange(n, like=index).reshape((-1,) + (1,) * (last - i))
                 for i, n in enumerate(index.shape))


@op(tex=r"{weight}[{input}]", promotion="none")
def embedding(weight: Array, input: Array, padding_idx: int | None = None) -> Array:
    """The rows of `weight` whose numbers `input` holds, y_i = weight[input_i].

    The row at `padding_idx` gets no gradient.

    Shapes: weight (V, D), input (*); result (*, D).
    Raises RuntimeError for a weight with other axes or numbers that are no integers, IndexError for a row out of range.
    """
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got shape {weight.shape}")
    if input.dtype.kind not in "iu":
        raise RuntimeError(f"embedding: the row numbers must be integers, got {input.dtype}")
    if input.size and not (input.min() >= 0 and input.max() < len(weight)):  # NumPy counts from the end, CuPy wraps
        raise IndexError(f"index out of range in self: rows 0 to {len(weight) - 1}, got {input.min()} to {input.max()}")
    return np.take(weight, input, 0)


@embedding.vjp("weight")
def _(g, input, weight_shape, padding_idx):
    if padding_idx is not None:
        g = g * reshape(ne(input, padding_idx), (*input.shape, 1))
    return index_backward(g, [input], weight_shape, (ARRAY,))
