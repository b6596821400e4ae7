"""Images of another size: interpolation, and pixels made of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..creation import tensor
from ..ops.reduce import narrowed, widened
from ..ops.shape import along
from .module import FunctionModule
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d

LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}


def interpolate(input: Any, size: int | Sequence[int] | None = None,
                scale_factor: float | Sequence[float] | None = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
                antialias: bool = False) -> Any:
    """Images of another size, given as `size` or by `scale_factor`.

    Modes: "nearest" and "nearest-exact" take one element, "linear" (N, C, L), "bilinear" (N, C, H, W) and "trilinear"
    (N, C, D, H, W) mix the two around along each axis, "area" takes means.  Element i of m is at
    (i + 1/2) * n / m - 1/2 of the n there were, with `align_corners` at i * (n - 1) / (m - 1), with "nearest" at
    i * n / m; n / m is 1 / scale_factor where that is given, unless `recompute_scale_factor`.

    Shapes: input (N, C, *), result (N, C, *size), with size = floor(scale_factor * input size) where that is given.
    Raises ValueError where size or scale_factor do not fit, NotImplementedError for "bicubic" and `antialias`.

    >>> import tinygrad_lite as tg
    >>> x = tg.tensor([[[1.0, 2.0]]])
    >>> tg.nn.functional.interpolate(x, scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    >>> tg.nn.functional.interpolate(x, size=3, mode="linear", align_corners=True)
    tensor([[[1.0000, 1.5000, 2.0000]]])
    """
    ndim = input.ndim - 2
    if mode not in ("nearest", "nearest-exact", "area", *LINEAR.values()) or antialias:
        what = "antialias" if antialias else f"mode {mode!r}"
        raise NotImplementedError(f"interpolate: {what} is not supported")
    if ndim not in (1, 2, 3) or (mode in LINEAR.values() and mode != LINEAR[input.ndim]):
        raise NotImplementedError(f"interpolate: mode {mode!r} and an input with {input.ndim} axes do not fit")
    if align_corners is not None and mode not in LINEAR.values():
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | "
                         "trilinear")
    if (size is None) == (scale_factor is None):
        raise ValueError("only one of size or scale_factor should be defined" if size is not None else
                         "either size or scale_factor should be defined")
    shape = input.shape[2:]
    scales: Sequence[float | None] = (None,) * ndim
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        wanted = tuple(size) if isinstance(size, (tuple, list)) else (size,) * ndim
    else:
        factors: Any = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * ndim
        wanted = tuple(math.floor(n * f) for n, f in zip(shape, factors, strict=False))
        if not recompute_scale_factor:
            scales = tuple(factors)
    if len(wanted) != ndim or len(scales) != ndim:
        raise ValueError(f"Input and output must have the same number of spatial dimensions, but got input with "
                         f"spatial dimensions of {list(shape)} and size {size} or scale_factor {scale_factor}")
    if min(*wanted, *input.shape[1:]) < 1:
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input {list(input.shape)}, "
                           f"output {list(wanted)}")
    if mode == "area":
        if ndim == 3:
            raise NotImplementedError("interpolate: mode 'area' is supported for one and two axes")
        return (adaptive_avg_pool1d if ndim == 1 else adaptive_avg_pool2d)(input, wanted)
    dtype = input.dtype
    input = widened(input) if mode in LINEAR.values() else input
    for i in range(ndim - 1, -1, -1):
        dim, n, m, scale = i - ndim, shape[i], wanted[i], scales[i]
        if mode == "nearest-exact":
            input = _nearest(input, dim, m, scale, 0.5)
        elif m == n:  # as in PyTorch, also where a factor of 1.01 leads to this size; and twice it, by "nearest"
            continue
        elif mode == "nearest":
            input = _nearest(input, dim, m, None if m == 2 * n else scale, 0.0)
        else:
            input = _linear(input, dim, m, scale, bool(align_corners))
    return narrowed(input, dtype)


def _nearest(input: Any, dim: int, m: int, scale: float | None, middle: float) -> Any:
    """`m` of the elements along `dim`."""
    n = input.shape[dim]
    if m % n == 0 and scale in (None, m // n):  # each element so many times
        return ops.sum_unpool(input, dim, m // n, m, m // n, 0) if m != n else input
    step = np.float32(n / m if scale is None else 1 / scale)  # in float32, as in PyTorch, which decides between two
    places = [min(int(np.floor(np.float32(np.float32(i + middle) * step))), n - 1) for i in range(m)]
    return _taken(input, dim, places)


def _linear(input: Any, dim: int, m: int, scale: float | None, align_corners: bool) -> Any:
    """`m` mixtures of two neighbours along `dim`."""
    n = input.shape[dim]
    if align_corners:
        at = [i * (n - 1) / (m - 1) if m > 1 else 0.0 for i in range(m)]
    else:
        step = n / m if scale is None else 1 / scale
        at = [max((i + 0.5) * step - 0.5, 0.0) for i in range(m)]
    low = [min(int(x), n - 1) for x in at]
    part = tensor([min(x - i, 1.0) for x, i in zip(at, low, strict=True)], dtype=input.dtype, device=input.device)
    part = part.reshape(m, *(1,) * (-1 - dim))
    high = [min(i + 1, n - 1) for i in low]
    return (1 - part) * _taken(input, dim, low) + part * _taken(input, dim, high)


def _taken(input: Any, dim: int, places: list[int]) -> Any:
    """The elements at these places along `dim`."""
    return input[along(dim, tensor(places, device=input.device))]


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Channels as pixels: (*, C * r ** 2, H, W) becomes (*, C, H * r, W * r) with r = `upscale_factor`.

    Raises RuntimeError for fewer than three axes or a count of channels that r ** 2 does not divide.
    Source: Shi and others, Real-time single image and video super-resolution, CVPR 2016.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.pixel_shuffle(tg.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % r**2:
        raise RuntimeError(f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                           f"upscale_factor, but got input of size {list(input.shape)} and upscale_factor {r}")
    *lead, c, h, w = input.shape
    n = len(lead)
    apart = ops.permute(ops.reshape(input, (*lead, c // r**2, r, r, h, w)),
                        (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return ops.reshape(apart, (*lead, c // r**2, h * r, w * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Pixels as channels, the inverse of `pixel_shuffle`: (*, C, H * r, W * r) becomes (*, C * r ** 2, H, W).

    Raises RuntimeError for fewer than three axes or a height or width that r does not divide.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.pixel_unshuffle(tg.arange(4.0).reshape(1, 2, 2), 2).shape
    (4, 1, 1)
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-2] % r or input.shape[-1] % r:
        raise RuntimeError("pixel_unshuffle expects height and width to be divisible by downscale_factor, but got "
                           f"input of size {list(input.shape)} and downscale_factor {r}")
    *lead, c, h, w = input.shape
    n = len(lead)
    apart = ops.permute(ops.reshape(input, (*lead, c, h // r, r, w // r, r)),
                        (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return ops.reshape(apart, (*lead, c * r**2, h // r, w // r))


# --- modules ----------------------------------------------------------------------------------------------------------


class Upsample(FunctionModule):
    """Images of another size: `functional.interpolate`.

    Shapes: input (N, C, *), result (N, C, *size), with size = floor(scale_factor * input size) where that is given.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Upsample(scale_factor=2, mode="bilinear")(tg.zeros(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """

    function = staticmethod(interpolate)
    size: Any
    scale_factor: Any
    mode: str

    def __init__(self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None,
                 mode: str = "nearest", align_corners: bool | None = None,
                 recompute_scale_factor: bool | None = None) -> None:
        factor: Any = scale_factor or None
        if factor is not None:
            factor = tuple(map(float, factor)) if isinstance(factor, (tuple, list)) else float(factor)
        super().__init__(size=size, scale_factor=factor, mode=mode, align_corners=align_corners,
                         recompute_scale_factor=recompute_scale_factor)

    def extra_repr(self) -> str:
        """`scale_factor=2.0, mode='nearest'`."""
        given = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{given}, mode={self.mode!r}"


class PixelShuffle(FunctionModule):
    """`functional.pixel_shuffle`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.PixelShuffle(3)(tg.zeros(1, 9, 4, 4)).shape
    (1, 1, 12, 12)
    """

    function = staticmethod(pixel_shuffle)

    def __init__(self, upscale_factor: int) -> None:
        super().__init__(upscale_factor=upscale_factor)


class PixelUnshuffle(FunctionModule):
    """`functional.pixel_unshuffle`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.PixelUnshuffle(3)(tg.zeros(1, 1, 12, 12)).shape
    (1, 9, 4, 4)
    """

    function = staticmethod(pixel_unshuffle)

    def __init__(self, downscale_factor: int) -> None:
        super().__init__(downscale_factor=downscale_factor)
