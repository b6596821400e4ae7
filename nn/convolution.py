"""Convolution and its transpose in one, two and three dimensions, and the windows that they are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from .. import ops
from .._tensor import Tensor
from ..creation import empty
from ..ops.convolution import conv_size
from ..random import Generator
from . import init
from .module import FunctionModule, Module, Parameter
from .padding import pad

Size: TypeAlias = int | Sequence[int]


def sizes(value: Any, ndim: int, name: str, least: int = 0) -> tuple[int, ...]:
    """A setting as one integer per axis.

    Raises RuntimeError for another count of them or one below `least`, TypeError for what is no integer.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if any(not hasattr(v, "__index__") for v in given):
        raise TypeError(f"{name} must be an int or a tuple of ints, got {value!r}")
    if len(given) not in (1, ndim):
        raise RuntimeError(f"{name} must have {ndim} numbers, got {value!r}")
    if min(given, default=least) < least:
        raise RuntimeError(f"{name} must be at least {least}, got {value!r}")
    return tuple(map(int, given * (ndim // len(given))))


def batched(name: str, input: Any, ndim: int) -> tuple[Any, bool]:
    """The input as a batch, and whether it was one image without a batch axis.

    Raises RuntimeError for another number of axes.
    """
    if input.ndim not in (ndim + 1, ndim + 2):
        raise RuntimeError(f"Expected {ndim + 1}D (unbatched) or {ndim + 2}D (batched) input to {name}, but got input "
                           f"of size: {list(input.shape)}")
    alone = input.ndim == ndim + 1
    return (ops.reshape(input, (1, *input.shape)) if alone else input), alone


def _check(name: str, input: Any, weight: Any, bias: Any, channels: int, made: int, groups: int) -> None:
    """Raise RuntimeError unless weight and bias fit an input with these channels, and all have one floating dtype."""
    dtypes = [x.dtype for x in (input, weight, bias) if x is not None]
    if dtypes[0].kind != "f" or any(d != dtypes[0] for d in dtypes):
        raise RuntimeError(f"{name}: expected input, weight and bias of one floating dtype, got "
                           + ", ".join(map(str, dtypes)))
    if groups < 1 or weight.shape[0] % groups or not weight.shape[0]:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} and divisible by it at "
                           f"dimension 0, but got weight of size {list(weight.shape)} instead")
    if input.shape[1] != channels:
        raise RuntimeError(f"Given groups={groups}, weight of size {list(weight.shape)}, expected input"
                           f"{list(input.shape)} to have {channels} channels, but got {input.shape[1]} instead")
    if 0 in weight.shape[1:]:
        raise RuntimeError(f"{name}: weight of size {list(weight.shape)} has no elements")
    if bias is not None and bias.shape != (made,):
        raise RuntimeError(f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {made} "
                           f"elements, but got bias of size {list(bias.shape)} instead")


def _conv(ndim: int, input: Any, weight: Any, bias: Any, stride: Size, padding: Size | str, dilation: Size,
          groups: int) -> Any:
    name = f"conv{ndim}d"
    input, alone = batched(name, input, ndim)
    if weight.ndim != ndim + 2:
        raise RuntimeError(f"{name}: expected a weight with {ndim + 2} axes, got size {list(weight.shape)}")
    stride, dilation = sizes(stride, ndim, "stride", 1), sizes(dilation, ndim, "dilation", 1)
    _check(name, input, weight, bias, weight.shape[1] * groups, weight.shape[0], groups)
    kernel = weight.shape[2:]
    if padding == "same":
        if stride != (1,) * ndim:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        both = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        before = tuple(p // 2 for p in both)
    elif isinstance(padding, str) and padding != "valid":
        raise RuntimeError(f"Invalid padding string: {padding!r}; expected 'valid' or 'same'")
    else:
        before = sizes(0 if padding == "valid" else padding, ndim, "padding")
        both = tuple(2 * p for p in before)
    size = tuple(map(conv_size, input.shape[2:], kernel, stride, both, dilation))
    if min(size) < 1:
        padded = [n + p for n, p in zip(input.shape[2:], both, strict=True)]
        raise RuntimeError(f"Calculated padded input size per channel: {padded}. Kernel size: "
                           f"{[d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]}. "
                           "Kernel size can't be greater than actual input size")
    y = ops.conv(input, weight, size, stride, before, dilation, groups, bias)
    return ops.reshape(y, y.shape[1:]) if alone else y


def conv1d(input: Any, weight: Any, bias: Any = None, stride: Size = 1, padding: Size | str = 0, dilation: Size = 1,
           groups: int = 1) -> Any:
    """`conv2d` along one axis.

    Shapes: input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,); result (N, O, L_out) or (O, L_out).

    >>> import tinygrad_lite as tg
    >>> difference = tg.tensor([[[-1.0, 1.0]]])
    >>> tg.nn.functional.conv1d(tg.tensor([[1.0, 2.0, 4.0, 7.0]]), difference)
    tensor([[1., 2., 3.]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Any, weight: Any, bias: Any = None, stride: Size = 1, padding: Size | str = 0, dilation: Size = 1,
           groups: int = 1) -> Any:
    """The cross-correlation of images with `weight`, plus `bias`; what networks call convolution.

    y[n, o, p, q] = bias[o] + sum over c, i, j of
    weight[o, c, i, j] * input[n, c, p * stride + i * dilation - padding, q * stride + j * dilation - padding]

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, kH, kW), bias (O,); result (N, O, H_out, W_out) or
    (O, H_out, W_out) with H_out = (H + 2 * padding - dilation * (kH - 1) - 1) // stride + 1.  `padding` may be "valid",
    which is 0, or "same", which keeps the size.  With `groups` each part of the output sees only its part of the input.

    Raises RuntimeError where shapes, dtypes or settings do not fit, or the kernel is larger than the padded input.
    Source: Dumoulin, Visin, A guide to convolution arithmetic for deep learning, arXiv 1603.07285.

    >>> import tinygrad_lite as tg
    >>> images, weight = tg.ones(64, 1, 28, 28), tg.ones(16, 1, 5, 5)
    >>> tg.nn.functional.conv2d(images, weight, padding=2).shape
    (64, 16, 28, 28)
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Any, weight: Any, bias: Any = None, stride: Size = 1, padding: Size | str = 0, dilation: Size = 1,
           groups: int = 1) -> Any:
    """`conv2d` along three axes: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, kD, kH, kW).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.conv3d(tg.ones(2, 1, 8, 8, 8), tg.ones(4, 1, 3, 3, 3)).shape
    (2, 4, 6, 6, 6)
    """
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(ndim: int, input: Any, weight: Any, bias: Any, stride: Size, padding: Size, output_padding: Size,
                    groups: int, dilation: Size) -> Any:
    name = f"conv_transpose{ndim}d"
    input, alone = batched(name, input, ndim)
    if weight.ndim != ndim + 2:
        raise RuntimeError(f"{name}: expected a weight with {ndim + 2} axes, got size {list(weight.shape)}")
    stride, dilation = sizes(stride, ndim, "stride", 1), sizes(dilation, ndim, "dilation", 1)
    padding, behind = sizes(padding, ndim, "padding"), sizes(output_padding, ndim, "output_padding")
    _check(name, input, weight, bias, weight.shape[0], weight.shape[1] * groups, groups)
    if any(b >= max(s, d) for b, s, d in zip(behind, stride, dilation, strict=True)):
        raise RuntimeError("output padding must be smaller than either stride or dilation, but got output_padding "
                           f"{behind}, stride {stride}, dilation {dilation}")
    settings = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, behind, strict=True)
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + b + 1 for n, k, s, p, d, b in settings)
    if min(size) < 1 or 0 in input.shape[2:]:
        raise RuntimeError(f"Given input size per channel: {list(input.shape[2:])}. Calculated output size per "
                           f"channel: {list(size)}. Output size is too small")
    y = ops.conv_transpose(input, weight, size, stride, padding, dilation, groups, bias)
    return ops.reshape(y, y.shape[1:]) if alone else y


