"""Ops that move elements without computing: reshape, transpose, cat, pad, flip, diagonals, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import backend
from ..engine.graph import Array
from ..engine.operation import op
from .elementwise import zeros_of


def along(dim: int, part: Any) -> tuple[Any, ...]:
    """The key of `part` (a slice, an integer, an array) along one axis, which a negative `dim` counts from the end."""
    rest = (slice(None),) * (dim if dim >= 0 else -1 - dim)
    return (*rest, part, Ellipsis) if dim >= 0 else (Ellipsis, part, *rest)


@op(tex=r"{input}", promotion="none", view=True)
def reshape(input: Array, shape: Any) -> Array:
    """`input` with another shape and the same elements in order, the last axis running fastest; one size may be -1.

    A view where possible.

    Shapes: input of any shape with as many elements as `shape`; result `shape`.
    """
    return input.reshape(shape)


@reshape.vjp("input")
def _(g, input_shape):
    return reshape(g, input_shape)


@op(tex=r"{input}^\top", promotion="none", view=True)
def transpose(input: Array, dim0: int = -2, dim1: int = -1) -> Array:
    """`input` with two axes swapped, y_ij = x_ji; a view.  Without axes: the last two, the transpose of a matrix.

    Shapes: input (..., n, ..., m, ...); result (..., m, ..., n, ...).
    """
    if input.ndim == 0 and dim0 in (-2, -1, 0) and dim1 in (-1, 0):
        return input[...]  # as in PyTorch, a 0-d array is its own transpose
    return np.swapaxes(input, dim0, dim1)


@transpose.vjp("input")
def _(g, dim0, dim1):
    return transpose(g, dim0, dim1)


@op(tex=r"{input}", promotion="none", view=True)
def permute(input: Array, dims: tuple[int, ...]) -> Array:
    """`input` with its axes in the order `dims`: y_jki = x_ijk for dims (1, 2, 0); a view.

    Shapes: input of d axes; result (input.shape[dims[0]], ..., input.shape[dims[d - 1]]).
    """
    return np.transpose(input, dims)


@permute.vjp("input")
def _(g, dims):
    return permute(g, tuple(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims))))


@op(tex=r"[{tensors}]")
def cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Arrays joined along an existing axis, [x_0, x_1, ...].

    All other sizes must agree, but an empty vector counts as nothing.

    Shapes: tensors (..., n_0, ...), (..., n_1, ...), ...; result (..., n_0 + n_1 + ..., ...).
    """
    return np.concatenate([t for t in tensors if getattr(t, "shape", ()) != (0,)] or tensors, dim)


@cat.vjp("tensors")
def _(g, position, tensors_shape, dim):
    if tensors_shape[position] == (0,):
        return reshape(g[:0], (0,))
    start = sum(shape[dim] for shape in tensors_shape[:position] if shape != (0,))
    return g[along(dim, slice(start, start + tensors_shape[position][dim]))]


@op(tex=r"\operatorname{{pad}}({input}, {pad})", promotion="none")
def pad(input: Array, pad: Sequence[int], value: float = 0.0) -> Array:
    """`input` with `value` added around it, y_(i + left) = x_i, as `torch.nn.functional.pad` in constant mode.

    `pad` counts from the last axis: (left, right, top, bottom, ...); a negative count crops.

    Shapes: input (..., h, w); result (..., top + h + bottom, left + w + right) for four counts.
    """
    widths = pad_widths(pad, input.ndim)
    shape = [a + n + b for (a, b), n in zip(widths, input.shape, strict=True)]
    if any(n < 0 for n in shape):
        raise ValueError(f"pad: {list(pad)} crops more than there is of {tuple(input.shape)}")
    result = np.zeros(shape, input.dtype, like=input)  # np.pad: four times as slow for a small image
    if value:
        result[...] = value
    inside = tuple(slice(max(a, 0), max(n - max(b, 0), 0)) for (a, b), n in zip(widths, shape, strict=True))
    kept = tuple(slice(max(-a, 0), max(n - max(-b, 0), 0)) for (a, b), n in zip(widths, input.shape, strict=True))
    result[inside] = input[kept]
    return result


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


