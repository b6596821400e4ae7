"""Ops that move elements without computing: reshape, transpose, cat, pad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..graph import Array
from ..operation import op, to_dtype
from ..walk import clone, expand, sum_to
from .elementwise import where

__all__ = ["cat", "clone", "copy_to", "expand", "pad", "permute", "reshape", "sum_to", "to_device", "to_dtype",
           "transpose"]


@op(tex=r"{input}", promotion="none", view=True)
def reshape(input: Array, shape: Any) -> Array:
    """`input` with another shape and the same elements in order; one size may be -1.  A view where possible."""
    return input.reshape(shape)


@reshape.vjp("input")
def _(g, input_shape):
    return reshape(g, input_shape)


@op(tex=r"{input}^\top", promotion="none", view=True)
def transpose(input: Array, dim0: int = -2, dim1: int = -1) -> Array:
    """`input` with two axes swapped; a view.  Without axes: the last two, the transpose of a matrix."""
    if input.ndim == 0 and dim0 in (-2, -1, 0) and dim1 in (-1, 0):
        return input[...]  # as in PyTorch, a 0-d array is its own transpose
    return np.swapaxes(input, dim0, dim1)


@transpose.vjp("input")
def _(g, dim0, dim1):
    return transpose(g, dim0, dim1)


@op(tex=r"{input}", promotion="none", view=True)
def permute(input: Array, dims: tuple[int, ...]) -> Array:
    """`input` with its axes in the order `dims`; a view."""
    return np.transpose(input, dims)


@permute.vjp("input")
def _(g, dims):
    return permute(g, tuple(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims))))


@op(tex=r"[{tensors}]")
def cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Arrays joined along an existing axis; all other sizes must agree."""
    return np.concatenate(tensors, dim)


@cat.vjp("tensors")
def _(g, position, tensors_shape, dim):
    axis = dim % len(g.shape)
    start = sum(shape[axis] for shape in tensors_shape[:position])
    return g[(slice(None),) * axis + (slice(start, start + tensors_shape[position][axis]),)]


@op(tex=r"\operatorname{{pad}}({input}, {pad})", promotion="none")
def pad(input: Array, pad: Sequence[int], value: float = 0.0) -> Array:
    """`input` with `value` added around it, as `torch.nn.functional.pad` in constant mode.

    `pad` counts from the last axis: (left, right, top, bottom, ...); a negative count crops.
    """
    widths = pad_widths(pad, input.ndim)
    if any(a + n + b < 0 for (a, b), n in zip(widths, input.shape, strict=True)):
        raise ValueError(f"pad: {list(pad)} crops more than there is of {tuple(input.shape)}")
    grown = np.pad(input, [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=value)
    return grown[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, grown.shape, strict=True))]


@pad.vjp("input")
def _(g, pad):
    return op_pad(g, [-n for n in pad])


op_pad = pad  # in its VJP `pad` is the setting


def pad_widths(pad: Sequence[int], ndim: int) -> list[tuple[int, int]]:
    """PyTorch's flat list, last axis first, as one (before, after) per axis.

    Raises ValueError for an odd count or more pairs than axes.
    """
    if len(pad) % 2 or len(pad) > 2 * ndim:
        raise ValueError(f"pad: expected an even number of widths, at most {2 * ndim} for {ndim} axes, got {list(pad)}")
    pairs = [(int(pad[i]), int(pad[i + 1])) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


@op(tex=r"{source}", promotion="none")
def copy_to(input: Array, source: Array) -> Array:
    """`source` in the shape and dtype of `input`: what `input.copy_(source)` writes.

    Raises RuntimeError or ValueError where `source` cannot be broadcast to that shape.
    """
    if np.ndim(source) > input.ndim:  # NumPy would drop axes of size 1
        raise RuntimeError(f"output with shape {input.shape} doesn't match the broadcast shape {source.shape}")
    result = np.empty_like(input)
    result[...] = source
    return result


@copy_to.vjp("input")
def _(g):
    return where(g == g, 0.0, g)  # zeros like g, even where g is infinite


@copy_to.vjp("source")
def _(g):
    return g


@op(tex=r"{input}", promotion="none")
def to_device(input: Array, device: str) -> Array:
    """`input` in the memory of another device; the gradient comes back to where `input` is."""
    return backend.transfer(input, backend.named(device))


@to_device.vjp("input")
def _(g, input):
    return to_device(g, backend.of(input.array if hasattr(input, "array") else input).device)
