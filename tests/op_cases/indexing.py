"""Picking elements, and putting them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lite.ops.indexing import ARRAY

from .drawing import Arguments, Array, Maker, Shape, case


def basic_key(make: Maker, shape: Shape) -> tuple[Any, ...]:
    """Integers and slices of the first and the last axes, an Ellipsis between them, and perhaps a None."""
    slices = slice(None), slice(None, None, 2), slice(1, None), slice(-2, None), slice(0, 0)
    first = make.choose(*range(len(shape) + 1))
    last = make.choose(*range(first, len(shape) + 1))
    parts = [make.choose(*slices, *make.rng.integers(-n, n, 1).tolist()) if n else slice(None) for n in shape]
    return (*parts[:first], *make.choose((), (None,)), Ellipsis, *parts[last:])


@case("getitem", oracle=lambda input, key: np.array(input)[key])
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "key": basic_key(make, shape)}


def slice_backward(input: Array, shape: Shape, key: Any) -> Array:
    """Number the places of the result; those that the key takes hold the input, the others 0."""
    places = np.arange(math.prod(shape)).reshape(shape)[key]
    result = np.zeros(math.prod(shape))
    for place, value in zip(places.flat, input.flat, strict=True):
        result[place] = value
    return result.reshape(shape)


@case("slice_backward", oracle=slice_backward)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    key = basic_key(make, shape)
    return {"input": make.numbers(np.zeros(shape)[key].shape), "shape": shape, "key": key}


def array_key(make: Maker, shape: Shape, *, repeated: bool = True) -> tuple[list[Any], tuple[Any, ...]]:
    """Index arrays and the key that they stand in: one, two that broadcast, a mask, mixed with slices."""
    axis = make.choose(*range(len(shape)))
    n = shape[axis]
    kind = make.choose("one", "mask", "two", "number") if repeated else make.choose("one", "mask")
    lead = (slice(None),) * axis
    if kind == "mask":
        width = make.choose(*range(1, len(shape) - axis + 1))
        return [make.booleans(shape[axis : axis + width])], (*lead, ARRAY)
    if not repeated:
        return [make.rng.permutation(n)[: max(n - 1, 0)]], (*lead, ARRAY)
    first = make.integers(-n, n, make.shape(1, 2)) if n else make.integers(0, 1, (0,))
    if kind == "two" and axis + 1 < len(shape) and shape[axis + 1]:
        m = shape[axis + 1]
        return [first, make.integers(-m, m, make.narrower(first.shape))], (*lead, ARRAY, ARRAY)
    if kind == "number" and axis and shape[0]:
        return [first], (0, *lead[1:], ARRAY, Ellipsis)
    return [first], (*lead, ARRAY)


def filled(key: tuple[Any, ...], indices: Sequence[Any]) -> tuple[Any, ...]:
    arrays = list(indices)
    return tuple(arrays.pop(0) if part is ARRAY else part for part in key)


@case("index", oracle=lambda input, indices, key: input[filled(key, indices)])
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    indices, key = array_key(make, shape)
    return {"input": make.numbers(shape), "indices": indices, "key": key}


def index_backward(input: Array, indices: Any, shape: Shape, key: Any) -> Array:
    """Number the places of the result, and add each element of the input to its place."""
    places = np.arange(math.prod(shape)).reshape(shape)[filled(key, indices)]
    result = np.zeros(math.prod(shape))
    for place, value in zip(places.flat, input.flat, strict=True):
        result[place] += value
    return result.reshape(shape)


@case("index_backward", oracle=index_backward)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    indices, key = array_key(make, shape)
    return {"input": make.numbers(np.zeros(shape)[filled(key, indices)].shape), "indices": indices, "shape": shape,
            "key": key}  # fmt: skip


def index_put(input: Array, indices: Any, values: Any, key: Any) -> Array:
    """A write to a copy."""
    result = np.array(input)
    result[filled(key, indices)] = values
    return result


@case("index_put", oracle=index_put)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    indices, key = array_key(make, shape, repeated=False)  # which of several values is written last is not defined
    taken = np.zeros(shape)[filled(key, indices)].shape
    values = make.choose(make.numbers(make.narrower(taken)), 2.5)
    return {"input": make.numbers(shape), "indices": indices, "values": values, "key": key}


def gather_index(make: Maker, shape: Shape, dim: int) -> Array:
    axis = dim % max(len(shape), 1)
    smaller = tuple(make.choose(2, 1, 3) if i == axis else make.choose(n, max(n - 1, 0)) for i, n in enumerate(shape))
    return make.integers(0, shape[axis] if shape else 1, smaller)


def gather(input: Array, dim: int, index: Array) -> Array:
    """out[i][j][k] = input[i][index[i][j][k]][k], element by element."""
    result = np.zeros(index.shape)
    for place in np.ndindex(index.shape):
        source = list(place)
        if source:
            source[dim] = index[place]
        result[place] = input[tuple(source)]
    return result


@case("gather", oracle=gather)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.dim(len(shape))
    return {"input": make.numbers(shape), "dim": dim, "index": gather_index(make, shape, dim)}


def gather_backward(input: Array, dim: int, index: Array, shape: Shape) -> Array:
    """out[i][index[i][j][k]][k] += input[i][j][k], element by element."""
    result = np.zeros(shape)
    for place in np.ndindex(index.shape):
        target = list(place)
        if target:
            target[dim] = index[place]
        result[tuple(target)] += input[place]
    return result


@case("gather_backward", oracle=gather_backward)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.dim(len(shape))
    index = gather_index(make, shape, dim)
    return {"input": make.numbers(index.shape), "dim": dim, "index": index, "shape": shape}


def scatter(input: Array, dim: int, index: Array, src: Any) -> Array:
    """out[i][index[i][j][k]][k] = src[i][j][k], element by element."""
    result = np.array(input)
    for place in np.ndindex(index.shape):
        target = list(place)
        if target:
            target[dim] = index[place]
        result[tuple(target)] = src if np.ndim(src) == 0 and not isinstance(src, np.ndarray) else src[place]
    return result


@case("scatter", oracle=scatter)
def _(make: Maker) -> Arguments:
    shape = make.shape(empty=False)
    dim = make.dim(len(shape))
    index = gather_index(make, shape, dim)
    if shape:  # which of several values for one place is written is not defined
        order = np.argsort(make.rng.random(shape), dim)
        index = order[tuple(slice(0, min(n, m)) for n, m in zip(index.shape, shape, strict=True))]
    return {"input": make.numbers(shape), "dim": dim, "index": index,
            "src": make.choose(make.numbers(index.shape), make.numbers(index.shape), 2.5)}  # fmt: skip


def masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """The elements of the source, one after another."""
    result, values = np.array(input), iter(source.flat)
    for place in np.ndindex(input.shape):
        if mask[place]:
            result[place] = next(values)
    return result


@case("masked_scatter", oracle=masked_scatter)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "mask": make.booleans(shape),
            "source": make.numbers((math.prod(shape) + make.choose(0, 2),))}  # fmt: skip


def searchsorted(sorted_sequence: Array, input: Array, right: bool) -> Array:
    """Count, element by element."""
    result = np.zeros(input.shape, np.int64)
    for place in np.ndindex(input.shape):
        row = sorted_sequence if sorted_sequence.ndim == 1 else sorted_sequence[place[:-1]]
        result[place] = sum(s <= input[place] if right else s < input[place] for s in row)
    return result


@case("searchsorted", oracle=searchsorted)
def _(make: Maker) -> Arguments:
    shape = make.shape(1, 2)
    lead = make.choose((), shape[:-1])
    sequence = np.sort(make.integers(0, 5, (*lead, 4)) * 1.0)
    return {"sorted_sequence": sequence, "input": make.integers(0, 6, shape) * 1.0,
            "right": make.choose(False, True)}  # fmt: skip


@case("repeated_indices", oracle=lambda repeats: np.repeat(np.arange(len(repeats)), repeats))
def _(make: Maker) -> Arguments:
    return {"repeats": make.integers(0, 4, make.shape(1, 1))}


@case("embedding", oracle=lambda weight, input, padding_idx: rows(weight, input))
def _(make: Maker) -> Arguments:
    return {"weight": make.numbers((4, make.choose(1, 3))), "input": make.integers(0, 4, make.shape()),
            "padding_idx": None}  # fmt: skip  # with one the gradient is not that of the value: see compare


def rows(weight: Array, input: Any) -> Array:
    """One row after the other."""
    result = np.zeros((*np.shape(input), weight.shape[1]))
    for place in np.ndindex(np.shape(input)):
        result[place] = weight[int(input[place])]
    return result
