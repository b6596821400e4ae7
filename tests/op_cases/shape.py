"""Moving elements."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite import ops

from .drawing import Arguments, Array, Maker, Shape, case


@case("to_dtype", oracle=lambda input, dtype: input.astype(dtype))
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape()), "dtype": np.dtype(make.choose("float64", "float64", "int32"))}


def expand(input: Array, shape: Shape) -> Array:
    """Added to zeros of the shape; -1 keeps a size."""
    kept = (1,) * (len(shape) - input.ndim) + input.shape
    return input + np.zeros([m if n == -1 else n for m, n in zip(kept, shape, strict=True)])


@case("expand", oracle=expand)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    input = make.numbers(make.narrower(shape))
    lead = len(shape) - input.ndim
    kept = [i >= lead and n == input.shape[i - lead] and make.choose(True, False) for i, n in enumerate(shape)]
    return {"input": input, "shape": tuple(-1 if keep else n for n, keep in zip(shape, kept, strict=True))}


def sum_to(input: Array, shape: Shape) -> Array:
    """Each element of `input` added where broadcasting would have taken it from."""
    result = np.zeros(shape)
    lead = input.ndim - len(shape)
    for place in np.ndindex(input.shape):
        result[tuple(0 if n == 1 else i for i, n in zip(place[lead:], shape, strict=True))] += input[place]
    return result


@case("sum_to", oracle=sum_to)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "shape": make.narrower(shape)}


@case("reshape", oracle=lambda input, shape: np.array(list(input.flat)).reshape(shape))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    new = list(make.choose(shape, shape[::-1], (math.prod(shape),), (1, *shape)))
    if make.choose(True, False) and math.prod(shape) and new:
        new[make.dim(len(new))] = -1
    return {"input": make.numbers(shape), "shape": tuple(new)}


@case("transpose", oracle=lambda input, dim0, dim1: np.swapaxes(input, dim0, dim1) if input.ndim else input)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "dim0": make.dim(len(shape)), "dim1": make.dim(len(shape))}


@case("permute", oracle=lambda input, dims: np.moveaxis(input, dims, range(len(dims))))
def _(make: Maker) -> Arguments:
    shape = make.shape()
    dims = [int(d) for d in make.rng.permutation(len(shape))]
    return {"input": make.numbers(shape), "dims": tuple(d - len(shape) * make.choose(0, 1) for d in dims)}


def cat(tensors: Sequence[Array], dim: int) -> Array:
    """The slices of all operands along `dim`, one after another."""
    slices = [part for t in tensors for part in np.moveaxis(t, dim, 0)]
    result = np.zeros((len(slices), *np.moveaxis(tensors[0], dim, 0).shape[1:]))
    for i, part in enumerate(slices):
        result[i] = part
    return np.moveaxis(result, 0, dim)


@case("cat", oracle=cat)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    dim = make.dim(len(shape))
    along = [make.choose(1, 2, 3, 0) for _ in range(make.choose(2, 1, 3))]
    axis = dim % len(shape)
    return {"tensors": [make.numbers((*shape[:axis], n, *shape[axis + 1 :])) for n in along], "dim": dim}


def pad(input: Array, pad: Sequence[int], value: float) -> Array:
    """Element by element: the result's [i, ...] is the input's [i - before, ...], or `value` where there is none."""
    before = [0] * (input.ndim - len(pad) // 2) + [pad[i] for i in range(len(pad) - 2, -1, -2)]
    after = [0] * (input.ndim - len(pad) // 2) + [pad[i + 1] for i in range(len(pad) - 2, -1, -2)]
    result = np.full([n + b + a for n, b, a in zip(input.shape, before, after, strict=True)], value)
    for place in np.ndindex(result.shape):
        source = tuple(i - b for i, b in zip(place, before, strict=True))
        if all(0 <= i < n for i, n in zip(source, input.shape, strict=True)):
            result[place] = input[source]
    return result


@case("pad", oracle=pad)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    pairs = make.choose(*range(len(shape) + 1))
    widths = [make.choose(0, 1, 2) if shape[-1 - k // 2] < 2 else make.choose(1, 0, 2, -1) for k in range(2 * pairs)]
    return {"input": make.numbers(shape), "pad": widths, "value": make.choose(0.0, 1.5)}


@case("flip", oracle=lambda input, dims: np.flip(input, tuple(dims) if isinstance(dims, (tuple, list)) else dims))
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    return {"input": make.numbers(shape), "dims": make.choose(make.dim(len(shape)), make.dims(len(shape)) or ())}


def roll(input: Array, shifts: Any, dims: Any) -> Array:
    """Element by element: what stood at i stands at i + shift."""
    if dims is None:
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    result = np.array(input)
    for shift, dim in zip(*([x] if isinstance(x, int) else x for x in (shifts, dims)), strict=True):
        before = np.array(result)
        for i in range(input.shape[dim]):
            np.moveaxis(result, dim, 0)[(i + shift) % input.shape[dim]] = np.moveaxis(before, dim, 0)[i]
    return result


@case("roll", oracle=roll)
def _(make: Maker) -> Arguments:
    shape = make.shape(1)
    shift = make.choose(1, 0, -2, 7)
    dims = make.choose(make.dim(len(shape)), None, [make.dim(len(shape)), make.dim(len(shape))])
    return {"input": make.numbers(shape), "shifts": (shift, 1) if isinstance(dims, list) else shift, "dims": dims}


def triangle(keep: Callable[[int, int], bool]) -> Callable[..., Array]:
    """The oracle of tril and triu: each element, or 0 where `keep` of its column - row and the diagonal is false."""

    def oracle(input: Array, diagonal: int) -> Array:
        result = np.zeros(input.shape)
        for *batch, i, j in np.ndindex(input.shape):
            if keep(j - i, diagonal):
                result[(*batch, i, j)] = input[(*batch, i, j)]
        return result

    return oracle


@case("tril", oracle=triangle(operator.le))
@case("triu", oracle=triangle(operator.ge))
def _(make: Maker) -> Arguments:
    return {"input": make.numbers(make.shape(2)), "diagonal": make.choose(0, 1, -1, 2, -5)}


def two_dims(make: Maker, ndim: int) -> dict[str, int]:
    """Two different axes, as dim1 and dim2."""
    first, second = (int(d) for d in make.rng.permutation(ndim)[:2])
    return {"dim1": first - ndim * make.choose(0, 1), "dim2": second - ndim * make.choose(0, 1)}


@case("diagonal")
def _(make: Maker) -> Arguments:
    shape = make.shape(2)
    return {"input": make.numbers(shape), "offset": make.choose(0, 1, -1, 3, -3), **two_dims(make, len(shape))}


def diagonal_backward(input: Array, shape: Shape, offset: int, dim1: int, dim2: int) -> Array:
    """Number the places of the result; those on the diagonal hold the input, the others 0."""
    places = np.diagonal(np.arange(math.prod(shape)).reshape(shape), offset, dim1, dim2)
    result = np.zeros(math.prod(shape))
    for place, value in zip(places.flat, input.flat, strict=True):
        result[place] = value
    return result.reshape(shape)


@case("diagonal_backward", oracle=diagonal_backward)
def _(make: Maker) -> Arguments:
    shape = make.shape(2)
    settings = {"offset": make.choose(0, 1, -1), **two_dims(make, len(shape))}
    taken = np.diagonal(np.zeros(shape), *settings.values()).shape
    return {"input": make.numbers(taken), "shape": shape, **settings}


def unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    """One window after another."""
    x = np.moveaxis(input, dimension, -1) if input.ndim else input.reshape(1)
    windows = [x[..., start : start + size] for start in range(0, x.shape[-1] - size + 1, step)]
    stacked = np.stack(windows, -2) if input.ndim else windows[0]
    return np.moveaxis(stacked, -2, dimension % input.ndim) if input.ndim else stacked


@case("unfold", oracle=unfold)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    dim = make.dim(len(shape))
    n = shape[dim] if shape else 1
    return {"input": make.numbers(shape), "dimension": dim, "size": make.choose(*range(n + 1)),
            "step": make.choose(1, 2, 3)}  # fmt: skip


def unfold_backward(input: Array, shape: Shape, dimension: int, size: int, step: int) -> Array:
    """Each element of each window added to the place that it was taken from."""
    places = unfold(np.arange(math.prod(shape)).reshape(shape), dimension, size, step)
    result = np.zeros(math.prod(shape))
    for place, value in zip(places.flat, input.flat, strict=True):
        result[place] += value
    return result.reshape(shape)


@case("unfold_backward", oracle=unfold_backward)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    dim = make.dim(len(shape))
    settings = {"dimension": dim, "size": make.choose(*range((shape[dim] if shape else 1) + 1)),
                "step": make.choose(1, 2, 3)}  # fmt: skip
    return {"input": make.numbers(unfold(np.zeros(shape), **settings).shape), "shape": shape, **settings}


@case("copy_to", oracle=lambda input, source: source + 0 * input)
def _(make: Maker) -> Arguments:
    shape = make.shape()
    return {"input": make.numbers(shape), "source": make.choose(make.numbers(make.narrower(shape)), 1.5)}


def view_put(input: Array, values: Any, path: Any) -> Array:
    """Follow the path with NumPy's functions and write there."""
    def place(x: Array, path: Any) -> Array:
        if path is None:
            return x
        before, op, settings = path
        x = place(x, before)
        return x[settings[0]] if op.name == "getitem" else x.T

    result = np.array(input)
    place(result, path)[...] = values
    return result


@case("view_put", oracle=view_put)
def _(make: Maker) -> Arguments:
    shape = make.shape(2, 2)
    path, place = make.choose(
        ((None, ops.transpose.op, (0, 1)), lambda x: x.T),
        ((None, ops.getitem.op, ((slice(0, 1), Ellipsis),)), lambda x: x[:1]),
        (((None, ops.getitem.op, ((slice(0, 1), Ellipsis),)), ops.permute.op, ((1, 0),)), lambda x: x[:1].T),
    )
    input = make.numbers(shape)
    return {"input": input, "values": make.numbers(make.narrower(place(input).shape)), "path": path}