def conv_transpose1d(input: Any, weight: Any, bias: Any = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Any:
    """`conv_transpose2d` along one axis.

    Shapes: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,); result (N, O, L_out) or (O, L_out).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.conv_transpose1d(tg.tensor([[1.0, 2.0]]), tg.ones(1, 1, 2), stride=2)
    tensor([[1., 1., 2., 2.]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Any, weight: Any, bias: Any = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Any:
    """The transpose of `conv2d`, its gradient with respect to the input: each element is spread over a window.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, kH, kW), bias (O,); result (N, O, H_out, W_out) with
    H_out = (H - 1) * stride - 2 * padding + dilation * (kH - 1) + output_padding + 1.  Several sizes lead to the same
    size under `conv2d` with a stride; `output_padding` says which of them is meant.

    Raises RuntimeError where shapes, dtypes or settings do not fit.
    Source: as `conv2d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.conv_transpose2d(tg.ones(1, 4, 7, 7), tg.ones(4, 2, 3, 3), stride=2, padding=1).shape
    (1, 2, 13, 13)
    """
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Any, weight: Any, bias: Any = None, stride: Size = 1, padding: Size = 0,
                     output_padding: Size = 0, groups: int = 1, dilation: Size = 1) -> Any:
    """`conv_transpose2d` along three axes: input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, kD, kH, kW).

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.conv_transpose3d(tg.ones(2, 1, 3, 3, 3), tg.ones(1, 4, 2, 2, 2), stride=2).shape
    (2, 4, 6, 6, 6)
    """
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def unfold(input: Any, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Any:
    """The windows of images as columns (im2col).

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C * kH * kW, L) or (C * kH * kW, L) for L windows.
    Raises RuntimeError where the windows do not fit.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.unfold(tg.arange(9.0).reshape(1, 3, 3), 2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    input, alone = batched("unfold", input, 2)
    y = ops.im2col(input, *_windows("unfold", input.shape[2:], kernel_size, dilation, padding, stride))
    return ops.reshape(y, y.shape[1:]) if alone else y


def fold(input: Any, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0,
         stride: Size = 1) -> Any:
    """The transpose of `unfold`: columns added up where their windows are (col2im).

    Shapes: input (N, C * kH * kW, L) or (C * kH * kW, L), result (N, C, *output_size) or (C, *output_size).
    Raises RuntimeError where the columns are not those of such images.

    >>> import tinygrad_lite as tg
    >>> tg.nn.functional.fold(tg.ones(4, 4), 3, 2)
    tensor([[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]])
    """
    input, alone = batched("fold", input, 1)
    output_size = sizes(output_size, 2, "output_size", 1)
    kernel, size, *settings = _windows("fold", output_size, kernel_size, dilation, padding, stride)
    if input.shape[1] % math.prod(kernel) or input.shape[2] != math.prod(size):
        raise RuntimeError(f"fold: the windows {kernel} of images of size {output_size} are {math.prod(size)} columns "
                           f"of a multiple of {math.prod(kernel)} elements, but got input of size {list(input.shape)}")
    y = ops.col2im(input, output_size, kernel, size, *settings)
    return ops.reshape(y, y.shape[1:]) if alone else y


def _windows(name: str, input_size: Sequence[int], kernel_size: Size, dilation: Size, padding: Size,
             stride: Size) -> tuple[tuple[int, ...], ...]:
    """The settings of `ops.im2col`: kernel, number of windows, stride, padding, dilation."""
    kernel, dilation = sizes(kernel_size, 2, "kernel_size", 1), sizes(dilation, 2, "dilation", 1)
    padding, stride = sizes(padding, 2, "padding"), sizes(stride, 2, "stride", 1)
    size = tuple(map(conv_size, input_size, kernel, stride, (2 * p for p in padding), dilation))
    if min(size) < 1:
        raise RuntimeError(f"{name}: there is no window {kernel} with dilation {dilation} in an image of size "
                           f"{tuple(input_size)} with padding {padding}")
    return kernel, size, stride, padding, dilation


# --- modules ----------------------------------------------------------------------------------------------------------


class _Convolution(Module):
    """What the convolutions share: their settings, parameters and how these start.

    Both parameters start from U(-k, k) with k = 1/sqrt(fan_in), PyTorch's choice (`kaiming_uniform_` with a = sqrt(5)).
    """

    ndim: int
    transposed = False
    padding: Any
    weight: Parameter
    bias: Parameter | None

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size, padding: Size | str,
                 output_padding: Size, dilation: Size, groups: int, bias: bool, padding_mode: str, device: str | None,
                 dtype: Any, generator: Generator | None) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{'in' if in_channels % groups else 'out'}_channels must be divisible by groups")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = sizes(kernel_size, self.ndim, "kernel_size")
        self.stride = sizes(stride, self.ndim, "stride")
        self.padding = padding if isinstance(padding, str) else sizes(padding, self.ndim, "padding")
        self.dilation = sizes(dilation, self.ndim, "dilation")
        self.output_padding = sizes(output_padding, self.ndim, "output_padding")
        self.groups = groups
        self.padding_mode = padding_mode
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
        if padding == "same" and set(self.stride) != {1}:
            raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError("padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', "
                             f"but got padding_mode='{padding_mode}'")
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty(first, second // groups, *self.kernel_size, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound, generator)

    def extra_repr(self) -> str:
        """`3, 16, kernel_size=(5, 5), stride=(1, 1)`, and what differs from the default."""
        shown = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        defaults = {"padding": (0,) * self.ndim, "dilation": (1,) * self.ndim, "output_padding": (0,) * self.ndim,
                    "groups": 1}
        shown += "".join(f", {name}={getattr(self, name)}" for name, default in defaults.items()
                         if getattr(self, name) != default)
        shown += "" if self.bias is not None else ", bias=False"
        return shown + ("" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}")


class _Conv(_Convolution):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1,
                 padding: Size | str = 0, dilation: Size = 1, groups: int = 1, bias: bool = True,
                 padding_mode: str = "zeros", device: str | None = None, dtype: Any = None, *,
                 generator: Generator | None = None) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias,
                         padding_mode, device, dtype, generator)

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of the input with `weight`, plus `bias`."""
        if self.padding_mode != "zeros":
            input = pad(input, self._widths(), self.padding_mode)
        padding = self.padding if self.padding_mode == "zeros" else "valid"
        return _conv(self.ndim, input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _widths(self) -> list[int]:
        """The padding as `pad` takes it: before and behind, last axis first."""
        widths = []
        for i in range(self.ndim - 1, -1, -1):
            if self.padding == "same":
                both = self.dilation[i] * (self.kernel_size[i] - 1)
                widths += [both // 2, both - both // 2]
            else:
                widths += [0 if isinstance(self.padding, str) else self.padding[i]] * 2
        return widths


class Conv1d(_Conv):
    """`functional.conv1d` with `weight` of shape (out_channels, in_channels / groups, K) and `bias` (out_channels,).

    Shapes: input (N, C, L) or (C, L).  `padding_mode` says what stands in the padding: "zeros", "reflect", "replicate"
    or "circular".  Both parameters start from U(-k, k) with k = 1/sqrt(in_channels / groups * K).

    >>> import tinygrad_lite as tg
    >>> tg.nn.Conv1d(16, 33, 3, stride=2)(tg.zeros(20, 16, 50)).shape
    (20, 33, 24)
    """

    ndim = 1


class Conv2d(_Conv):
    """`functional.conv2d` with `weight` of shape (out_channels, in_channels / groups, kH, kW) and `bias`.

    Shapes: input (N, C, H, W) or (C, H, W).  `padding_mode` and start: as `Conv1d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Conv2d(1, 16, 5, padding=2)
    Conv2d(1, 16, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """

    ndim = 2


class Conv3d(_Conv):
    """`functional.conv3d` with `weight` of shape (out_channels, in_channels / groups, kD, kH, kW) and `bias`.

    Shapes: input (N, C, D, H, W) or (C, D, H, W).  `padding_mode` and start: as `Conv1d`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Conv3d(1, 4, 3)(tg.zeros(2, 1, 8, 8, 8)).shape
    (2, 4, 6, 6, 6)
    """

    ndim = 3


class _ConvTranspose(_Convolution):
    transposed = True
    padding: tuple[int, ...]

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size = 0,
                 output_padding: Size = 0, groups: int = 1, bias: bool = True, dilation: Size = 1,
                 padding_mode: str = "zeros", device: str | None = None, dtype: Any = None, *,
                 generator: Generator | None = None) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups,
                         bias, padding_mode, device, dtype, generator)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The transposed convolution of the input with `weight`, plus `bias`; `output_size` settles `output_padding`.

        Raises ValueError for an `output_size` that the settings cannot have.
        """
        behind = self.output_padding if output_size is None else self._behind(input, output_size)
        return _conv_transpose(self.ndim, input, self.weight, self.bias, self.stride, self.padding, behind,
                               self.groups, self.dilation)

    def _behind(self, input: Any, output_size: Sequence[int]) -> tuple[int, ...]:
        wanted = tuple(output_size)[-self.ndim :]
        settings = zip(input.shape[-self.ndim :], self.kernel_size, self.stride, self.padding, self.dilation,
                       strict=True)
        least = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in settings)
        behind = tuple(w - m for w, m in zip(wanted, least, strict=True)) if len(wanted) == self.ndim else (-1,)
        if len(output_size) not in (self.ndim, input.ndim) or any(
                not 0 <= b < s for b, s in zip(behind, self.stride, strict=False)):
            raise ValueError(f"requested an output size of {list(output_size)}, but valid sizes range from "
                             f"{list(least)} to {[m + s - 1 for m, s in zip(least, self.stride, strict=True)]}")
        return behind


