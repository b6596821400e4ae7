"""`x[key]` and `x[key] = value`: which op a key means."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from .. import ops
from ..engine import graph
from ..ops.indexing import ARRAY
from . import inplace


def split_key(key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """A key as a tuple in which `ARRAY` stands for each index array, and those arrays.

    Raises IndexError for a part that is no index.
    """
    parts = key if isinstance(key, tuple) else (key,)
    template: list[Any] = []
    arrays: list[Any] = []
    for part in parts:
        if part.__class__ is int or (part.__class__ is slice and part.step is None):  # most keys, at once
            template.append(part)
            continue
        if isinstance(part, graph.Tensor):
            dtype = part.array.dtype
            if dtype == np.uint8:
                warnings.warn("indexing with dtype uint8 is taken for a mask, as in PyTorch: use .bool() for a mask, "
                              ".long() for indices", stacklevel=4)
                part, dtype = ops.ne(part, 0), np.dtype(bool)
            is_array = part.array.ndim > 0 or dtype.kind == "b"
            if is_array and dtype.itemsize < 4 and dtype.kind in "iu":
                raise IndexError(f"tensors used as indices must be int32, int64 or bool, got {dtype}: use .long()")
            if not is_array:
                part = operator.index(part)
        elif isinstance(part, (bool, np.bool_, list, tuple, range)):
            if isinstance(part, (list, tuple)) and any(_means_a_tuple(x) for x in part):
                raise IndexError("a list with Tensors, slices, None or Ellipsis is no index: use x[tuple(key)] if each "
                                 "is for an axis, or one tensor of the indices")
            part, is_array = np.asarray(part), True
            if part.dtype.kind == "f" and not part.size:
                part = part.astype(np.int64)
        elif isinstance(part, np.generic):
            part, is_array = part.item(), False
        else:
            is_array = hasattr(part, "dtype")
        if is_array:
            kind = part.dtype.kind
            if kind not in "iub":
                raise IndexError(f"tensors used as indices must be integer or bool, got {part.dtype}")
        elif not (part is None or part is Ellipsis or isinstance(part, slice) or hasattr(part, "__index__")):
            raise IndexError(f"an index must be an integer, slice, None, Ellipsis or array, got {type(part).__name__}")
        if isinstance(part, slice) and part.step is not None and part.step <= 0:
            raise ValueError("step must be greater than zero; use flip()")
        template.append(ARRAY if is_array else part)
        if is_array:
            arrays.append(part)
    return tuple(template), arrays


def _means_a_tuple(part: Any) -> bool:
    """Whether PyTorch would take a list with this part for a tuple of indices, one for each axis."""
    return part is None or part is Ellipsis or isinstance(part, (slice, graph.Tensor))


def get(x: Any, key: Any) -> Any:
    """`x[key]`: a view for a basic key, a copy for index arrays."""
    template, arrays = split_key(key)
    if not arrays:
        return ops.getitem(x, _as_view(template))
    x, template = _integers_first(x, template, arrays)
    return ops.index(x, arrays, template)


def _integers_first(x: Any, template: tuple[Any, ...], arrays: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    """The view of x at the integers of a key, and the rest of the key.

    NumPy takes an integer beside index arrays for another index array, and so moves the axes of `x[0, :, array]`;
    in PyTorch it selects first.
    """
    if not any(hasattr(part, "__index__") for part in template):
        return x, template
    sizes = iter(arrays)
    first: list[Any] = []
    rest: list[Any] = []
    for part in template:
        if part is ARRAY:
            array = next(sizes)
            axes = array.ndim if array.dtype.kind == "b" else 1
            first += [slice(None)] * axes
            rest.append(ARRAY)
        elif hasattr(part, "__index__"):
            first.append(part)
        else:
            first.append(part)
            rest.append(part if part is Ellipsis else slice(None))
    return ops.getitem(x, _as_view(tuple(first))), tuple(rest)


def _as_view(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A basic key with an Ellipsis: without one NumPy returns a copy of a single element, not a 0-d view of it."""
    return key if Ellipsis in key else (*key, Ellipsis)


def put(x: Any, key: Any, value: Any) -> None:
    """`x[key] = value`, recorded as PyTorch does."""
    template, arrays = split_key(key)
    if hasattr(value, "shape") and value.shape[:1] == (1,):  # leading axes of size 1 need no place to go
        sizes = list(value.shape)
        while sizes[:1] == [1]:
            del sizes[0]
        value = ops.reshape(value, sizes)
    if arrays:
        x, template = _integers_first(x, template, arrays)
        if isinstance(value, graph.Tensor) and value.array.dtype != x.array.dtype:
            value = ops.to_dtype(value, x.array.dtype)
        inplace.write(x, ops.index_put(x, arrays, value, template))
    else:
        ops.getitem(x, _as_view(template)).copy_(value)
