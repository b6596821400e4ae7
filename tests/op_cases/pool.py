"""Pooling: the elements of each window, one window after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from .drawing import Arguments, Array, Maker, case


def windows(length: int, kernel: int, size: int, stride: int, padding: int, dilation: int = 1) -> list[dict[int, int]]:
    """The place in the input of each element of the kernel, for each window; those outside left out."""
    return [{j: p * stride + j * dilation - padding for j in range(kernel)
             if 0 <= p * stride + j * dilation - padding < length} for p in range(size)]


def per_window(input: Array, dim: int, found: list[Any], function: Any) -> Array:
    """`function` of the elements of each window along `dim`."""
    x = np.moveaxis(input, dim, 0)
    y = np.array([function(x[[*places.values()]]) if places else np.zeros(x.shape[1:]) for places in found])
    return np.moveaxis(y.reshape(len(found), *x.shape[1:]), 0, dim)


def max_pool(input: Array, dim: int, kernel_size: int, size: int, stride: int, padding: int, dilation: int) -> Array:
    found = windows(input.shape[dim], kernel_size, size, stride, padding, dilation)
    return per_window(input, dim, found, lambda x: x.max(0))


def pool_argmax(input: Array, other: Array, dim: int, kernel_size: int, stride: int, padding: int,
                dilation: int) -> Array:
    found = windows(input.shape[dim], kernel_size, other.shape[dim], stride, padding, dilation)
    x = np.moveaxis(input, dim, 0)
    y = np.array([np.array([*places])[x[[*places.values()]].argmax(0)] for places in found], np.uint8)
    return np.moveaxis(y.reshape(len(found), *x.shape[1:]), 0, dim)


def pool_gather(input: Array, chosen: Array, dim: int, kernel_size: int, stride: int, padding: int,
                dilation: int) -> Array:
    x, c = np.moveaxis(input, dim, 0), np.moveaxis(chosen, dim, 0)
    places = np.arange(len(c)).reshape(-1, *(1,) * (c.ndim - 1)) * stride + c.astype(int) * dilation - padding
    return np.moveaxis(np.take_along_axis(x, places, 0), 0, dim)


def pool_scatter(input: Array, chosen: Array, dim: int, size: int, kernel_size: int, stride: int, padding: int,
                 dilation: int) -> Array:
    x, c = np.moveaxis(input, dim, 0), np.moveaxis(chosen, dim, 0)
    y = np.zeros((size, *x.shape[1:]))
    for i in np.ndindex(x.shape):
        y[(i[0] * stride + int(c[i]) * dilation - padding, *i[1:])] += x[i]
    return np.moveaxis(y, 0, dim)


def sum_pool(input: Array, dim: int, kernel_size: int, size: int, stride: int, padding: int) -> Array:
    return per_window(input, dim, windows(input.shape[dim], kernel_size, size, stride, padding), lambda x: x.sum(0))


def sum_unpool(input: Array, dim: int, kernel_size: int, size: int, stride: int, padding: int) -> Array:
    x = np.moveaxis(input, dim, 0)
    y = np.zeros((size, *x.shape[1:]))
    for p, places in enumerate(windows(size, kernel_size, len(x), stride, padding)):
        for q in places.values():
            y[q] += x[p]
    return np.moveaxis(y, 0, dim)


def settings(make: Maker, dilated: bool = True) -> tuple[tuple[int, ...], Arguments]:
    """The shape of an input, and the settings of pooling along an axis, as PyTorch allows them: no window is empty."""
    kernel = make.choose(2, 3, 1)
    dilation = make.choose(1, 2) if dilated else 1
    stride, padding = make.choose(1, 2, 3), make.choose(0, kernel // 2)
    dim, n = make.choose(-1, -2), make.choose(5, 6)
    size = max((n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1, 0)
    shape = [make.choose(2, 1, 0), make.choose(1, 3), make.choose(2, 1)]
    shape[dim] = n
    given = {"dim": dim, "kernel_size": kernel, "size": size, "stride": stride, "padding": padding}
    return tuple(shape), given | ({"dilation": dilation} if dilated else {})


@case("max_pool", oracle=max_pool)
def _(make: Maker) -> Arguments:
    shape, given = settings(make)
    return {"input": make.numbers(shape), **given}


@case("pool_argmax", oracle=pool_argmax)
def _(make: Maker) -> Arguments:
    shape, given = settings(make)
    input = make.numbers(shape)
    other = max_pool(input, **given)
    return {"input": input, "other": other, **{n: v for n, v in given.items() if n != "size"}}


def choices(make: Maker, shape: tuple[int, ...], given: Arguments) -> Array:
    """An element, one that is there, of each window."""
    input = make.numbers(shape)
    return pool_argmax(input, max_pool(input, **given), **{n: v for n, v in given.items() if n != "size"})


@case("pool_gather", oracle=pool_gather)
def _(make: Maker) -> Arguments:
    shape, given = settings(make)
    chosen = choices(make, shape, given)
    return {"input": make.numbers(shape), "chosen": chosen, **{n: v for n, v in given.items() if n != "size"}}


@case("pool_scatter", oracle=pool_scatter)
def _(make: Maker) -> Arguments:
    shape, given = settings(make)
    chosen = choices(make, shape, given)
    return {"input": make.numbers(chosen.shape), "chosen": chosen, **given | {"size": shape[given["dim"]]}}


@case("sum_pool", oracle=sum_pool)
def _(make: Maker) -> Arguments:
    shape, given = settings(make, dilated=False)
    return {"input": make.numbers(shape), **given}


@case("sum_unpool", oracle=sum_unpool)
def _(make: Maker) -> Arguments:
    shape, given = settings(make, dilated=False)
    pooled = list(shape)
    pooled[given["dim"]] = given["size"]
    return {"input": make.numbers(tuple(pooled)), **given | {"size": shape[given["dim"]]}}