class ConvTranspose1d(_ConvTranspose):
    """`functional.conv_transpose1d` with `weight` of shape (in_channels, out_channels / groups, K) and `bias`.

    Both parameters start from U(-k, k) with k = 1/sqrt(out_channels / groups * K).

    >>> import tinygrad_lite as tg
    >>> tg.nn.ConvTranspose1d(2, 3, 4, stride=2)(tg.zeros(5, 2, 7)).shape
    (5, 3, 16)
    """

    ndim = 1


class ConvTranspose2d(_ConvTranspose):
    """`functional.conv_transpose2d` with `weight` of shape (in_channels, out_channels / groups, kH, kW) and `bias`.

    >>> import tinygrad_lite as tg
    >>> up = tg.nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
    >>> up(tg.zeros(1, 16, 6, 6), output_size=(12, 12)).shape
    (1, 16, 12, 12)
    """

    ndim = 2


class ConvTranspose3d(_ConvTranspose):
    """`functional.conv_transpose3d` with `weight` of shape (in_channels, out_channels / groups, kD, kH, kW) and `bias`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.ConvTranspose3d(1, 4, 2, stride=2)(tg.zeros(2, 1, 3, 3, 3)).shape
    (2, 4, 6, 6, 6)
    """

    ndim = 3


class Unfold(FunctionModule):
    """`functional.unfold`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Unfold(3, padding=1)(tg.zeros(2, 5, 4, 4)).shape
    (2, 45, 16)
    """

    function = staticmethod(unfold)

    def __init__(self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> None:
        super().__init__(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


class Fold(FunctionModule):
    """`functional.fold`.

    >>> import tinygrad_lite as tg
    >>> tg.nn.Fold((4, 4), 2, stride=2)(tg.zeros(2, 12, 4)).shape
    (2, 3, 4, 4)
    """

    function = staticmethod(fold)

    def __init__(self, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0,
                 stride: Size = 1) -> None:
        super().__init__(output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding,
                         stride=stride)
