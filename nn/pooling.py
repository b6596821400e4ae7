"""Pooling: the largest element, the mean or the p-norm of each window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import ops
from ..creation import arange, tensor
from ..engine import dtypes
from ..engine.dtypes import check_floating
from ..ops.reduce import narrowed, widened
from ..ops.shape import along
from .convolution import Size, batched, sizes
from .module import FunctionModule

AdaptiveSize: TypeAlias = int | Sequence[int | None] | None


def _pooled_size(name: str, n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows there are along an axis; with `ceil_mode` also one that is cut off, if it starts inside.

    Raises RuntimeError if there is none, or `padding` is more than half of a window.
    """
    if padding * 2 > kernel:
        raise RuntimeError(f"{name}: pad should be at most half of effective kernel size, but got pad={padding}, "
                           f"kernel_size={kernel}")
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    size = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1
    if size < 1 or n < 1:
        raise RuntimeError(f"{name}: given input size {n} along an axis, the calculated output size {max(size, 0)} is "
                           "too small")
    return size


# --- the largest ------------------------------------------------------------------------------------------------------


def _largest(input: Any, place: Any, dim: int, first: int, step: int, settings: tuple[int, ...]) -> tuple[Any, Any]:
    """The largest element of each window along `dim`, and where it is in the image, whose axes so far are in `place`.

    `first` is where `input` starts along this axis, and `step` how far apart its elements are in the flattened image.
    """
    kernel, size, stride, padding, dilation = settings
    y = ops.max_pool(input, dim, kernel, size, stride, padding, dilation)
    if place is None:
        return y, None
    chosen = ops.pool_argmax(input.detach(), y.detach(), dim, kernel, stride, padding, dilation)
    starts = arange(size, device=input.device) * stride + (first - padding)
    there = ops.reshape(starts, (size,) + (1,) * (-1 - dim)) + chosen.to(dtypes.int64) * dilation
    return y, there * step + ops.pool_gather(place, chosen, dim, kernel, stride, padding, dilation)


def _max_pool(ndim: int, input: Any, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size,
              ceil_mode: bool, return_indices: bool) -> Any:
    name = f"max_pool{ndim}d"
    batched(name, input, ndim)
    kernel, dilation = sizes(kernel_size, ndim, "kernel_size", 1), sizes(dilation, ndim, "dilation", 1)
    stride = kernel if stride in (None, [], ()) else sizes(stride, ndim, "stride", 1)
    padding = sizes(padding, ndim, "padding")
    shape = input.shape[-ndim:]
    size = [_pooled_size(name, n, k, s, p, d, ceil_mode)
            for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True)]
    place = _nowhere(input) if return_indices else None
    for i in range(ndim - 1, -1, -1):
        settings = (kernel[i], size[i], stride[i], padding[i], dilation[i])
        input, place = _largest(input, place, i - ndim, 0, math.prod(shape[i + 1 :]), settings)
    return (input, place) if return_indices else input


def _nowhere(input: Any) -> Any:
    """Zeros, one for each element."""
    return tensor(0, device=input.device).expand(*input.shape)


