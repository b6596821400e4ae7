"""Ops that pick elements: indexing in all its forms, gather, and their transposes, which put elements back.

`x[key]` with slices, integers, None and Ellipsis is `getitem`, a view.  With index arrays it is `index`, a copy; the
arrays are operands of the op, so that whoever reads the graph sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..graph import Array
from ..operation import op

Key = Any


@op(tex=r"{input}[{key}]", promotion="none", view=True)
def getitem(input: Array, key: Key) -> Array:
    """input[key] for a basic key: integers, slices, None, Ellipsis."""
    return input[key]


@getitem.vjp("input")
def _(g, input_shape, key):
    return put(g, input_shape, key)


@op(tex=r"\operatorname{{put}}({input}, [{key}])", promotion="none")
def put(input: Array, shape: tuple[int, ...], key: Key) -> Array:
    """The transpose of `getitem`: zeros of `shape` with `input` at `key`."""
    result = np.zeros(shape, input.dtype, like=input)
    result[key] = input
    return result


@put.vjp("input")
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
    """Indexing with integer or boolean arrays: input[fill_in(key, indices)]."""
    return input[fill_in(key, indices)]


@index.vjp("input")
def _(g, input_shape, indices, key):
    return index_add(g, indices, input_shape, key)


@op(tex=r"\operatorname{{index\_add}}({input}, {indices})", promotion="none")
def index_add(input: Array, indices: Sequence[Array], shape: tuple[int, ...], key: tuple[Any, ...]) -> Array:
    """The transpose of `index`: zeros of `shape` with `input` added at the indices; repeated ones add up."""
    result = np.zeros(shape, input.dtype, like=input)
    backend.scatter_add(result, fill_in(key, indices), input)
    return result


@index_add.vjp("input")
def _(g, indices, key):
    return index(g, indices, key)


@op(tex=r"\operatorname{{index\_put}}({input}, {indices}, {values})", promotion="none")
def index_put(input: Array, indices: Sequence[Array], values: Array, key: tuple[Any, ...]) -> Array:
    """A copy of `input` with `values` (broadcast) at the indices: what `x[indices] = values` means."""
    result = input.copy()
    result[fill_in(key, indices)] = values
    return result


@index_put.vjp("input")
def _(g, indices, key):
    return index_put(g, indices, 0.0, key)


@index_put.vjp("values")
def _(g, indices, key):
    return index(g, indices, key)


@op(tex=r"\operatorname{{gather}}_{{{dim}}}({input}, {index})", promotion="none")
def gather(input: Array, dim: int, index: Array) -> Array:
    """out[i][j][k] = input[i][index[i][j][k]][k] for dim = 1, and so on.

    `index` may be smaller than `input` along the other axes, as in PyTorch, and a 0-d array counts as one of size 1.
    Raises RuntimeError if the numbers of axes differ, or `index` is larger than `input` along another axis, and
    IndexError for an index out of range.
    """
    if index.size and index.min() < 0:  # NumPy would count from the end
        raise IndexError(f"index {index.min()} is out of bounds for dimension {dim} with size {input.shape[dim]}")
    if not input.ndim:
        input = input.reshape(1)
    return input[along(input.shape, dim, index)]


@gather.vjp("input")
def _(g, dim, index, input_shape):
    return scatter_add(g, dim, index, input_shape)


@op(tex=r"\operatorname{{scatter\_add}}_{{{dim}}}({input}, {index})", promotion="none")
def scatter_add(input: Array, dim: int, index: Array, shape: tuple[int, ...]) -> Array:
    """The transpose of `gather`: zeros of `shape` with `input` added at the indices; repeated ones add up."""
    result = np.zeros(shape or (1,), input.dtype, like=input)
    backend.scatter_add(result, along(result.shape, dim, index), input)
    return result.reshape(shape)


@scatter_add.vjp("input")
def _(g, dim, index):
    return gather(g, dim, index)


def along(shape: tuple[int, ...], dim: int, index: Array) -> tuple[Array, ...]:
    """`index` along `dim` as a full index: along every other axis, each its own position."""
    if max(index.ndim, 1) != len(shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor: "
                           f"{index.ndim} and {len(shape)}")
    axis = range(len(shape))[dim]
    if not index.ndim:
        return (index,)
    if not index.size:  # nothing is taken, whatever its other sizes
        return (np.zeros(index.shape, dtypes.int64, like=index),) * len(shape)
    if any(n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)) if i != axis):
        raise RuntimeError(f"Size of index {tuple(index.shape)} exceeds that of input {tuple(shape)} "
                           f"apart from dimension {axis}")
    last = len(shape) - 1
    return tuple(index if i == axis else np.arange(n, like=index).reshape((-1,) + (1,) * (last - i))
                 for i, n in enumerate(index.shape))