@op(tex=r"\operatorname{{flip}}_{{{dims}}}({input})", promotion="none")
def flip(input: Array, dims: int | Sequence[int]) -> Array:
    """`input` with the order of its elements reversed along `dims`: y_i = x_(n - 1 - i); a copy.

    Shapes: result that of input.
    Raises IndexError for an axis that there is not, ValueError for one that is given twice.

    >>> import tinygrad_lite as tg
    >>> tg.flip(tg.tensor([[1, 2], [3, 4]]), (0,))
    tensor([[3, 4],
            [1, 2]])
    """
    axes = (dims,) if isinstance(dims, int) else tuple(dims)
    return np.flip(input, axes if input.ndim else ()).copy()


@flip.vjp("input")
def _(g, dims):
    return flip(g, dims)


@op(tex=r"\operatorname{{roll}}({input}, {shifts})", promotion="none")
def roll(input: Array, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Array:
    """`input` with its elements moved by `shifts` along `dims`: y_((i + s) mod n) = x_i.

    Without `dims` the elements are moved in the order in which they lie, and the shape stays.

    Shapes: result that of input.
    Raises RuntimeError unless there is one shift per axis, IndexError for an axis that there is not.

    >>> import tinygrad_lite as tg
    >>> tg.roll(tg.arange(5), 2)
    tensor([3, 4, 0, 1, 2])
    """
    by = [shifts] if isinstance(shifts, int) else list(shifts)
    axes = [dims] if isinstance(dims, int) else list(dims or ())
    if len(by) != (len(axes) if axes else 1):
        raise RuntimeError(f"roll: shifts and dimensions must align, got shifts {shifts} and dims {dims}")
    return np.roll(input, tuple(by), tuple(axes)) if axes else np.roll(input, by[0])


@roll.vjp("input")
def _(g, shifts, dims):
    return roll(g, -shifts if isinstance(shifts, int) else [-s for s in shifts], dims)


@op(tex=r"\operatorname{{tril}}({input})", promotion="none")
def tril(input: Array, diagonal: int = 0) -> Array:
    """The lower triangles of matrices: y_ij = x_ij where j - i <= `diagonal`, else 0.

    Shapes: input (..., n, m); result the same.
    Raises RuntimeError for fewer than two axes.
    """
    if input.ndim < 2:
        raise RuntimeError(f"tril: input tensor must have at least 2 dimensions, got shape {tuple(input.shape)}")
    return np.tril(input, diagonal)


@tril.vjp("input")
def _(g, diagonal):
    return tril(g, diagonal)


@op(tex=r"\operatorname{{triu}}({input})", promotion="none")
def triu(input: Array, diagonal: int = 0) -> Array:
    """The upper triangles of matrices: y_ij = x_ij where j - i >= `diagonal`, else 0.

    Shapes: input (..., n, m); result the same.
    Raises RuntimeError for fewer than two axes.
    """
    if input.ndim < 2:
        raise RuntimeError(f"triu: input tensor must have at least 2 dimensions, got shape {tuple(input.shape)}")
    return np.triu(input, diagonal)


@triu.vjp("input")
def _(g, diagonal):
    return triu(g, diagonal)


@op(tex=r"\operatorname{{diag}}({input})", promotion="none", view=True)
def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """The diagonals of the matrices along two axes, as the last axis: y_...i = x_...(i, i + offset); a view.

    Shapes: input (..., n, m); result (..., min(n, m)) for offset 0.
    Raises ValueError if both axes are the same one, IndexError for an axis that there is not.

    >>> import tinygrad_lite as tg
    >>> tg.diagonal(tg.tensor([[1, 2, 3], [4, 5, 6]]), 1)
    tensor([2, 6])
    """
    return diagonal_of(input, offset, dim1, dim2)


def diagonal_of(array: Array, offset: int, dim1: int, dim2: int) -> Array:
    """`np.diagonal`, which is read-only, as a view that can be written to."""
    dim1, dim2 = (range(array.ndim)[d] for d in (dim1, dim2))
    if dim1 == dim2:
        raise ValueError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    matrices = np.moveaxis(array, (dim1, dim2), (-2, -1))
    square = matrices[..., max(-offset, 0) :, max(offset, 0) :]
    n = min(square.shape[-2:])
    return np.einsum("...ii->...i", square[..., :n, :n])


@diagonal.vjp("input")
def _(g, input_shape, offset, dim1, dim2):
    return diagonal_backward(g, input_shape, offset, dim1, dim2)


@op(tex=r"\operatorname{{diag}}({input})", promotion="none")
def diagonal_backward(input: Array, shape: tuple[int, ...], offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """The transpose of `diagonal`: zeros of `shape` with `input` on the diagonals:

    y_...(i, i + offset) = x_...i.

    Shapes: input (..., min(n, m)) for offset 0; result `shape`, (..., n, m).
    """
    result = np.zeros(shape, input.dtype, like=input)
    diagonal_of(result, offset, dim1, dim2)[...] = input
    return result


@diagonal_backward.vjp("input")
def _(g, offset, dim1, dim2):
    return diagonal(g, offset, dim1, dim2)


@op(tex=r"\operatorname{{unfold}}({input})", promotion="none", view=True)
def unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    """All windows of `size` elements along an axis, `step` apart, the elements of a window along a new last axis.

    y_(..., w, ..., k) = x_(..., w * step + k, ...).  A view that cannot be written to, because windows may overlap; on
    a GPU a copy.
    Shapes: input (..., n, ...); result (..., (n - size) // step + 1, ..., size).
    Raises RuntimeError for a window larger than the axis or a step that is not positive.

    >>> import tinygrad_lite as tg
    >>> tg.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    x = input if input.ndim else input.reshape(1)
    axis = range(x.ndim)[dimension]
    if not 0 <= size <= x.shape[axis]:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {x.shape[axis]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size == 0:  # windows of nothing: sliding_window_view refuses them
        shape = [n // step + 1 if i == axis else n for i, n in enumerate(x.shape)]
        windows = np.zeros((*shape, 0), x.dtype, like=x)
    else:
        windows = np.lib.stride_tricks.sliding_window_view(x, size, axis)
        if windows.base is None:  # CuPy's do not know whose memory they are, so writes to it would go unnoticed
            windows = windows.copy()
        windows = windows[along(axis, slice(None, None, step))]
    return windows if input.ndim else windows[0]


@unfold.vjp("input")
def _(g, input_shape, dimension, size, step):
    return unfold_backward(g, input_shape, dimension, size, step)


@op(tex=r"\operatorname{{fold}}({input})", promotion="none")
def unfold_backward(input: Array, shape: tuple[int, ...], dimension: int, size: int, step: int) -> Array:
    """The transpose of `unfold`: zeros of `shape` with each window added at its place:

    y_(..., i, ...) = sum of x_(..., w, ..., k) over w * step + k = i.

    Shapes: input (..., (n - size) // step + 1, ..., size); result `shape`, (..., n, ...).
    """
    result = np.zeros(shape or (1,), input.dtype, like=input)
    axis = range(result.ndim)[dimension]
    windows = input if shape else input[None]
    last = (windows.shape[axis] - 1) * step
    for k in range(size):
        result[along(axis, slice(k, k + last + 1, step))] += windows[..., k]
    return result.reshape(shape)


@unfold_backward.vjp("input")
def _(g, dimension, size, step):
    return unfold(g, dimension, size, step)


@op(tex=r"{source}", promotion="none")
def copy_to(input: Array, source: Array) -> Array:
    """`source` in the shape and dtype of `input`: what `input.copy_(source)` writes.

    Shapes: source broadcasts to that of input; result that of input.
    Raises RuntimeError or ValueError where `source` cannot be broadcast to that shape.
    """
    if np.ndim(source) > input.ndim:  # NumPy would drop axes of size 1
        raise RuntimeError(f"output with shape {input.shape} doesn't match the broadcast shape {source.shape}")
    result = np.empty_like(input)
    result[...] = source
    return result


@copy_to.vjp("input")
def _(g):
    return zeros_of(g)


@copy_to.vjp("source")
def _(g):
    return g


@op(tex=r"{input}", promotion="none")
def to_device(input: Array, device: str) -> Array:
    """y = input, in the memory of another device; the gradient comes back to where `input` is."""
    return backend.transfer(input, backend.named(device))


@to_device.vjp("input")
def _(g, input):
    return to_device(g, backend.of(input.array if hasattr(input, "array") else input).device)