def max_pool1d(input: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """`max_pool2d` along one axis.

    Shapes: input (N, C, L) or (C, L), result (N, C, L_out) or (C, L_out) with L_out as H_out in `max_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 0.0, 5.0]]), 2)
    tensor([[3., 2.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:
    """The largest element of each window of images; the gradient goes to the first of equal ones.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C, H_out, W_out) or (C, H_out, W_out), with
    H_out = (H + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1, rounded up with `ceil_mode`, where a
    window may be cut off.  `stride` is `kernel_size` unless given.  With `return_indices` also where each is in its
    flattened image.

    Raises RuntimeError for settings that leave no window, or padding of more than half of one.

    >>> import tinygrad_lite as tg
    >>> x = tg.arange(16.0).reshape(1, 4, 4)
    >>> tg.nn.functional.max_pool2d(x, 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


# --- the mean ---------------------------------------------------------------------------------------------------------


def _avg_pool(ndim: int, input: Any, kernel_size: Size, stride: Size | None, padding: Size, ceil_mode: bool,
              count_include_pad: bool, divisor_override: int | None) -> Any:
    name = f"avg_pool{ndim}d"
    batched(name, input, ndim)
    check_floating(name, input)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    kernel, padding = sizes(kernel_size, ndim, "kernel_size", 1), sizes(padding, ndim, "padding")
    stride = kernel if stride in (None, [], ()) else sizes(stride, ndim, "stride", 1)
    dtype, counts = input.dtype, 1  # type: Any, Any
    input = widened(input)
    for i in range(ndim - 1, -1, -1):
        n, k, s, p = input.shape[i - ndim], kernel[i], stride[i], padding[i]
        size = _pooled_size(name, n, k, s, p, 1, ceil_mode)
        input = ops.sum_pool(input, i - ndim, k, size, s, p)
        low, high = (-p, n + p) if count_include_pad else (0, n)
        here = [min(w * s - p + k, high) - max(w * s - p, low) for w in range(size)]
        if here != [here[0]] * size:  # windows at the border are smaller
            shape = (size,) + (1,) * (ndim - 1 - i)
            counts = tensor(here, dtype=input.dtype, device=input.device).reshape(shape) * counts
        else:
            counts = counts * here[0]
    return narrowed(input / (counts if divisor_override is None else divisor_override), dtype)


def avg_pool1d(input: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Any:
    """`avg_pool2d` along one axis.

    Shapes: input (N, C, L) or (C, L), result (N, C, L_out) or (C, L_out) with L_out as H_out in `max_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.avg_pool1d(tg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(input: Any, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Any:
    """The mean of each window of images; the padding counts as zeros unless `count_include_pad` is False.

    Shapes, `stride` and `ceil_mode`: as `max_pool2d`.  `divisor_override` is what the sum is divided by instead.
    Raises RuntimeError for integers, settings that leave no window, or padding of more than half of one.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.avg_pool2d(tg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(ndim: int, input: Any, norm_type: float, kernel_size: Size, stride: Size | None, ceil_mode: bool) -> Any:
    if math.isinf(norm_type):
        side = math.copysign(1.0, norm_type)
        return side * _max_pool(ndim, side * ops.abs(input), kernel_size, stride, 0, 1, ceil_mode, False)
    kernel = sizes(kernel_size, ndim, "kernel_size", 1)
    mean = _avg_pool(ndim, input ** float(norm_type), kernel, stride, 0, ceil_mode, True, None)
    none = mean == 0  # a root has no derivative there; the norm's is taken to be 0
    return ops.where(none, 0.0, (ops.where(none, 1.0, mean) * math.prod(kernel)) ** (1 / norm_type))


def lp_pool1d(input: Any, norm_type: float, kernel_size: Size, stride: Size | None = None,
              ceil_mode: bool = False) -> Any:
    """`lp_pool2d` along one axis.

    Shapes: input (N, C, L) or (C, L), result (N, C, L_out) or (C, L_out) with L_out as H_out in `max_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.lp_pool1d(tg.tensor([[3.0, 4.0, 0.0, 2.0]]), 2, 2)
    tensor([[5., 2.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Size, stride: Size | None = None,
              ceil_mode: bool = False) -> Any:
    """sum(x ** norm_type) ** (1 / norm_type) over each window of images; shapes as `max_pool2d`.

    Where it is 0 its gradient is 0.  A `norm_type` of inf or -inf means the largest or smallest |x|.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.lp_pool2d(tg.ones(1, 4, 4), 2, 2)
    tensor([[[2., 2.],
             [2., 2.]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


# --- adaptive: by the size of the result ------------------------------------------------------------------------------


def _adaptive(name: str, input: Any, output_size: AdaptiveSize, ndim: int) -> list[list[tuple[int, int]]]:
    """The windows of each axis, first and last + 1: window i of m is from i * n // m to (i + 1) * n / m, rounded up.

    Raises RuntimeError for a count of sizes or a size that does not fit.
    """
    batched(name, input, ndim)
    given: Any = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * ndim
    shape = input.shape[-ndim:]
    if len(given) != ndim or any(m is not None and m < 0 for m in given) or 0 in input.shape[1:]:
        raise RuntimeError(f"{name}: output_size must be {ndim} sizes that are not negative and the input must not be "
                           f"empty, got output_size {output_size!r} and input of size {list(input.shape)}")
    wanted = [n if m is None else m for m, n in zip(given, shape, strict=True)]
    return [[(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for m, n in zip(wanted, shape, strict=True)]


def _uniform(windows: list[tuple[int, int]], n: int) -> tuple[int, int] | None:
    """Kernel and stride, if all windows are alike."""
    kernel, stride = windows[0][1], n // len(windows)
    alike = all(w == (i * stride, i * stride + kernel) for i, w in enumerate(windows))
    return (kernel, stride) if stride and alike else None


def _between(x: Any, dim: int, low: int, high: int) -> Any:
    """x[low:high] along `dim`."""
    return ops.getitem(x, along(dim, slice(low, high)))


def _nothing(input: Any, dim: int) -> Any:
    return _between(input, dim, 0, 0)


def _adaptive_avg_pool(ndim: int, input: Any, output_size: AdaptiveSize) -> Any:
    name = f"adaptive_avg_pool{ndim}d"
    axes = _adaptive(name, input, output_size, ndim)
    check_floating(name, input)
    dtype, input = input.dtype, widened(input)
    for i in range(ndim - 1, -1, -1):
        dim, windows = i - ndim, axes[i]
        uniform = _uniform(windows, input.shape[dim]) if windows else None
        if uniform == (1, 1):
            continue
        if uniform is not None:
            kernel, stride = uniform
            input = ops.sum_pool(input, dim, kernel, len(windows), stride, 0) / kernel
        elif windows:
            input = ops.cat([ops.mean(_between(input, dim, low, high), dim, True) for low, high in windows], dim)
        else:
            input = _nothing(input, dim)
    return narrowed(input, dtype)


def _adaptive_max_pool(ndim: int, input: Any, output_size: AdaptiveSize, return_indices: bool) -> Any:
    axes = _adaptive(f"adaptive_max_pool{ndim}d", input, output_size, ndim)
    shape, place = input.shape[-ndim:], _nowhere(input) if return_indices else None
    for i in range(ndim - 1, -1, -1):
        dim, windows, step = i - ndim, axes[i], math.prod(shape[i + 1 :])
        uniform = _uniform(windows, shape[i]) if windows else None
        if uniform is not None:
            settings = (uniform[0], len(windows), uniform[1], 0, 1)
            input, place = _largest(input, place, dim, 0, step, settings)
        elif windows:
            found = [_largest(_between(input, dim, low, high),
                              None if place is None else _between(place, dim, low, high), dim, low, step,
                              (high - low, 1, 1, 0, 1)) for low, high in windows]
            input = ops.cat([y for y, _ in found], dim)
            place = None if place is None else ops.cat([p for _, p in found], dim)
        else:
            input, place = _nothing(input, dim), None if place is None else _nothing(place, dim)
    return (input, place) if return_indices else input


def adaptive_avg_pool1d(input: Any, output_size: AdaptiveSize) -> Any:
    """`adaptive_avg_pool2d` along one axis.

    Shapes: input (N, C, L) or (C, L), result (N, C, output_size) or (C, output_size).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.adaptive_avg_pool1d(tg.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
    tensor([[2., 4.]])
    """
    return _adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: AdaptiveSize) -> Any:
    """The means of as many windows as `output_size` says, which share the image as evenly as they can.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C, *output_size) or (C, *output_size); None keeps a size.
    Raises RuntimeError for sizes that do not fit, or integers.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.adaptive_avg_pool2d(tg.ones(64, 8, 10, 9), (1, None)).shape
    (64, 8, 1, 9)
    """
    return _adaptive_avg_pool(2, input, output_size)


def adaptive_max_pool1d(input: Any, output_size: AdaptiveSize, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` along one axis.

    Shapes: input (N, C, L) or (C, L), result (N, C, output_size) or (C, output_size).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.adaptive_max_pool1d(tg.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: AdaptiveSize, return_indices: bool = False) -> Any:
    """The largest elements of as many windows as `output_size` says; shapes and errors as `adaptive_avg_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.adaptive_max_pool2d(tg.arange(12.0).reshape(1, 3, 4), 2)
    tensor([[[ 5.,  7.],
             [ 9., 11.]]])
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


# --- modules ----------------------------------------------------------------------------------------------------------


class _MaxPool(FunctionModule):
    unprinted = frozenset({"return_indices"})

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
                 return_indices: bool = False, ceil_mode: bool = False) -> None:
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         dilation=dilation, return_indices=return_indices, ceil_mode=ceil_mode)


class MaxPool1d(_MaxPool):
    """`functional.max_pool1d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.MaxPool1d(3, stride=2)(tg.zeros(20, 16, 50)).shape
    (20, 16, 24)
    """

    function = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """`functional.max_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.MaxPool2d(2)(tg.zeros(64, 16, 28, 28)).shape
    (64, 16, 14, 14)
    """

    function = staticmethod(max_pool2d)


class _AvgPool(FunctionModule):
    unprinted = frozenset({"ceil_mode", "count_include_pad", "divisor_override"})


class AvgPool1d(_AvgPool):
    """The means of windows along one axis.  See `functional.avg_pool1d`.

    Shapes: input (N, C, L) or (C, L), result (N, C, L_out) or (C, L_out).

    >>> import tinygrad_lite as tg
    >>> tg.nn.AvgPool1d(2)(tg.ones(1, 1, 4))
    tensor([[[1., 1.]]])
    """

    function = staticmethod(avg_pool1d)

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__(kernel_size=sizes(kernel_size, 1, "kernel_size"),
                         stride=sizes(kernel_size if stride is None else stride, 1, "stride"),
                         padding=sizes(padding, 1, "padding"), ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AvgPool2d(_AvgPool):
    """`functional.avg_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.AvgPool2d(2)(tg.zeros(64, 16, 28, 28)).shape
    (64, 16, 14, 14)
    """

    function = staticmethod(avg_pool2d)

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None) -> None:
        super().__init__(kernel_size=kernel_size, stride=kernel_size if stride is None else stride, padding=padding,
                         ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor_override)


class _LPPool(FunctionModule):
    def __init__(self, norm_type: float, kernel_size: Size, stride: Size | None = None,
                 ceil_mode: bool = False) -> None:
        super().__init__(norm_type=norm_type, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)


class LPPool1d(_LPPool):
    """sum(x ** norm_type) ** (1 / norm_type) over windows along one axis.  See `functional.lp_pool1d`.

    Shapes: input (N, C, L) or (C, L), result (N, C, L_out) or (C, L_out).

    >>> import tinygrad_lite as tg
    >>> tg.nn.LPPool1d(2, 2)(tg.tensor([[[3.0, 4.0]]]))
    tensor([[[5.]]])
    """

    function = staticmethod(lp_pool1d)


class LPPool2d(_LPPool):
    """sum(x ** norm_type) ** (1 / norm_type) over windows of images.  See `functional.lp_pool2d`.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C, H_out, W_out) or (C, H_out, W_out).

    >>> import tinygrad_lite as tg
    >>> tg.nn.LPPool2d(2, 2)(tg.ones(1, 1, 2, 2))
    tensor([[[[2.]]]])
    """

    function = staticmethod(lp_pool2d)


class _AdaptiveAvgPool(FunctionModule):
    def __init__(self, output_size: AdaptiveSize) -> None:
        super().__init__(output_size=output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool1d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.AdaptiveAvgPool1d(5)(tg.zeros(1, 64, 8)).shape
    (1, 64, 5)
    """

    function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.AdaptiveAvgPool2d(1)(tg.zeros(64, 16, 7, 7)).shape
    (64, 16, 1, 1)
    """

    function = staticmethod(adaptive_avg_pool2d)


class _AdaptiveMaxPool(FunctionModule):
    unprinted = frozenset({"return_indices"})

    def __init__(self, output_size: AdaptiveSize, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool1d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.AdaptiveMaxPool1d(5)(tg.zeros(1, 64, 8)).shape
    (1, 64, 5)
    """

    function = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.AdaptiveMaxPool2d((5, None))(tg.zeros(1, 64, 8, 9)).shape
    (1, 64, 5, 9)
    """

    function = staticmethod(adaptive_max_pool2d)
