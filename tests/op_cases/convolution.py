"""Convolution and its windows: the sums of their definitions, term by term."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .drawing import Arguments, Array, Maker, Shape, case


def terms(input_size: Shape, kernel: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Any:
    """Each (window, element of the kernel, place in the input) that there is."""
    for p, j in itertools.product(np.ndindex(size), np.ndindex(kernel)):
        place = tuple(a * s + b * d - c for a, b, s, c, d in zip(p, j, stride, padding, dilation, strict=True))
        if all(0 <= q < n for q, n in zip(place, input_size, strict=True)):
            yield p, j, place


def conv(input: Array, weight: Array, size: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int,
         bias: Any) -> Array:
    y = np.zeros((len(input), len(weight), *size))
    own, made = weight.shape[1], len(weight) // groups
    for p, j, q in terms(input.shape[2:], weight.shape[2:], size, stride, padding, dilation):
        for o in range(len(weight)):
            seen = input[:, o // made * own : (o // made + 1) * own, *q]
            y[:, o, *p] += seen @ weight[o, :, *j]
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(size))


def conv_transpose(input: Array, weight: Array, size: Shape, stride: Shape, padding: Shape, dilation: Shape,
                   groups: int, bias: Any) -> Array:
    own, made = weight.shape[1], len(weight) // groups
    y = np.zeros((len(input), own * groups, *size))
    for p, j, q in terms(size, weight.shape[2:], input.shape[2:], stride, padding, dilation):
        for o in range(len(weight)):
            y[:, o // made * own : (o // made + 1) * own, *q] += np.outer(input[:, o, *p], weight[o, :, *j])
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(size))


def conv_weight(input: Array, other: Array, size: Shape, stride: Shape, padding: Shape, dilation: Shape,
                groups: int) -> Array:
    own, made = input.shape[1] // groups, other.shape[1] // groups
    y = np.zeros((other.shape[1], own, *size))
    for p, j, q in terms(input.shape[2:], size, other.shape[2:], stride, padding, dilation):
        for o in range(other.shape[1]):
            y[o, :, *j] += other[:, o, *p] @ input[:, o // made * own : (o // made + 1) * own, *q]
    return y


def im2col(input: Array, kernel_size: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Array:
    y = np.zeros((*input.shape[:2], *kernel_size, *size))
    for p, j, q in terms(input.shape[2:], kernel_size, size, stride, padding, dilation):
        y[:, :, *j, *p] = input[:, :, *q]
    return y.reshape(len(input), input.shape[1] * int(np.prod(kernel_size)), int(np.prod(size)))


def col2im(input: Array, output_size: Shape, kernel_size: Shape, size: Shape, stride: Shape, padding: Shape,
           dilation: Shape) -> Array:
    columns = input.reshape(len(input), input.shape[1] // int(np.prod(kernel_size)), *kernel_size, *size)
    y = np.zeros((*columns.shape[:2], *output_size))
    for p, j, q in terms(output_size, kernel_size, size, stride, padding, dilation):
        y[:, :, *q] += columns[:, :, *j, *p]
    return y


def settings(make: Maker) -> tuple[Shape, Shape, Arguments]:
    """The size of an input, of a kernel, and the settings of a convolution along one or two axes."""
    drawn = []
    for _ in range(make.choose(2, 1)):
        kernel, dilation = make.choose((2, 1), (3, 1), (1, 1), (2, 2))
        stride, padding, behind = make.choose(1, 2, 3), make.choose(0, 1, 2), make.choose(0, 1)
        n = make.choose(3, 4, 5)
        size = max((n + padding + behind - dilation * (kernel - 1) - 1) // stride + 1, 0)
        drawn.append((n, kernel, size, stride, padding, dilation))
    n, kernel, *rest = (tuple(x) for x in zip(*drawn, strict=True))
    return n, kernel, dict(zip(("size", "stride", "padding", "dilation"), rest, strict=True))


@case("im2col", oracle=im2col)
def _(make: Maker) -> Arguments:
    n, kernel, given = settings(make)
    return {"input": make.numbers((make.choose(2, 1, 0), make.choose(1, 2), *n)), "kernel_size": kernel, **given}


@case("col2im", oracle=col2im)
def _(make: Maker) -> Arguments:
    n, kernel, given = settings(make)
    images, channels = make.choose((1, 1), (2, 1), (1, 2), (0, 1))
    shape = (images, channels * int(np.prod(kernel)), int(np.prod(given["size"])))
    return {"input": make.numbers(shape), "output_size": n, "kernel_size": kernel, **given}


@case("conv", oracle=conv)
def _(make: Maker) -> Arguments:
    n, kernel, given = settings(make)
    groups, own, made = make.choose(1, 2), make.choose(1, 2), make.choose(1, 2)
    return {"input": make.numbers((make.choose(2, 1, 0), groups * own, *n)),
            "weight": make.numbers((groups * made, own, *kernel)),
            **given, "groups": groups, "bias": make.choose(None, make.numbers((groups * made,)))}  # fmt: skip


@case("conv_transpose", oracle=conv_transpose)
def _(make: Maker) -> Arguments:
    n, kernel, given = settings(make)
    groups, own, made = make.choose(1, 2), make.choose(1, 2), make.choose(1, 2)
    return {"input": make.numbers((make.choose(2, 1, 0), groups * made, *given["size"])),
            "weight": make.numbers((groups * made, own, *kernel)),
            **given | {"size": n}, "groups": groups, "bias": make.choose(None, make.numbers((groups * own,)))}


@case("conv_weight", oracle=conv_weight)
def _(make: Maker) -> Arguments:
    n, kernel, given = settings(make)
    groups, own, made, count = make.choose(1, 2), make.choose(1, 2), make.choose(1, 2), make.choose(2, 1, 0)
    return {"input": make.numbers((count, groups * own, *n)),
            "other": make.numbers((count, groups * made, *given["size"])),
            **given | {"size": kernel}, "groups": groups}  # fmt: skip
